// Image builds the refresher's container image from source, without a container runtime: a static binary per
// platform on an empty base. It pushes the image (--push HOST/REPO:TAG, with the credentials of the default
// keychain), or writes it as an OCI layout (--output DIRECTORY), and prints its digest and compressed sizes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"waybill.example/waybill/refresher/image"
)

type options struct {
	source, version, push, output string
	platforms                     []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "waybill-refresher-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	binaries, err := image.Compile(ctx, o.source, scratch, o.version, o.platforms)
	if err != nil {
		return err
	}
	index, err := image.Build(binaries, o.version)
	if err != nil {
		return err
	}
	if err := deliver(ctx, o, index); err != nil {
		return err
	}
	return describe(stdout, index)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var platforms string
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.source, "source", ".", "directory of the refresher module")
	flags.StringVar(&o.version, "version", "", "version to put into the binary and the image's label; required")
	flags.StringVar(&platforms, "platforms", strings.Join(image.Platforms, ","), "platforms, separated by commas")
	flags.StringVar(&o.push, "push", "", "reference to push to, HOST/REPO:TAG")
	flags.StringVar(&o.output, "output", "", "directory to write an OCI layout to; must not hold one yet")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.platforms = strings.Split(platforms, ",")
	var problems []error
	if flags.NArg() > 0 {
		problems = append(problems, fmt.Errorf("arguments %q: want flags only", flags.Args()))
	}
	if o.version == "" {
		problems = append(problems, errors.New("--version: want a version"))
	}
	if o.push != "" {
		if _, err := name.ParseReference(o.push, name.StrictValidation); err != nil {
			problems = append(problems, fmt.Errorf("--push %q: want HOST/REPO:TAG", o.push))
		}
	}
	return o, errors.Join(problems...)
}

func deliver(ctx context.Context, o options, index v1.ImageIndex) error {
	if o.output != "" {
		if _, err := os.Stat(o.output + "/index.json"); err == nil {
			return fmt.Errorf("--output %q: holds a layout already: want an empty directory", o.output)
		}
		directory, err := layout.Write(o.output, empty.Index)
		if err == nil {
			err = directory.AppendIndex(index, layout.WithAnnotations(map[string]string{
				"org.opencontainers.image.ref.name": o.version,
			}))
		}
		if err != nil {
			return fmt.Errorf("--output %q: %w", o.output, err)
		}
	}
	if o.push == "" {
		return nil
	}
	reference, err := name.ParseReference(o.push, name.StrictValidation)
	if err != nil {
		return err
	}
	err = remote.WriteIndex(reference, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return fmt.Errorf("--push %q: %w", o.push, err)
	}
	return nil
}

func describe(stdout io.Writer, index v1.ImageIndex) error {
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	sizes, err := image.Sizes(index)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, "digest", digest); err != nil {
		return err
	}
	for _, platform := range slices.Sorted(maps.Keys(sizes)) {
		if _, err := fmt.Fprintf(stdout, "%s %d bytes (%.1f MB)\n", platform, sizes[platform], float64(sizes[platform])/1e6); err != nil {
			return err
		}
	}
	return nil
}
