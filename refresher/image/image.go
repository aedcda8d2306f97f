// Package image assembles the refresher's container image without a container runtime and without a base
// image: one layer with one file, for each platform.
//
// The same binaries and version give the same digest on every machine: the layer and the configuration carry
// no time but the epoch, no user name and no host. That is why the sandbox, a registry and a customer can
// compare what they hold.
package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What is in the image.
const (
	// Entrypoint is the path of the binary, and the whole entrypoint.
	Entrypoint = "/refresher"
	// User is the numeric user and group: the kubelet can check runAsNonRoot only on a number.
	User = "65532:65532"
)

// epoch stands wherever a format wants a time.
var epoch = time.Unix(0, 0).UTC()

// Build returns an index of one image per platform. The keys of binaries are platforms such as "linux/amd64",
// the values paths of static binaries; version is the label org.opencontainers.image.version, and must not be
// empty.
func Build(binaries map[string]string, version string) (v1.ImageIndex, error) {
	if len(binaries) == 0 || version == "" {
		return nil, fmt.Errorf("%d binaries, version %q: want at least one binary and a version", len(binaries), version)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, key := range slices.Sorted(maps.Keys(binaries)) {
		platform, err := v1.ParsePlatform(key)
		if err != nil || platform.OS == "" || platform.Architecture == "" {
			return nil, errors.Join(fmt.Errorf("platform %q: want OS/ARCHITECTURE, such as linux/amd64", key), err)
		}
		built, err := platformImage(binaries[key], *platform, version)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", key, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: built, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return index, nil
}

// Sizes returns the compressed size of each platform's image in bytes, layers and configuration together, by
// platform.
func Sizes(index v1.ImageIndex) (map[string]int64, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, descriptor := range manifest.Manifests {
		built, err := index.Image(descriptor.Digest)
		if err != nil {
			return nil, err
		}
		m, err := built.Manifest()
		if err != nil {
			return nil, err
		}
		size := m.Config.Size
		for _, layer := range m.Layers {
			size += layer.Size
		}
		sizes[descriptor.Platform.String()] = size
	}
	return sizes, nil
}

func platformImage(binary string, platform v1.Platform, version string) (v1.Image, error) {
	contents, err := layer(binary)
	if err != nil {
		return nil, err
	}
	compressed, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(contents)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	built, err := mutate.Append(base, mutate.Addendum{
		Layer:     compressed,
		MediaType: types.OCILayer,
		History:   v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "waybill " + version},
	})
	if err != nil {
		return nil, fmt.Errorf("layer: %w", err)
	}
	return mutate.ConfigFile(built, configFile(built, platform, version))
}

// configFile keeps what describes the layers and sets everything else.
func configFile(built v1.Image, platform v1.Platform, version string) *v1.ConfigFile {
	file := &v1.ConfigFile{}
	if current, err := built.ConfigFile(); err == nil {
		file.RootFS, file.History = current.RootFS, current.History
	}
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	file.Created = v1.Time{Time: epoch}
	file.Config = v1.Config{
		User:       User,
		Entrypoint: []string{Entrypoint},
		WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "waybill refresher",
			"org.opencontainers.image.description": "Keeps a pull secret fresh without any stored credential",
			"org.opencontainers.image.version":     version,
		},
	}
	return file
}

// layer returns a tar archive with the binary, owned by root and writable by nobody else.
func layer(binary string) ([]byte, error) {
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{
		Typeflag: tar.TypeReg,
		Name:     strings.TrimPrefix(Entrypoint, "/"),
		Mode:     0o755,
		Size:     int64(len(data)),
		ModTime:  epoch,
		Format:   tar.FormatUSTAR,
	}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
