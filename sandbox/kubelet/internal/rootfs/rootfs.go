// Package rootfs builds the root directory of a container: the image's files,
// volumes, and what a container runtime adds.
//
// Paths inside are absolute paths as the container sees them. Nothing outside the
// root can be reached, whatever an image or a container put there.
package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
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

// relative is the container's path, relative to the root.
func relative(inside string) string {
	return path.Join(".", path.Clean("/"+inside))
}

// Dir makes a directory and its parents, with mode 0755; one that is there is
// left as it is.
func (r *Root) Dir(inside string) error {
	return r.dir.MkdirAll(relative(inside), 0o755)
}

// clear makes room at a path: its parents exist afterwards, itself not.
func (r *Root) clear(inside string) (string, error) {
	name := relative(inside)
	if name == "." {
		return "", fmt.Errorf("%q: want a path below the root", inside)
	}
	return name, errors.Join(r.dir.MkdirAll(path.Dir(name), 0o755), r.dir.RemoveAll(name))
}

// Owner owns files. The numbers take effect only where this process is root:
// otherwise everything is owned by its user, who is the container's user too.
type Owner struct{ UID, GID int }

// File writes a file in place of what was there; mode is its permission bits.
func (r *Root) File(inside string, data []byte, mode fs.FileMode, owner Owner) error {
	name, err := r.clear(inside)
	if err != nil {
		return err
	}
	if err := r.dir.WriteFile(name, data, 0o600); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		err = r.dir.Lchown(name, owner.UID, owner.GID)
	}
	return errors.Join(err, r.dir.Chmod(name, mode.Perm()))
}

// EmptyDir makes an empty directory in place of what was there.
func (r *Root) EmptyDir(inside string, mode fs.FileMode) error {
	name, err := r.clear(inside)
	if err != nil {
		return err
	}
	return errors.Join(r.dir.Mkdir(name, 0o700), r.dir.Chmod(name, mode)) // The umask takes from Mkdir's.
}

// Unpack writes an image's files, a tar stream that has the uppermost layers first
// and each name once: regular files and directories, without set-ID bits and extended
// attributes. Owners of files are kept where this process is root.
func (r *Root) Unpack(files io.Reader) error {
	for stream := tar.NewReader(files); ; {
		header, err := stream.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("image: %w", err)
		}
		if err := r.unpack(header, stream); err != nil {
			return fmt.Errorf("image: %s: %w", header.Name, err)
		}
	}
}

func (r *Root) unpack(header *tar.Header, content io.Reader) error {
	mode := header.FileInfo().Mode().Perm()
	switch header.Typeflag {
	case tar.TypeDir:
		// Its owner can always fill it; more would not unpack.
		return errors.Join(r.Dir(header.Name), r.dir.Chmod(relative(header.Name), mode|0o700))
	case tar.TypeReg:
		data, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		return r.File(header.Name, data, mode, Owner{UID: header.Uid, GID: header.Gid})
	default:
		return errors.New("want regular files and directories: the sandbox runs no image with others")
	}
}

// Read returns at most limit bytes of a file, no more than a container runtime
// would take into its memory.
func (r *Root) Read(inside string, limit int64) ([]byte, error) {
	name := relative(inside)
	info, err := r.dir.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q: want a file", inside)
	}
	file, err := r.dir.Open(name)
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
		open[relative(inside)] = true
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
