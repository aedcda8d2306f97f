// Package containertest builds the program that the tests of the kubelet run in
// containers.
package containertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BuildProgram builds the static program in dir, where every user may run it,
// and returns its path.
func BuildProgram(dir string) (string, error) {
	program := filepath.Join(dir, "program")
	build := exec.Command("go", "build", "-o", program, "waybill.example/waybill/sandbox/kubelet/internal/containertest/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the test program: %w\n%s", err, output)
	}
	return program, os.Chmod(program, 0o755) //nolint:gosec // a program that every user runs
}
