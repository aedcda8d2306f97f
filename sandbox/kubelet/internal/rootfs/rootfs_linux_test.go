package rootfs_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/kubelet/internal/rootfs"
)

func newRoot(t *testing.T) *rootfs.Root {
	t.Helper()
	root, err := rootfs.Create(filepath.Join(t.TempDir(), "root"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Remove()) })
	return root
}

func archive(t *testing.T, headers ...tar.Header) *bytes.Buffer {
	t.Helper()
	var files bytes.Buffer
	writer := tar.NewWriter(&files)
	for i := range headers {
		content := []byte(headers[i].Name)
		if headers[i].Typeflag == tar.TypeReg {
			headers[i].Size = int64(len(content))
		}
		require.NoError(t, writer.WriteHeader(&headers[i]))
		if headers[i].Typeflag == tar.TypeReg {
			_, err := writer.Write(content)
			require.NoError(t, err)
		}
	}
	require.NoError(t, writer.Close())
	return &files
}

func read(t *testing.T, root *rootfs.Root, path string) string {
	t.Helper()
	text, err := root.Read(path, 100)
	require.NoError(t, err)
	return string(text)
}

func TestAnImageIsUnpacked(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, root.Unpack(archive(t,
		tar.Header{Typeflag: tar.TypeReg, Name: "bin/program", Mode: 0o4755},
		tar.Header{Typeflag: tar.TypeReg, Name: "./etc/file", Mode: 0o640},
		tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o750},
		tar.Header{Typeflag: tar.TypeReg, Name: "a/../../inside", Mode: 0o644},
	)))
	assert.Equal(t, "./etc/file", read(t, root, "/etc/file"))
	assert.Equal(t, "a/../../inside", read(t, root, "/inside"))
	info, err := os.Stat(filepath.Join(root.Path(), "bin", "program"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode(), "without the set-ID bit")
	info, err = os.Stat(filepath.Join(root.Path(), "etc"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o750), info.Mode().Perm())
	require.EqualError(t, root.Unpack(archive(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "/etc"})),
		"image: link: want regular files and directories: the sandbox runs no image with others")
}

func TestAContainerCannotHaveAFileOfTheMachineRead(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root.Path(), "message")))
	_, err := root.Read("/message", 100)
	require.ErrorContains(t, err, "escapes")
	require.NoError(t, os.Mkdir(filepath.Join(root.Path(), "directory"), 0o755))
	_, err = root.Read("/directory", 100)
	require.ErrorContains(t, err, "want a file")
}

func TestASealedRootHasNoWritableFile(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, root.File("/etc/file", nil, 0o664, rootfs.Owner{}))
	require.NoError(t, root.EmptyDir("/open", 0o777))
	require.NoError(t, root.File("/open/file", nil, 0o666, rootfs.Owner{}))
	require.NoError(t, root.Seal("/open"))
	for path, want := range map[string]os.FileMode{"": 0o555, "etc": 0o555, "etc/file": 0o444, "open": 0o777, "open/file": 0o666} {
		info, err := os.Stat(filepath.Join(root.Path(), path))
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm(), "/%s", path)
	}
}
