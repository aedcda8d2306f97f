package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Unpack writes an image's files, a tar stream that has the uppermost layers
// first and each name once. Owners are kept where this process is root; set-ID
// bits, extended attributes, devices and pipes are left out. A name or a hard
// link that points out of the root is refused.
func (r *Root) Unpack(files io.Reader) error {
	var links []*tar.Header
	for stream := tar.NewReader(files); ; {
		header, err := stream.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("image: %w", err)
		}
		if header.Typeflag == tar.TypeLink {
			// What it links to can be in a lower layer, which comes later.
			links = append(links, header)
			continue
		}
		if err := r.unpack(header, stream); err != nil {
			return fmt.Errorf("image: %s: %w", header.Name, err)
		}
	}
	for _, header := range links {
		if err := r.link(header); err != nil {
			return fmt.Errorf("image: %s: %w", header.Name, err)
		}
	}
	return nil
}

func (r *Root) unpack(header *tar.Header, content io.Reader) error {
	name, err := r.target(header.Name)
	if err != nil {
		return err
	}
	owner := Owner{UID: header.Uid, GID: header.Gid}
	mode := header.FileInfo().Mode().Perm()
	switch header.Typeflag {
	case tar.TypeDir:
		if err := r.dir.MkdirAll(name, 0o755); err != nil {
			return err
		}
		// Its owner can always fill it; more would not unpack.
		return errors.Join(owner.take(r.dir, name), r.dir.Chmod(name, mode|0o700))
	case tar.TypeReg:
		err = r.write(name, content, mode, owner)
	case tar.TypeSymlink:
		if err = r.dir.Symlink(header.Linkname, name); err == nil {
			err = owner.take(r.dir, name)
		}
	default:
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		// A directory that an upper layer has something in: it hides this.
		return nil
	}
	return err
}

func (r *Root) write(name string, content io.Reader, mode fs.FileMode, owner Owner) error {
	file, err := r.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close(), owner.take(r.dir, name), r.dir.Chmod(name, mode))
}

func (r *Root) link(header *tar.Header) error {
	name, err := r.target(header.Name)
	if err != nil {
		return err
	}
	to, err := r.target(header.Linkname)
	if err != nil {
		return err
	}
	return r.dir.Link(to, name)
}

// target is the place of an entry; its parents exist afterwards.
func (r *Root) target(name string) (string, error) {
	if name = strings.TrimPrefix(name, "/"); name != "" && !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q points out of the image", name)
	}
	place, err := r.place(name)
	if err != nil {
		return "", err
	}
	return place, r.dir.MkdirAll(path.Dir(place), 0o755)
}
