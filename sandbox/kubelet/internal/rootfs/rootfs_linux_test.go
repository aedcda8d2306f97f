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
		tar.Header{Typeflag: tar.TypeLink, Name: "bin/hard", Linkname: "bin/program"}, // before its target
		tar.Header{Typeflag: tar.TypeReg, Name: "bin/program", Mode: 0o4755},
		tar.Header{Typeflag: tar.TypeReg, Name: "./etc/file", Mode: 0o640},
		tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o750},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "var/run", Linkname: "/run"},
		tar.Header{Typeflag: tar.TypeReg, Name: "var/run/through-the-link", Mode: 0o644},
		tar.Header{Typeflag: tar.TypeReg, Name: "upper/file", Mode: 0o644},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "upper", Linkname: "/etc"}, // of a lower layer
		tar.Header{Typeflag: tar.TypeFifo, Name: "pipe", Mode: 0o644},
	)))
	assert.Equal(t, "bin/program", read(t, root, "/bin/hard"))
	assert.Equal(t, "./etc/file", read(t, root, "/etc/file"))
	assert.Equal(t, "var/run/through-the-link", read(t, root, "/run/through-the-link"))
	assert.Equal(t, "upper/file", read(t, root, "/upper/file"))
	info, err := os.Stat(filepath.Join(root.Path(), "bin", "program"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode(), "without the set-ID bit")
	info, err = os.Stat(filepath.Join(root.Path(), "etc"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o750), info.Mode().Perm())
	assert.NoFileExists(t, filepath.Join(root.Path(), "pipe"))
}

func TestAnImageCannotReachOutOfItsRoot(t *testing.T) {
	outside := t.TempDir()
	for name, headers := range map[string][]tar.Header{
		"a name":      {{Typeflag: tar.TypeReg, Name: "../escaped", Mode: 0o644}},
		"a deep name": {{Typeflag: tar.TypeReg, Name: "a/../../escaped", Mode: 0o644}},
		"a hard link": {{Typeflag: tar.TypeLink, Name: "stolen", Linkname: "../../../etc/passwd"}},
	} {
		require.ErrorContains(t, newRoot(t).Unpack(archive(t, headers...)), "points out of the image", name)
	}
	for name, link := range map[string]string{"an absolute link": outside, "a relative link": "../../../../../../.." + outside} {
		root := newRoot(t)
		require.NoError(t, root.Unpack(archive(t,
			tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: link},
			tar.Header{Typeflag: tar.TypeReg, Name: "link/escaped", Mode: 0o644},
		)), name)
		assert.Equal(t, "link/escaped", read(t, root, filepath.Join(outside, "escaped")), "%s leads to inside", name)
		require.NoError(t, root.File("/link/written", []byte("x"), 0o644, rootfs.Owner{}), name)
		require.NoError(t, root.EmptyDir("/link/directory"), name)
	}
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestAContainerCannotHaveAFileOfTheMachineRead(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(root.Path(), "message")))
	_, err := root.Read("/message", 100)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Mkdir(filepath.Join(root.Path(), "directory"), 0o755))
	_, err = root.Read("/directory", 100)
	require.ErrorContains(t, err, "want a file")
}

func TestADirectoryComesBackWithWhatWasWritten(t *testing.T) {
	root := newRoot(t)
	outside := filepath.Join(t.TempDir(), "volume")
	require.NoError(t, os.Mkdir(outside, 0o700))
	require.NoError(t, rootfs.Open(outside, nil))
	require.NoError(t, root.MoveIn(outside, "/data/volume"))
	require.NoError(t, root.File("/data/volume/file", []byte("kept"), 0o600, rootfs.Owner{}))
	require.NoError(t, root.Seal("/data/volume"))
	require.NoError(t, root.MoveOut("/data/volume", outside))
	text, err := os.ReadFile(filepath.Join(outside, "file"))
	require.NoError(t, err)
	assert.Equal(t, "kept", string(text))

	// A container replaced it by a link: it gets nothing of the machine's.
	require.NoError(t, root.MoveIn(outside, "/data/volume"))
	require.NoError(t, os.RemoveAll(filepath.Join(root.Path(), "data", "volume")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(root.Path(), "data", "volume")))
	require.NoError(t, root.MoveOut("/data/volume", outside))
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestASealedRootHasNoWritableFile(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, root.File("/etc/file", nil, 0o664, rootfs.Owner{}))
	require.NoError(t, root.EmptyDir("/open"))
	require.NoError(t, root.File("/open/file", nil, 0o666, rootfs.Owner{}))
	require.NoError(t, root.Seal("/open"))
	for path, want := range map[string]os.FileMode{"": 0o555, "etc": 0o555, "etc/file": 0o444, "open": 0o755, "open/file": 0o666} {
		info, err := os.Stat(filepath.Join(root.Path(), path))
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().Perm(), "/%s", path)
	}
}

func TestDevNullIsThere(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, root.Devices())
	null, err := os.OpenFile(filepath.Join(root.Path(), "dev", "null"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = null.Write([]byte("nothing"))
	require.NoError(t, err)
	require.NoError(t, null.Close())
}

func TestUsersAreThoseOfTheImage(t *testing.T) {
	root := newRoot(t)
	user, err := root.User("65532")
	require.NoError(t, err)
	assert.Equal(t, rootfs.User{UID: 65532, GID: 0, Home: "/"}, user)
	_, err = root.User("app")
	require.ErrorContains(t, err, "unable to find user app")

	require.NoError(t, root.File("/etc/passwd", []byte("broken\nroot:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:"), 0o644, rootfs.Owner{}))
	for _, name := range []string{"app", "1000"} {
		user, err = root.User(name)
		require.NoError(t, err)
		assert.Equal(t, rootfs.User{UID: 1000, GID: 1001, Home: "/home/app"}, user)
	}
}

func TestAProgramIsLookedForInsideTheRoot(t *testing.T) {
	root := newRoot(t)
	require.NoError(t, root.File("/usr/bin/tool", nil, 0o755, rootfs.Owner{}))
	require.NoError(t, root.File("/bin/tool", nil, 0o644, rootfs.Owner{})) // not executable
	path, err := root.Executable("tool", "/bin:/usr/bin")
	require.NoError(t, err)
	assert.Equal(t, "/usr/bin/tool", path)
	path, err = root.Executable("./tool", "/bin")
	require.NoError(t, err)
	assert.Equal(t, "./tool", path)
	_, err = root.Executable("sh", "/bin:/usr/bin")
	require.EqualError(t, err, `exec: "sh": executable file not found in $PATH`)
}
