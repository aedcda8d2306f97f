package content

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"waybill.example/waybill/sandbox/world"
)

// placeholderPlatforms are those of a vendor's release.
var placeholderPlatforms = []v1.Platform{
	{OS: "linux", Architecture: "amd64"},
	{OS: "linux", Architecture: "arm64"},
}

// Placeholder makes a tiny image for linux on amd64 and arm64 that stands for a
// product's. The same image has the same digest everywhere and always: nothing
// in it depends on a clock or a compressor.
func Placeholder(image world.Image) (v1.ImageIndex, error) {
	layer, err := placeholderLayer(image)
	if err != nil {
		return nil, fmt.Errorf("content: placeholder %s: %w", image, err)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range placeholderPlatforms {
		variant, err := placeholderVariant(image, platform, layer)
		if err != nil {
			return nil, fmt.Errorf("content: placeholder %s: %w", image, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: variant, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	return index, nil
}

func placeholderVariant(image world.Image, platform v1.Platform, layer v1.Layer) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	base, err := mutate.ConfigFile(base, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		Config: v1.Config{
			User:         "65532:65532",
			ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Labels: map[string]string{
				// Whoever pulls one knows that there is nothing to run in it.
				"waybill.example/sandbox":           "placeholder",
				"org.opencontainers.image.title":    image.Name,
				"org.opencontainers.image.version":  image.Tag,
				"org.opencontainers.image.ref.name": image.String(),
			},
		},
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(base, layer)
}

// placeholderLayer is stored in the form of gzip, which clients expect, but not
// compressed: compressors change their output.
func placeholderLayer(image world.Image) (v1.Layer, error) {
	text := image.String() + " is a placeholder: the sandbox pulls it and runs nothing.\n"
	var stored bytes.Buffer
	compressor, err := gzip.NewWriterLevel(&stored, gzip.NoCompression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(compressor)
	if err := archive.WriteHeader(&tar.Header{
		Name: "placeholder.txt", Size: int64(len(text)), Mode: 0o444, ModTime: time.Unix(0, 0).UTC(), Format: tar.FormatUSTAR,
	}); err != nil {
		return nil, err
	}
	if _, err := archive.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := errors.Join(archive.Close(), compressor.Close()); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(stored.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}
