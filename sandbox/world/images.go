package world

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Registry is a public registry: anybody pulls, nobody pushes.
type Registry struct {
	// Host is its name, for example registry.example.com.
	Host string `json:"host"`
	// Images are those that are published there, for example tools/refresher:0.1.0.
	Images []string `json:"images,omitempty"`
}

// Image is a name and a tag below some registry or repository.
type Image struct {
	// Name may have several parts, for example tools/refresher.
	Name string
	Tag  string
}

// String is NAME:TAG.
func (i Image) String() string { return i.Name + ":" + i.Tag }

// Release is an image in a repository of Artifact Registry or ECR.
type Release struct {
	Location   string
	Repository string
	Image
}

// The forms of image names and tags:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
var (
	imageForm = regexp.MustCompile(`^([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*):([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})$`)
	// locationForm and repositoryForm are those of Artifact Registry:
	// https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
	locationForm   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	repositoryForm = regexp.MustCompile(`^(?:[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?|(?:(?:asia|eu|us)\.)?gcr\.io)$`)
	hostForm       = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$`)
)

// ParseImage reads NAME:TAG.
func ParseImage(text string) (Image, error) {
	parts := imageForm.FindStringSubmatch(text)
	if parts == nil {
		return Image{}, fmt.Errorf("%q: want NAME:TAG, for example tools/refresher:0.1.0", text)
	}
	return Image{Name: parts[1], Tag: parts[2]}, nil
}

// ParseRelease reads LOCATION/REPOSITORY/IMAGE:TAG.
func ParseRelease(text string) (Release, error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) == 3 && locationForm.MatchString(parts[0]) && repositoryForm.MatchString(parts[1]) {
		if image, err := ParseImage(parts[2]); err == nil {
			return Release{Location: parts[0], Repository: parts[1], Image: image}, nil
		}
	}
	return Release{}, fmt.Errorf("%q: want LOCATION/REPOSITORY/IMAGE:TAG, for example europe-west1/acme/server:1.0", text)
}

// Publishes says whether a node finds a public image, HOST/NAME:TAG or
// HOST/NAME@DIGEST. Of Artifact Registry, ECR and digests only the servers know.
func (w *World) Publishes(image string) bool {
	host, name, _ := strings.Cut(image, "/")
	if strings.HasSuffix(host, "-docker.pkg.dev") || strings.Contains(host, ".dkr.ecr.") {
		return true
	}
	return slices.ContainsFunc(w.Registries, func(r Registry) bool {
		return r.Host == host && (image == w.Refresher || strings.Contains(name, "@") || slices.Contains(r.Images, name))
	})
}

// validateImages checks what a registry or a repository holds.
func validateImages(key string, texts []string, report func(format string, args ...any)) {
	for i, text := range texts {
		if _, err := ParseImage(text); err != nil {
			report("%s.images[%d] %v", key, i, err)
		}
	}
}

func (w *World) validateRegistries(report func(format string, args ...any)) {
	for i, registry := range w.Registries {
		key := fmt.Sprintf("registries[%d]", i)
		if !hostForm.MatchString(registry.Host) || strings.HasSuffix(registry.Host, "-docker.pkg.dev") {
			report("%s.host %q: want the name of a host that is not Artifact Registry's, for example registry.example.com", key, registry.Host)
		}
		if slices.IndexFunc(w.Registries, func(r Registry) bool { return r.Host == registry.Host }) != i {
			report("%s.host %q: names another registry already", key, registry.Host)
		}
		validateImages(key, registry.Images, report)
	}
}
