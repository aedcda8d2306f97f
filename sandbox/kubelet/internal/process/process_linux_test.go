package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/kubelet/internal/containertest"
	"waybill.example/waybill/sandbox/kubelet/internal/process"
)

// The environment that makes this test binary an unprivileged user who tries a
// user namespace, or runs the program in the root directory that it names.
const (
	probeEnv = "WAYBILL_TEST_PROBE"
	rootEnv  = "WAYBILL_TEST_ROOT"
	// parentEnv makes it a parent that starts the program in the root directory
	// that it names, tells its ID, and waits to be killed.
	parentEnv = "WAYBILL_TEST_PARENT"
)

// program is the static program that the tests run.
var program string

func TestMain(m *testing.M) {
	if os.Getenv(probeEnv) != "" || os.Getenv(rootEnv) != "" {
		os.Exit(unprivileged())
	}
	if dir := os.Getenv(parentEnv); dir != "" {
		os.Exit(parent(dir))
	}
	code, err := build(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "waybill-process")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if program, err = containertest.BuildProgram(dir); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// open is a directory that every user can enter.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "waybill-process")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// root is a directory with the program and /dev/null, which the program opens
// as the input of its own children.
func root(t *testing.T) string {
	t.Helper()
	dir := open(t)
	require.NoError(t, os.Link(program, filepath.Join(dir, "program")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "work"), 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dev"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "dev", "null"), nil, 0o600))
	require.NoError(t, os.Chmod(filepath.Join(dir, "dev", "null"), 0o666))
	return dir
}

func spec(root string, output *os.File, arguments ...string) process.Spec {
	return process.Spec{
		Root: root, Args: append([]string{"/program"}, arguments...), Dir: "/work",
		Env: []string{"VALUE=set"}, UID: 65532, GID: 65533, Output: output,
	}
}

func run(t *testing.T, arguments ...string) (*process.Process, func() string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	output, err := os.Create(log)
	require.NoError(t, err)
	p, err := process.Start(spec(root(t), output, arguments...))
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop(context.Background(), 0) })
	require.NoError(t, output.Close())
	return p, func() string {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		return string(text)
	}
}

func wait(t *testing.T, p *process.Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		require.Fail(t, "the program did not end")
	}
}

// What a program reports of where it runs, and how.
var (
	report   = []string{"user", "dir", "list:/", "environ", "exit:7"}
	reported = "uid=65532 gid=65533 groups=[]\ndir=/work\ndev\nprogram\nwork\nVALUE=set"
)

func TestAProgramRunsInItsRootAsItsUser(t *testing.T) {
	t.Setenv("HIDDEN", "the environment is not inherited")
	p, log := run(t, report...)
	wait(t, p)
	assert.Equal(t, 7, p.ExitCode())
	assert.Equal(t, reported, strings.TrimSpace(log()))
}

func TestAProgramThatIgnoresTheSignalIsKilledAfterItsGrace(t *testing.T) {
	p, log := run(t, "deaf", "wait")
	require.Eventually(t, func() bool { return log() != "" }, 20*time.Second, 10*time.Millisecond)
	began := time.Now()
	p.Stop(t.Context(), 200*time.Millisecond)
	assert.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
	assert.Equal(t, 128+int(syscall.SIGKILL), p.ExitCode())
}

func TestWhatAProgramLeavesBehindIsKilled(t *testing.T) {
	p, log := run(t, "child", "deaf", "wait")
	wait(t, p)
	require.Equal(t, 0, p.ExitCode(), log())
	child, err := strconv.Atoi(strings.TrimPrefix(strings.Fields(log())[0], "child="))
	require.NoError(t, err)
	requireEnded(t, child)
}

func requireEnded(t *testing.T, id int) {
	t.Helper()
	require.Eventually(t, func() bool {
		// A process that nobody has waited for yet has an empty command line.
		command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", id))
		return err != nil || len(command) == 0
	}, 20*time.Second, 10*time.Millisecond)
}

func parent(dir string) int {
	p, err := process.Start(spec(dir, os.Stderr, "deaf", "wait"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(p.ID())
	select {}
}

func TestAProgramDiesWithTheProcessThatStartedIt(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self)
	command.Env = []string{parentEnv + "=" + root(t)}
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	id, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, command.Process.Kill())
	_ = command.Wait() // It was killed.
	requireEnded(t, id)
}

func TestAMissingProgramIsAnError(t *testing.T) {
	_, err := process.Start(process.Spec{Root: root(t), Args: []string{"/missing"}, Dir: "/", UID: 65532})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// asUser runs this test binary as the user, from where the user can reach it.
func asUser(t *testing.T, user *syscall.Credential, environment string) ([]byte, error) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	binary, err := os.ReadFile(self)
	require.NoError(t, err)
	reachable := filepath.Join(open(t), "test")
	require.NoError(t, os.WriteFile(reachable, binary, 0o755))
	command := exec.Command(reachable)
	command.Env = []string{environment}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	return command.Output()
}

// unprivileged runs the program, or only tries a user namespace.
func unprivileged() int {
	if os.Getenv(probeEnv) != "" {
		probe := exec.Command("/bin/true")
		probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		if probe.Run() != nil {
			return 1
		}
		return 0
	}
	p, err := process.Start(spec(os.Getenv(rootEnv), os.Stdout, report...))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	<-p.Done()
	return p.ExitCode()
}

// TestAUserOtherThanRootRunsProgramsInAUserNamespace has two outcomes, by what
// the machine allows, and each is checked.
func TestAUserOtherThanRootRunsProgramsInAUserNamespace(t *testing.T) {
	var nobody *syscall.Credential
	if os.Geteuid() == 0 {
		nobody = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	output, err := asUser(t, nobody, rootEnv+"="+root(t))
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "%v", err)
	if exit.ExitCode() == 7 {
		assert.Equal(t, reported, strings.TrimSpace(string(output)))
		return
	}
	_, err = asUser(t, nobody, probeEnv+"=1")
	require.Error(t, err, "user namespaces work here, and yet: %s", output)
	assert.Contains(t, string(output), "want user namespaces for users other than root")
}
