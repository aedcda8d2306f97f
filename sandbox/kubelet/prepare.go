package kubelet

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
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
	groupReads          = fs.FileMode(0o440)
)

// prepared is a container that is ready to be started.
type prepared struct {
	c    *container
	root *rootfs.Root
	spec process.Spec
	log  *os.File
	// unstartable is why its program cannot be found, which is found out when it
	// is started.
	unstartable error
	// emptyDirs are the paths at which they were moved in, by volume.
	emptyDirs map[string]string
}

// prepare builds the container's root directory. What it made is removed where
// it fails.
func (c *container) prepare(launch *launch) (_ *prepared, err error) {
	root, err := rootfs.Create(filepath.Join(c.w.dir, "roots", c.spec.Name))
	if err != nil {
		return nil, err
	}
	p := &prepared{c: c, root: root, emptyDirs: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	files := c.image.Files()
	if err := errors.Join(root.Unpack(files), files.Close()); err != nil {
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

// furnish adds what a container runtime and the kubelet add.
func (p *prepared) furnish() error {
	w := p.c.w
	problems := []error{
		p.root.Devices(),
		p.root.Dir("/tmp"),
		p.root.File(hostsFile, []byte(w.hosts()), everybodyReads, rootfs.Owner{}),
		p.root.File(switchFile, []byte("hosts: files\n"), everybodyReads, rootfs.Owner{}),
		p.root.File(nameFile, []byte(w.pod.Name+"\n"), everybodyReads, rootfs.Owner{}),
		p.root.File(p.terminationLog(), nil, everybodyWrites, rootfs.Owner{}),
		p.root.File(authorityPath, w.k.authority, everybodyReads, rootfs.Owner{}),
	}
	return errors.Join(problems...)
}

func (p *prepared) terminationLog() string {
	return cmp.Or(p.c.spec.TerminationMessagePath, corev1.TerminationMessagePathDefault)
}

// mount puts the volumes in.
func (p *prepared) mount() error {
	w := p.c.w
	w.volumesMu.Lock()
	defer w.volumesMu.Unlock()
	for _, mount := range mounts(p.c.spec) {
		contents, copied := w.volumes[mount.Name]
		var err error
		if copied {
			subPath := mount.SubPath
			if mount.SubPathExpr != "" {
				env, envErr := p.c.environment()
				if envErr != nil {
					return envErr
				}
				subPath = expand(mount.SubPathExpr, env)
			}
			err = p.copyIn(contents.below(subPath), mount.MountPath)
		} else {
			err = p.moveIn(mount)
		}
		if err != nil {
			return fmt.Errorf("mount volume %q at %s: %w", mount.Name, mount.MountPath, err)
		}
	}
	return nil
}

func (p *prepared) copyIn(contents volume, mountPath string) error {
	if _, single := contents[""]; !single {
		if err := p.root.EmptyDir(mountPath); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		f := contents[name]
		owner := rootfs.Owner{UID: int(f.owner)}
		if group := p.c.w.fsGroup(); group != nil {
			owner.GID = int(*group)
			f.mode |= groupReads
		}
		if err := p.root.File(path.Join(mountPath, name), f.data, f.mode, owner); err != nil {
			return err
		}
	}
	return nil
}

func (p *prepared) emptyDir(name string) string {
	return filepath.Join(p.c.w.dir, "volumes", name)
}

func (p *prepared) moveIn(mount corev1.VolumeMount) error {
	outside := p.emptyDir(mount.Name)
	if err := os.MkdirAll(outside, 0o700); err != nil {
		return err
	}
	if err := rootfs.Open(outside, p.c.w.fsGroup()); err != nil {
		return err
	}
	if err := p.root.MoveIn(outside, mount.MountPath); err != nil {
		return err
	}
	p.emptyDirs[mount.Name] = mount.MountPath
	return nil
}

func (p *prepared) seal() error {
	except := append(slices.Collect(maps.Values(p.emptyDirs)), "/dev", p.terminationLog())
	return p.root.Seal(except...)
}

// specify says what to start.
func (p *prepared) specify(launch *launch) error {
	c := p.c
	if len(launch.command) == 0 || launch.command[0] == "" {
		return errNoCommand
	}
	user, err := p.root.User(launch.user)
	if err != nil {
		return err
	}
	if group := runAsGroup(c.w.pod, c.spec); group != nil {
		user.GID = uint32(*group) //nolint:gosec // the API allows 0 to 2147483647
	}
	env := maps.Clone(launch.env)
	if _, set := env["HOME"]; !set {
		env["HOME"] = user.Home
	}
	p.spec = process.Spec{
		Root: p.root.Path(), Args: launch.command, Dir: cmp.Or(c.spec.WorkingDir, c.image.Config.WorkingDir, "/"),
		UID: user.UID, GID: user.GID, Groups: c.w.groups(),
	}
	p.spec.Path, p.unstartable = p.root.Executable(launch.command[0], env["PATH"])
	for _, name := range slices.Sorted(maps.Keys(env)) {
		p.spec.Env = append(p.spec.Env, name+"="+env[name])
	}
	return p.root.Dir(p.spec.Dir)
}

// groups are the further groups of the pod's processes.
func (w *worker) groups() []uint32 {
	var groups []uint32
	security := w.pod.Spec.SecurityContext
	if security == nil {
		return nil
	}
	if security.FSGroup != nil {
		groups = append(groups, uint32(*security.FSGroup)) //nolint:gosec // the API allows 0 to 2147483647
	}
	for _, group := range security.SupplementalGroups {
		groups = append(groups, uint32(group)) //nolint:gosec // the API allows 0 to 2147483647
	}
	return groups
}

// terminationMessage is what the container left to say.
func (p *prepared) terminationMessage(code int) string {
	// A container may have removed or replaced the file.
	message, err := p.root.Read(p.terminationLog(), terminationLimit)
	if err == nil && len(message) > 0 || code == 0 || p.c.spec.TerminationMessagePolicy != corev1.TerminationMessageFallbackToLogsOnError {
		return string(message)
	}
	log, err := os.ReadFile(p.c.logFile(p.c.status.RestartCount))
	if err != nil {
		return ""
	}
	tail := lastLines(log, terminationLogLines)
	return strings.ToValidUTF8(string(tail[max(0, len(tail)-terminationLogLimit):]), "")
}

// start starts the program, which keeps the log open.
func (p *prepared) start() (*process.Process, error) {
	defer func() { _ = p.log.Close() }() // Nothing was written here.
	if p.unstartable != nil {
		return nil, p.unstartable
	}
	return process.Start(p.spec)
}

// close takes the emptyDirs back, for the container's next run or the next
// container, and removes the rest.
func (p *prepared) close() error {
	var problems []error
	for name, inside := range p.emptyDirs {
		problems = append(problems, p.root.MoveOut(inside, p.emptyDir(name)))
	}
	return errors.Join(append(problems, p.root.Remove())...)
}
