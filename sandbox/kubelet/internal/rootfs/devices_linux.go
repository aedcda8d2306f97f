package rootfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// devices are those that every container has and that programs without a
// terminal use (https://github.com/opencontainers/runtime-spec, config-linux,
// "Default Devices").
var devices = []struct {
	name         string
	major, minor uint32
}{
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9},
}

// Devices makes the devices of /dev. Where device nodes cannot be made or
// opened (no CAP_MKNOD, a file system mounted nodev), /dev/null is an empty
// file that keeps what is written to it, and the others are missing.
func (r *Root) Devices() error {
	if err := r.Dir("/dev"); err != nil {
		return err
	}
	for _, device := range devices {
		resolved, err := r.clear("/dev/" + device.name)
		if err != nil {
			return err
		}
		outside := r.path + "/" + resolved
		if makeDevice(outside, device.major, device.minor) == nil {
			continue
		}
		if err := os.Remove(outside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if device.name == "null" {
			if err := r.File("/dev/null", nil, 0o666, Owner{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func makeDevice(path string, major, minor uint32) error {
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))); err != nil { //nolint:gosec // device numbers are small
		return err
	}
	// The umask took from the mode.
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // as /dev/null is
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}
