// Package rootfs builds the root directory of a container: the image's files,
// volumes, devices, and what a container runtime adds.
//
// Paths inside are absolute paths as the container sees them; symbolic links
// are followed inside the root, and nothing outside it can be reached, whatever
// an image or a container put there.
package rootfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// Root is a container's root directory.
type Root struct {
	path string
	dir  *os.Root
}

// Create makes an empty root directory; what was at path is removed.
func Create(path string) (*Root, error) {
	if err := RemoveAll(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	// The container's user, whoever it is, enters its own root.
	if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // the root of a file system is open to its users
		return nil, err
	}
	dir, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Root{path: path, dir: dir}, nil
}

// Path is the root directory's path on this machine.
func (r *Root) Path() string { return r.path }

// Remove deletes the root directory with everything in it.
func (r *Root) Remove() error {
	return errors.Join(r.dir.Close(), RemoveAll(r.path))
}

// RemoveAll deletes a tree, also one with directories that Seal closed.
func RemoveAll(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // It is only read.
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return root.Chmod(name, 0o700)
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(path))
}

// resolve is the path, relative to the root, that the container's path leads
// to when every link on the way is followed inside the root.
func (r *Root) resolve(inside string) (string, error) {
	joined, err := securejoin.SecureJoin(r.path, inside)
	if err != nil {
		return "", err
	}
	return filepath.Rel(r.path, joined)
}

// place is like resolve, but does not follow the path's last part.
func (r *Root) place(inside string) (string, error) {
	clean := path.Clean("/" + inside)
	if clean == "/" {
		return ".", nil
	}
	parent, err := r.resolve(path.Dir(clean))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, path.Base(clean)), nil
}

// Dir makes a directory and its parents, with mode 0755; one that is there is
// left as it is.
func (r *Root) Dir(inside string) error {
	resolved, err := r.resolve(inside)
	if err != nil {
		return err
	}
	return r.dir.MkdirAll(resolved, 0o755)
}

// clear makes room at a path: its parents exist afterwards, itself not.
func (r *Root) clear(inside string) (string, error) {
	if err := r.Dir(path.Dir(path.Clean("/" + inside))); err != nil {
		return "", err
	}
	resolved, err := r.resolve(inside)
	if err != nil {
		return "", err
	}
	if resolved == "." {
		return "", fmt.Errorf("%q: want a path below the root", inside)
	}
	return resolved, r.dir.RemoveAll(resolved)
}

// Owner owns files. The numbers take effect only where this process is root:
// otherwise everything is owned by its user, who is the container's user too.
type Owner struct{ UID, GID int }

func (o Owner) take(dir *os.Root, name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return dir.Lchown(name, o.UID, o.GID)
}

// File writes a file in place of what was there; mode is its permission bits.
func (r *Root) File(inside string, data []byte, mode fs.FileMode, owner Owner) error {
	resolved, err := r.clear(inside)
	if err != nil {
		return err
	}
	if err := r.dir.WriteFile(resolved, data, 0o600); err != nil {
		return err
	}
	return errors.Join(owner.take(r.dir, resolved), r.dir.Chmod(resolved, mode.Perm()))
}

// EmptyDir makes an empty directory in place of what was there.
func (r *Root) EmptyDir(inside string) error {
	resolved, err := r.clear(inside)
	if err != nil {
		return err
	}
	return r.dir.Mkdir(resolved, 0o755)
}

// MoveIn puts a directory of this machine's in place of what was there.
func (r *Root) MoveIn(outside, inside string) error {
	resolved, err := r.clear(inside)
	if err != nil {
		return err
	}
	return os.Rename(outside, filepath.Join(r.path, resolved))
}

// MoveOut takes back what MoveIn put in. A container that made something else
// of the place loses it: outside is an empty directory then.
func (r *Root) MoveOut(inside, outside string) error {
	resolved, err := r.resolve(inside)
	if err != nil {
		return err
	}
	info, err := r.dir.Lstat(resolved)
	if err != nil || !info.IsDir() {
		return os.Mkdir(outside, 0o700)
	}
	// Its parent may be sealed.
	if err := r.dir.Chmod(filepath.Dir(resolved), 0o755); err != nil {
		return err
	}
	return os.Rename(filepath.Join(r.path, resolved), outside)
}

// Read returns at most limit bytes of a file, no more than a container runtime
// would take into its memory.
func (r *Root) Read(inside string, limit int64) ([]byte, error) {
	resolved, err := r.resolve(inside)
	if err != nil {
		return nil, err
	}
	info, err := r.dir.Stat(resolved)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q: want a file", inside)
	}
	file, err := r.dir.Open(resolved)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // It is only read.
	return io.ReadAll(io.LimitReader(file, limit))
}

// Seal takes the right to write from every file and directory except what is
// at or below the given paths. It stands in for a read-only mount: root, and an
// owner that gives itself the right again, get past it.
func (r *Root) Seal(except ...string) error {
	open := map[string]bool{}
	for _, inside := range except {
		resolved, err := r.resolve(inside)
		if err != nil {
			return err
		}
		open[resolved] = true
	}
	var directories []string
	err := fs.WalkDir(r.dir.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case open[name] && entry.IsDir():
			return fs.SkipDir
		case open[name]:
			return nil
		case entry.IsDir():
			directories = append(directories, name)
			return nil
		case entry.Type().IsRegular():
			return r.closeForWriting(name)
		default:
			return nil
		}
	})
	if err != nil {
		return err
	}
	for _, name := range directories {
		if err := r.closeForWriting(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *Root) closeForWriting(name string) error {
	info, err := r.dir.Lstat(name)
	if err != nil {
		return err
	}
	return r.dir.Chmod(name, info.Mode().Perm()&^0o222)
}

// Open gives a directory that MoveIn will put in to everybody, or to a group
// (of which new files are then as well), as an emptyDir volume is.
func Open(outside string, group *int64) error {
	mode := fs.FileMode(0o777)
	if group != nil && os.Geteuid() == 0 {
		if err := os.Lchown(outside, 0, int(*group)); err != nil {
			return err
		}
		mode |= fs.ModeSetgid
	}
	return os.Chmod(outside, mode)
}

// Executable is the path of the program that a container's command names: the
// name itself where it has a slash, otherwise the first executable of that name
// in the directories of search (the value of PATH). The error is a container
// runtime's.
func (r *Root) Executable(command, search string) (string, error) {
	if strings.Contains(command, "/") {
		return command, nil
	}
	for _, directory := range strings.Split(search, ":") {
		candidate := path.Join("/", directory, command)
		resolved, err := r.resolve(candidate)
		if err != nil {
			continue
		}
		if info, err := r.dir.Stat(resolved); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", command)
}
