package kubelet

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"waybill.example/waybill/sandbox/kubelet/internal/process"
	"waybill.example/waybill/sandbox/kubelet/internal/rootfs"
)

const (
	// terminationLimit is how much of the termination message counts, in bytes,
	// and of the log where that stands in for it
	// (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/).
	terminationLimit    = 4096
	terminationLogLimit = 2048
	terminationLogLines = 80
	hostsFile, nameFile = "/etc/hosts", "/etc/hostname"
	switchFile          = "/etc/nsswitch.conf" // where names are looked up
	everybodyReads      = fs.FileMode(0o644)
	everybodyWrites     = fs.FileMode(0o666)
	everybodyMakesFiles = fs.FileMode(0o777)
	groupReads          = fs.FileMode(0o440)
)

// prepared is a container that is ready to be started.
type prepared struct {
	c    *container
	root *rootfs.Root
	spec process.Spec
	log  *os.File
}

// prepare builds the container's root directory. What it made is removed where
// it fails.
func (c *container) prepare(launch *launch) (_ *prepared, err error) {
	root, err := rootfs.Create(filepath.Join(c.w.dir, "roots", c.spec.Name))
	if err != nil {
		return nil, err
	}
	p := &prepared{c: c, root: root}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.root.Remove())
		}
	}()
	if err := root.Unpack(bytes.NewReader(launch.image.files)); err != nil {
		return nil, err
	}
	if err := p.furnish(); err != nil {
		return nil, err
	}
	if err := p.mount(); err != nil {
		return nil, err
	}
	if err := p.specify(launch); err != nil {
		return nil, err
	}
	if security := c.spec.SecurityContext; security != nil && ptr.Deref(security.ReadOnlyRootFilesystem, false) {
		if err := p.seal(); err != nil {
			return nil, err
		}
	}
	p.log, err = c.openLog()
	p.spec.Output = p.log
	return p, err
}

// furnish adds what a container runtime and the kubelet add. Of the devices that is
// /dev/null, a file that keeps what is written to it.
func (p *prepared) furnish() error {
	w := p.c.w
	return errors.Join(
		p.root.File("/dev/null", nil, everybodyWrites, rootfs.Owner{}),
		p.root.Dir("/tmp"),
		p.root.File(hostsFile, []byte(w.hosts()), everybodyReads, rootfs.Owner{}),
		p.root.File(switchFile, []byte("hosts: files\n"), everybodyReads, rootfs.Owner{}),
		p.root.File(nameFile, []byte(w.pod.Name+"\n"), everybodyReads, rootfs.Owner{}),
		p.root.File(p.terminationLog(), nil, everybodyWrites, rootfs.Owner{}),
		p.root.File(authorityPath, w.k.authority, everybodyReads, rootfs.Owner{}),
	)
}

func (p *prepared) terminationLog() string {
	return cmp.Or(p.c.spec.TerminationMessagePath, corev1.TerminationMessagePathDefault)
}

// mount puts the volumes in.
func (p *prepared) mount() error {
	for _, mount := range mounts(p.c.spec) {
		var err error
		if contents, copied := p.c.w.volumes[mount.Name]; copied {
			err = p.copyIn(contents.below(mount.SubPath), mount.MountPath)
		} else {
			err = p.root.EmptyDir(mount.MountPath, everybodyMakesFiles)
		}
		if err != nil {
			return fmt.Errorf("mount volume %q at %s: %w", mount.Name, mount.MountPath, err)
		}
	}
	return nil
}

func (p *prepared) copyIn(contents volume, mountPath string) error {
	if _, single := contents[""]; !single {
		if err := p.root.EmptyDir(mountPath, 0o755); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		f := contents[name]
		owner := rootfs.Owner{UID: int(f.owner)}
		if group := security(p.c.w.pod, p.c.spec).FSGroup; group != nil {
			owner.GID = int(*group)
			f.mode |= groupReads
		}
		if err := p.root.File(path.Join(mountPath, name), f.data, f.mode, owner); err != nil {
			return err
		}
	}
	return nil
}

// seal leaves what every container can write: devices, the termination message and
// emptyDirs.
func (p *prepared) seal() error {
	except := []string{"/dev", p.terminationLog()}
	for _, mount := range p.c.spec.VolumeMounts {
		if _, copied := p.c.w.volumes[mount.Name]; !copied {
			except = append(except, mount.MountPath)
		}
	}
	return p.root.Seal(except...)
}

// specify says what to start.
func (p *prepared) specify(launch *launch) error {
	c := p.c
	if len(launch.command) == 0 || !path.IsAbs(launch.command[0]) {
		return fmt.Errorf("command %q: want an absolute path: the sandbox looks for a program in no PATH", launch.command)
	}
	user, err := strconv.ParseUint(launch.user, 10, 31)
	if err != nil {
		return fmt.Errorf("user %q of the image: want a number: the sandbox reads no /etc/passwd", launch.user)
	}
	security := security(c.w.pod, c.spec)
	p.spec = process.Spec{
		Root: p.root.Path(), Args: launch.command, Dir: cmp.Or(c.spec.WorkingDir, launch.image.config.WorkingDir, "/"),
		UID: uint32(user), GID: uint32(ptr.Deref(security.RunAsGroup, 0)), //nolint:gosec // the API allows 0 to 2147483647
	}
	if group := security.FSGroup; group != nil {
		p.spec.Groups = []uint32{uint32(*group)} //nolint:gosec // the API allows 0 to 2147483647
	}
	for _, name := range slices.Sorted(maps.Keys(launch.env)) {
		p.spec.Env = append(p.spec.Env, name+"="+launch.env[name])
	}
	return p.root.Dir(p.spec.Dir)
}

// terminationMessage is what the container left to say.
func (p *prepared) terminationMessage(code int) string {
	// A container may have removed or replaced the file.
	message, err := p.root.Read(p.terminationLog(), terminationLimit)
	if err == nil && len(message) > 0 || code == 0 || p.c.spec.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		return string(message)
	}
	log, err := os.ReadFile(p.c.logFile())
	if err != nil {
		return ""
	}
	tail := lastLines(log, terminationLogLines)
	return strings.ToValidUTF8(string(tail[max(0, len(tail)-terminationLogLimit):]), "")
}

// start starts the program, which keeps the log open.
func (p *prepared) start() (*process.Process, error) {
	defer func() { _ = p.log.Close() }() // Nothing was written here.
	return process.Start(p.spec)
}
