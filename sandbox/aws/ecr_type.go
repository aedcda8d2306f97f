package aws

import (
	"context"
	"fmt"
	"slices"

	pulumiecr "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/provider"
)

type repositoryInputs struct {
	Name       string `json:"name"`
	Mutability string `json:"imageTagMutability"`
	Force      bool   `json:"forceDelete"`
	Scanning   struct {
		OnPush bool `json:"scanOnPush"`
	} `json:"imageScanningConfiguration"`
	Encryption []struct {
		Type string `json:"encryptionType"`
		Key  string `json:"kmsKey"`
	} `json:"encryptionConfigurations"`
	Tags map[string]string `json:"tags"`
}

// settings reads the inputs of a repository.
func (i repositoryInputs) settings(client *Client, operation string) (ecr.Settings, error) {
	tags, err := client.tagged("ECR", operation, i.Tags)
	settings := ecr.Settings{Name: i.Name, Mutability: i.Mutability, ScanOnPush: i.Scanning.OnPush, Tags: tags}
	if len(i.Encryption) > 0 {
		settings.Encryption, settings.KMSKey = i.Encryption[0].Type, i.Encryption[0].Key
	}
	return settings, err
}

func repositoryType() provider.Type[*Client] {
	return provider.Type[*Client]{
		Tok:       "aws:ecr/repository:Repository",
		Args:      pulumiecr.RepositoryArgs{}.ElementType(),
		Computed:  []string{"arn", "registryId", "repositoryUrl", "tagsAll"},
		Settled:   []string{"arn", "registryId", "repositoryUrl"},
		Immutable: []string{"encryptionConfigurations", "name"},
		Defaults: map[string]any{
			"encryptionConfigurations":   []any{map[string]any{"encryptionType": "AES256"}},
			"forceDelete":                false,
			"imageScanningConfiguration": map[string]any{"scanOnPush": false},
			"imageTagMutability":         ecr.Mutable,
		},
		DeleteFirst: collides,
		Default:     named(255),
		Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
			mutability := provider.Text(inputs, "imageTagMutability")
			if inputs.HasValue("imageTagMutability") && mutability != ecr.Mutable && mutability != ecr.Immutable {
				return []plugin.CheckFailure{failure("imageTagMutability", "expected image_tag_mutability to be one of [\"MUTABLE\" \"IMMUTABLE\"], got %s", mutability)}
			}
			return nil
		},
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			var inputs repositoryInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return "", nil, err
			}
			settings, err := inputs.settings(client, "CreateRepository")
			if err != nil {
				return "", nil, failed("creating ECR Repository", inputs.Name, err)
			}
			repository, err := client.cloud.ECR.Create(client.Place, settings)
			if err != nil {
				return "", nil, failed("creating ECR Repository", inputs.Name, err)
			}
			return repository.Name, client.repositoryOutputs(repository, inputs), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			var known repositoryInputs
			if err := provider.Decode(state, &known); err != nil {
				return nil, err
			}
			repository, found := client.cloud.ECR.Repository(client.Place, id)
			if !found {
				return nil, nil
			}
			return client.repositoryOutputs(repository, known), nil
		},
		Update: func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			var inputs repositoryInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return nil, err
			}
			settings, err := inputs.settings(client, "TagResource")
			if err != nil {
				return nil, failed("updating ECR Repository", id, err)
			}
			repository, err := client.cloud.ECR.Update(client.Place, settings)
			if err != nil {
				return nil, failed("updating ECR Repository", id, err)
			}
			return client.repositoryOutputs(repository, inputs), nil
		},
		Delete: func(_ context.Context, client *Client, id string, state resource.PropertyMap) error {
			var known repositoryInputs
			if err := provider.Decode(state, &known); err != nil {
				return err
			}
			err := client.cloud.ECR.Delete(client.Place, id, known.Force)
			switch {
			case err == nil || fault.Has(err, ecr.NotFound):
				return nil
			case fault.Has(err, ecr.NotEmpty):
				return fmt.Errorf("ECR Repository (%s) not empty, consider using force_delete: %w", id, err)
			}
			return failed("deleting ECR Repository", id, err)
		},
	}
}

// failed words a failed request as the real provider does.
func failed(doing, name string, err error) error {
	return fmt.Errorf("%s (%s): %w", doing, name, err)
}

func (c *Client) repositoryOutputs(repository ecr.Repository, inputs repositoryInputs) map[string]any {
	outputs := map[string]any{
		"arn":                        repository.ARN(),
		"encryptionConfigurations":   []any{encryptionOf(repository)},
		"imageScanningConfiguration": map[string]any{"scanOnPush": repository.ScanOnPush},
		"imageTagMutability":         repository.Mutability,
		"name":                       repository.Name,
		"registryId":                 repository.Account,
		"repositoryUrl":              repository.URI(),
	}
	if inputs.Force {
		outputs["forceDelete"] = true
	}
	c.tagOutputs(outputs, repository.Tags, inputs.Tags)
	return outputs
}

func encryptionOf(repository ecr.Repository) map[string]any {
	encryption := map[string]any{"encryptionType": repository.Encryption}
	if repository.KMSKey != "" {
		encryption["kmsKey"] = repository.KMSKey
	}
	return encryption
}

// attachedType completes the type of a document that belongs to a repository,
// one of a kind for each. The ID is the repository's name.
func attachedType(base provider.Type[*Client], putting, noun string, read func(*Client, ecr.Repository) string, put func(*Client, string, string) (ecr.Repository, error), remove func(*Client, string) error) provider.Type[*Client] {
	base.Required = []string{"policy"}
	base.Computed = []string{"registryId"}
	base.Settled = []string{"registryId"}
	base.Same = samePolicyIn("policy")
	base.Default = func(_ *Client, _ plugin.CheckRequest, inputs resource.PropertyMap) error {
		return textual(inputs, "policy")
	}
	base.Validate = func(inputs resource.PropertyMap) []plugin.CheckFailure { return asJSON(inputs, "policy") }
	outputs := func(client *Client, repository ecr.Repository) map[string]any {
		return map[string]any{"policy": read(client, repository), "registryId": repository.Account, "repository": repository.Name}
	}
	base.Create = func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
		name := provider.Text(properties, "repository")
		repository, err := put(client, name, provider.Text(properties, "policy"))
		if err != nil {
			return "", nil, failed(putting+" ECR "+noun, name, err)
		}
		return name, outputs(client, repository), nil
	}
	base.Read = func(_ context.Context, client *Client, id string, _ resource.PropertyMap) (map[string]any, error) {
		repository, found := client.cloud.ECR.Repository(client.Place, id)
		if !found || read(client, repository) == "" {
			return nil, nil
		}
		return outputs(client, repository), nil
	}
	if !slices.Contains(base.Immutable, "policy") {
		base.Update = func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			repository, err := put(client, id, provider.Text(properties, "policy"))
			if err != nil {
				return nil, failed(putting+" ECR "+noun, id, err)
			}
			return outputs(client, repository), nil
		}
	}
	base.Delete = func(_ context.Context, client *Client, id string, _ resource.PropertyMap) error {
		err := remove(client, id)
		if err == nil || fault.Has(err, ecr.NotFound, ecr.PolicyNotFound, ecr.LifecycleNotFound) {
			return nil
		}
		return failed("deleting ECR "+noun, id, err)
	}
	return base
}

func repositoryPolicyType() provider.Type[*Client] {
	return attachedType(provider.Type[*Client]{
		Tok:       "aws:ecr/repositoryPolicy:RepositoryPolicy",
		Args:      pulumiecr.RepositoryPolicyArgs{}.ElementType(),
		Immutable: []string{"repository"},
	}, "putting", "Repository Policy",
		func(client *Client, repository ecr.Repository) string { return client.cloud.ECR.PolicyText(repository) },
		func(client *Client, name, text string) (ecr.Repository, error) {
			return client.cloud.ECR.SetPolicy(client.Place, name, text)
		},
		func(client *Client, name string) error { return client.cloud.ECR.DeletePolicy(client.Place, name) })
}

// lifecyclePolicyType replaces on every change, the old one first, as the real
// provider does.
func lifecyclePolicyType() provider.Type[*Client] {
	return attachedType(provider.Type[*Client]{
		Tok:         "aws:ecr/lifecyclePolicy:LifecyclePolicy",
		Args:        pulumiecr.LifecyclePolicyArgs{}.ElementType(),
		Immutable:   []string{"policy", "repository"},
		DeleteFirst: func(resource.PropertyMap) bool { return true },
	}, "creating", "Lifecycle Policy",
		func(_ *Client, repository ecr.Repository) string { return repository.Lifecycle },
		func(client *Client, name, text string) (ecr.Repository, error) {
			return client.cloud.ECR.PutLifecycle(client.Place, name, text)
		},
		func(client *Client, name string) error { return client.cloud.ECR.DeleteLifecycle(client.Place, name) })
}
