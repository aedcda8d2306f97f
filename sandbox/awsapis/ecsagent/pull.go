package ecsagent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"waybill.example/waybill/sandbox/awsapis/ecrlogin"
)

// authorize gets an authorization token for every private registry, in the
// registry's own Region.
func (t *task) authorize(ctx context.Context) error {
	for _, container := range t.definition.Containers {
		host, _, _ := strings.Cut(container.Image, "/")
		region, private := ecrlogin.Region(container.Image)
		if _, known := t.logins[host]; !private || known {
			continue
		}
		login, err := ecrlogin.Get(ctx, t.Gate.Client, t, region)
		if err != nil {
			return t.refused(HopECR, "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): ", err)
		}
		t.logins[host] = login
		t.done(HopECR, "an authorization token of %s for %s until %s", region, host, login.Expires.UTC().Format("2006-01-02 15:04:05Z"))
	}
	return nil
}

// reach stops a task that has no way out of its subnet: it would use any of the
// service's. A public subnet's internet gateway serves public addresses only
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html);
// the words are those of
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html.
func (t *task) reach(context.Context) error {
	if t.service.AssignPublicIP || !t.Services.Public(t.service) {
		return nil
	}
	return &stop{HopECR, "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration."}
}

// refused stops the task where a service refused; anything else is an error.
func (t *task) refused(hop, prefix string, err error) error {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("ecsagent: %w", err)
	}
	return &stop{hop, prefix + refusal.ErrorCode() + ": " + refusal.ErrorMessage()}
}

// pull pulls the images of all containers, for the task's platform, layers
// included.
func (t *task) pull(ctx context.Context) error {
	architecture := "amd64"
	if platform := t.definition.RuntimePlatform; platform != nil && platform.CPUArchitecture == "ARM64" {
		architecture = "arm64"
	}
	for _, container := range t.definition.Containers {
		reference, err := name.ParseReference(container.Image)
		if err != nil {
			return &stop{HopRegistry, fmt.Sprintf("CannotPullContainerError: invalid reference format: %v", err)}
		}
		options := []remote.Option{
			remote.WithContext(ctx), remote.WithTransport(cmp.Or(t.Gate.Client.Transport, http.DefaultTransport)),
			remote.WithPlatform(v1.Platform{OS: "linux", Architecture: architecture}),
		}
		if credentials, private := t.logins[reference.Context().RegistryStr()]; private {
			options = append(options, remote.WithAuth(&authn.Basic{Username: credentials.User, Password: credentials.Password}))
		}
		digest, err := fetch(reference, options)
		if err != nil {
			return err
		}
		t.done(HopRegistry, "%s was pulled (%s)", container.Image, digest)
	}
	return nil
}

// fetch pulls an image as containerd does: a HEAD for the manifest, the manifest,
// the layers.
func fetch(reference name.Reference, options []remote.Option) (v1.Hash, error) {
	if _, err := remote.Head(reference, options...); err != nil {
		// A HEAD has no words; a GET tells the registry's.
		_, words := remote.Get(reference, options...)
		return v1.Hash{}, cannotPull("pull image manifest has been retried 1 time(s): failed to resolve ref "+reference.String(), reference, err, words)
	}
	image, err := remote.Image(reference, options...)
	if err != nil {
		return v1.Hash{}, cannotPull("pull image manifest has been retried 1 time(s): failed to resolve ref "+reference.String(), reference, err, err)
	}
	layers, err := image.Layers()
	if err == nil {
		for _, layer := range layers {
			err = errors.Join(err, readAll(layer))
		}
	}
	if err != nil {
		return v1.Hash{}, cannotPull("ref pull has been retried 1 time(s): failed to copy: httpReadSeeker: failed open", reference, err, err)
	}
	return image.Digest()
}

func readAll(layer v1.Layer) error {
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, content)
	return errors.Join(err, content.Close())
}

// cannotPull words a refusal of a registry as a stopped task has it
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html),
// with the registry's own words behind it, which Fargate leaves out. An error
// that is no refusal stays one.
func cannotPull(doing string, reference name.Reference, err, words error) error {
	var refused *transport.Error
	switch {
	case !errors.As(err, &refused):
		return fmt.Errorf("ecsagent: pull %s: %w", reference, err)
	case refused.StatusCode == http.StatusNotFound:
		doing += ": " + reference.String() + ": not found"
	default:
		doing += fmt.Sprintf(": unexpected status from %s request to %s: %d %s",
			refused.Request.Method, refused.Request.URL, refused.StatusCode, http.StatusText(refused.StatusCode))
	}
	reason := "CannotPullContainerError: " + doing
	var spoken *transport.Error
	if errors.As(words, &spoken) && len(spoken.Errors) > 0 {
		reason += fmt.Sprintf(" (the registry: %s: %s)", strings.ToLower(strings.ReplaceAll(string(spoken.Errors[0].Code), "_", " ")), spoken.Errors[0].Message)
	}
	return &stop{HopRegistry, reason}
}
