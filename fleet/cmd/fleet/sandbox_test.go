package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// projectRoot is the folder of the whole project, seen from this package.
const projectRoot = "../../.."

// binaries hold fleet and the sandbox, built from the sources that are tested.
var binaries string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	folder, err := os.MkdirTemp("", "fleet-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binaries = folder
	for name, source := range map[string][2]string{"fleet": {".", "."}, "sandbox": {filepath.Join(projectRoot, "sandbox"), "./cmd/sandbox"}} {
		build := exec.Command("go", "build", "-o", filepath.Join(folder, name), source[1])
		build.Dir = source[0]
		if output, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "building %s: %v\n%s", name, err, output)
			return 1
		}
	}
	return m.Run()
}

// sandbox is a running `sandbox serve`.
type sandbox struct {
	t           testing.TB
	root        string
	process     *exec.Cmd
	said        *bytes.Buffer
	environment map[string]string
}

// startSandbox serves the world of a project until the test ends.
func startSandbox(t testing.TB, root string) *sandbox {
	t.Helper()
	s := &sandbox{t: t, root: root}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *sandbox) start() {
	s.t.Helper()
	s.said = &bytes.Buffer{}
	s.process = exec.Command(filepath.Join(binaries, "sandbox"), "serve", "--json", "--root", s.root, "--stack", worldName)
	s.process.Stderr = s.said
	stdout, err := s.process.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.process.Start())
	s.environment = nil
	if err := json.NewDecoder(stdout).Decode(&s.environment); err != nil {
		s.stop()
		require.NoError(s.t, err, "the sandbox says: %s", s.said)
	}
}

func (s *sandbox) stop() {
	_ = s.process.Process.Signal(os.Interrupt)
	_ = s.process.Wait() // it may have been stopped already
}

// environ is the environment that the sandbox printed, and no other Pulumi's.
func (s *sandbox) environ() []string {
	environ := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "PULUMI_") })
	for key, value := range s.environment {
		environ = append(environ, key+"="+value)
	}
	return environ
}

// run is one run of the command.
type run struct {
	t       testing.TB
	process *exec.Cmd
	stdout  bytes.Buffer
	stderr  *bufio.Reader
	said    bytes.Buffer
}

// startFleet runs `fleet` on the project; the test reads what it says on the way.
func (s *sandbox) startFleet(t testing.TB, args ...string) *run {
	t.Helper()
	r := &run{t: t}
	r.process = exec.Command(filepath.Join(binaries, "fleet"), append(args, "--root", s.root)...)
	// What a killed command leaves goes with the project.
	r.process.Env = append(s.environ(), "TMPDIR="+s.root)
	r.process.Stdout = &r.stdout
	stderr, err := r.process.StderrPipe()
	require.NoError(t, err)
	r.stderr = bufio.NewReader(stderr)
	require.NoError(t, r.process.Start())
	return r
}

// until reads what the command says until so many lines hold the text; false
// where it ends before.
func (r *run) until(text string, times int) bool {
	for seen := 0; seen < times; {
		line, err := r.stderr.ReadString('\n')
		r.said.WriteString(line)
		if strings.Contains(line, text) {
			seen++
		}
		if err != nil {
			return false
		}
	}
	return true
}

// wait gives the exit status.
func (r *run) wait() int {
	r.t.Helper()
	_, err := io.Copy(&r.said, r.stderr)
	require.NoError(r.t, err)
	_ = r.process.Wait() // the exit status says it
	return r.process.ProcessState.ExitCode()
}

// fleet runs the command to its end and wants an exit status.
func (s *sandbox) fleet(t testing.TB, exit int, args ...string) *run {
	t.Helper()
	r := s.startFleet(t, args...)
	require.Equal(t, exit, r.wait(), "fleet %s\n%s\n%s", strings.Join(args, " "), r.said.String(), r.stdout.String())
	return r
}

// killEngine kills the Pulumi CLI that the command runs, as the kernel would.
func (r *run) killEngine() {
	r.t.Helper()
	pid := r.process.Process.Pid
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	require.NoError(r.t, err)
	killed := false
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		for _, child := range strings.Fields(string(text)) {
			var number int
			_, err := fmt.Sscan(child, &number)
			require.NoError(r.t, err)
			require.NoError(r.t, syscall.Kill(number, syscall.SIGKILL))
			killed = true
		}
	}
	require.True(r.t, killed, "no engine was running")
}

// read is the command's JSON document.
func (r *run) read() document {
	r.t.Helper()
	var d document
	require.NoError(r.t, json.Unmarshal(r.stdout.Bytes(), &d), r.stdout.String())
	return d
}

// document is as much of the JSON document as the tests look at.
type document struct {
	Exit   int
	Stacks []struct {
		Stack, Status                   string
		Create, Update, Replace, Delete int
		Resources                       []struct {
			Type, Name, Operation string
			Properties            []string
		}
		Errors, Steps []string
	}
}

// patience is how long a test waits for what happens in a second or so.
const patience = 30 * time.Second
