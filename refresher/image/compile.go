package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Platforms are what a release holds: the two architectures of the clouds' nodes.
var Platforms = []string{"linux/amd64", "linux/arm64"}

// versions keeps the linker's flag one word.
var versions = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}$`)

// Compile builds static binaries of the refresher module in source for platforms, into directory, and returns
// their paths by platform. It runs the go command found on PATH; the binaries are the same on every machine
// with the same Go release.
func Compile(ctx context.Context, source, directory, version string, platforms []string) (map[string]string, error) {
	if !versions.MatchString(version) {
		return nil, fmt.Errorf("version %q: want up to 128 letters, digits and . + _ -", version)
	}
	binaries := map[string]string{}
	for _, platform := range platforms {
		system, architecture, ok := strings.Cut(platform, "/")
		if !ok {
			return nil, fmt.Errorf("platform %q: want OS/ARCHITECTURE, such as linux/amd64", platform)
		}
		path, err := filepath.Abs(filepath.Join(directory, "refresher-"+system+"-"+architecture))
		if err != nil {
			return nil, err
		}
		//nolint:gosec // the version is matched above, and the other arguments are the developer's own
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", "-s -w -buildid= -X main.version="+version, "-o", path, ".")
		command.Dir = source
		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+architecture,
			"GOWORK=off", "GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0")
		if output, err := command.CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("building for %s in %s", platform, source), err, errors.New(strings.TrimSpace(string(output))))
		}
		binaries[platform] = path
	}
	return binaries, nil
}
