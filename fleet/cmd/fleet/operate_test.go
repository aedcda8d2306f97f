package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/fleet/report"
	"waybill.example/waybill/fleet/stackfiles"
	"waybill.example/waybill/internal/steps"
)

// watcher notes what it is told.
type watcher struct {
	mutex sync.Mutex
	told  []string
}

func (w *watcher) note(text string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.told = append(w.told, text)
}

func (w *watcher) Start(stack string)              { w.note(stack + " started") }
func (w *watcher) Step(stack, text string, _ bool) { w.note(stack + " " + text) }
func (w *watcher) Done(stack, text string)         { w.note(stack + " " + text) }
func (w *watcher) Say(text string)                 { w.note(text) }
func (w *watcher) Close()                          {}

func stacksOf(names ...string) []stackfiles.Stack {
	var all []stackfiles.Stack
	for _, name := range names {
		all = append(all, stackfiles.Stack{Name: name, Customer: name})
	}
	return all
}

func statuses(rows []report.Row) map[string]report.Status {
	all := map[string]report.Status{}
	for _, row := range rows {
		all[row.Name] = row.Status
	}
	return all
}

func TestOneStacksFailureStopsNoOther(t *testing.T) {
	shown := &watcher{}
	rows := each(t.Context(), stacksOf("a", "b", "c"), 2, shown, func(_ context.Context, stack stackfiles.Stack) report.Row {
		if stack.Name == "b" {
			return report.Row{Status: report.Failed, Errors: []string{"no"}}
		}
		return report.Row{Status: report.Changed, Create: 2}
	})
	assert.Equal(t, map[string]report.Status{"a": report.Changed, "b": report.Failed, "c": report.Changed}, statuses(rows))
	assert.ElementsMatch(t, []string{
		"a started", "b started", "c started", "b failed",
		"a changed (2 create, 0 update, 0 replace, 0 delete)", "c changed (2 create, 0 update, 0 replace, 0 delete)",
	}, shown.told)
}

func TestAnInterruptLeavesTheRestNotStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rows := each(ctx, stacksOf("a", "b", "c", "d"), 1, &watcher{}, func(ctx context.Context, stack stackfiles.Stack) report.Row {
		return conclude(ctx, func() (report.Status, *steps.Result, error) {
			if stack.Name == "b" {
				cancel() // while b runs
				return "", &steps.Result{Resources: []steps.Resource{{Operation: "create"}}}, errors.New("cancelled")
			}
			return "", &steps.Result{}, nil
		})
	})
	assert.Equal(t, map[string]report.Status{"a": report.Unchanged, "b": report.Interrupted, "c": report.NotStarted, "d": report.NotStarted}, statuses(rows))
	assert.Equal(t, 1, rows[1].Create)
	assert.Equal(t, report.ExitInterrupted, report.Make("up", "", rows, 0).Exit)
}

func TestAStackThatIsDoneInSpiteOfTheInterruptIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	row := conclude(ctx, func() (report.Status, *steps.Result, error) {
		return "", &steps.Result{Resources: []steps.Resource{{Operation: "create"}}}, nil
	})
	assert.Equal(t, report.Changed, row.Status)
}

func TestTheStatusFollowsFromWhatHappened(t *testing.T) {
	same := &steps.Result{Resources: []steps.Resource{{Operation: "same"}}}
	created := &steps.Result{Resources: []steps.Resource{{Operation: "create"}}}
	for name, c := range map[string]struct {
		status report.Status
		result *steps.Result
		err    error
		want   report.Status
	}{
		"nothing changed":  {"", same, nil, report.Unchanged},
		"something did":    {"", created, nil, report.Changed},
		"a new stack":      {report.New, created, nil, report.New},
		"not deployed":     {report.NotDeployed, nil, nil, report.NotDeployed},
		"an error":         {"", created, errors.New("first\n  second"), report.Failed},
		"a new one fails":  {report.New, created, errors.New("no"), report.Failed},
		"nothing happened": {"", nil, errors.New("no"), report.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			row := conclude(t.Context(), func() (report.Status, *steps.Result, error) { return c.status, c.result, c.err })
			assert.Equal(t, c.want, row.Status)
			if name == "an error" {
				assert.Equal(t, []string{"first", "second"}, row.Errors)
			}
		})
	}
}

func TestNothingChangesWithoutAYes(t *testing.T) {
	stdin, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer stdin.Close()
	f := &fleet{stdin: stdin}
	require.EqualError(t, f.confirm(t.Context(), "up", stacksOf("a")), "up changes clouds and there is no terminal to ask on: want --yes")
	f.yes = true
	require.NoError(t, f.confirm(t.Context(), "up", stacksOf("a")))
	require.NoError(t, (&fleet{stdin: stdin}).confirm(t.Context(), "up", nil))
}

func TestTheQuestionIsAnsweredOrInterrupted(t *testing.T) {
	for answer, want := range map[string]string{"y\n": "", "YES \n": "", "n\n": "not confirmed", "\n": "not confirmed", "": "not confirmed"} {
		err := answered(t.Context(), strings.NewReader(answer))
		if want == "" {
			require.NoError(t, err, answer)
			continue
		}
		require.ErrorContains(t, err, want, answer)
		assert.Equal(t, report.ExitFailed, (&fleet{}).status(err))
	}
	stdin, terminal := io.Pipe() // on which nobody types
	defer terminal.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- answered(ctx, stdin) }()
	cancel()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, errInterrupted)
		assert.Equal(t, report.ExitInterrupted, (&fleet{exit: report.ExitChanged}).status(err))
	case <-time.After(patience):
		t.Fatal("an interrupt does not end the question")
	}
	assert.Equal(t, report.ExitChanged, (&fleet{exit: report.ExitChanged}).status(nil))
}

func TestAnInterruptedRecoveryKeepsItsError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	unsettled := errors.New("the refresh: cancelled: run `fleet recover STACK` again before any update")
	row := conclude(ctx, func() (report.Status, *steps.Result, error) { cancel(); return "", nil, unsettled })
	require.Equal(t, report.Interrupted, row.Status)
	assert.Equal(t, lines(unsettled), explained(row, unsettled).Errors)
	assert.Empty(t, explained(row, nil).Errors, "an update that the interrupt ends says nothing")
}

// execute runs the command in this process, for what needs no engine.
func execute(t *testing.T, root string, args ...string) (stdout string, exit int, err error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	require.NoError(t, err)
	defer out.Close()
	f := &fleet{stdin: os.Stdin, stdout: out, stderr: os.Stderr}
	command := newCommand(f)
	command.SetArgs(append(args, "--root", root))
	err = command.ExecuteContext(t.Context())
	text, readErr := os.ReadFile(out.Name())
	require.NoError(t, readErr)
	return string(text), f.exit, err
}

func TestTheListFeedsAMatrix(t *testing.T) {
	root := makeProject(t, mixed(4))
	text, exit, err := execute(t, root, "list", "--json", "--match", "a*")
	require.NoError(t, err)
	assert.Equal(t, 0, exit)
	assert.Equal(t, `[{"stack":"aks-01","customer":"aks-01","platform":"aks","side":"both"},{"stack":"aks-04","customer":"aks-04","platform":"aks","side":"both"}]`+"\n", text)
	text, _, err = execute(t, root, "list", "--json", "--shards", "3")
	require.NoError(t, err)
	assert.Equal(t, `[{"shard":"1/3","stacks":["aks-01","eks-02"]},{"shard":"2/3","stacks":["aks-04"]},{"shard":"3/3","stacks":["ecs-03"]}]`+"\n", text)
	text, _, err = execute(t, root, "list", "--shard", "1/3")
	require.NoError(t, err)
	assert.Equal(t, "STACK   CUSTOMER  PLATFORM  SIDE\naks-01  aks-01    aks       both\neks-02  eks-02    eks       both\n", text)
}

func TestABrokenFileIsInTheListSoThatItsRunnerFails(t *testing.T) {
	root := makeProject(t, mixed(1))
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.broken.yaml"), []byte("config: ["), 0o600))
	text, exit, err := execute(t, root, "list", "--json")
	require.NoError(t, err)
	assert.Equal(t, 0, exit)
	assert.Contains(t, text, `{"stack":"broken","customer":"","platform":"","side":""}`)
}

func TestValidateReportsEveryProblemOfEveryFile(t *testing.T) {
	root := makeProject(t, mixed(3))
	text, exit, err := execute(t, root, "validate")
	require.NoError(t, err)
	assert.Equal(t, "3 stack files, 0 wrong\n", text)
	assert.Equal(t, 0, exit)

	copied := filepath.Join(root, "Pulumi.copied.yaml")
	require.NoError(t, os.WriteFile(copied, []byte(customer{number: 2, platform: "eks"}.file()), 0o600))
	text, exit, err = execute(t, root, "validate", "--match", "copied")
	require.NoError(t, err)
	assert.Equal(t, 1, exit)
	assert.Contains(t, text, "Pulumi.eks-02.yaml is of the same: want another slug")
	require.NoError(t, os.Remove(copied))

	broken := customer{number: 1, platform: "aks"}.file() + "    colour: red\n  waybill:colour: red\nextra: true\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.aks-01.yaml"), []byte(broken), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.broken.yaml"), []byte("config: ["), 0o600))
	text, exit, err = execute(t, root, "validate")
	require.NoError(t, err)
	assert.Equal(t, 1, exit)
	for _, want := range []string{"Pulumi.aks-01.yaml:", "colour", "waybill:colour", "extra", "Pulumi.broken.yaml:", "4 stack files, 2 wrong"} {
		assert.Contains(t, text, want)
	}
	text, exit, err = execute(t, root, "validate", "--json", "--match", "aks-01")
	require.NoError(t, err)
	assert.Equal(t, 1, exit)
	assert.Contains(t, text, `"ok":false,"problems":[`)
}

func TestWrongFlagsAreRefused(t *testing.T) {
	root := makeProject(t, mixed(1))
	for want, args := range map[string][]string{
		"want one of them on stdout": {"preview", "--json", "--markdown", "-"},
		"want 1 or more":             {"drift", "--parallel", "-1"},
		"want INDEX/COUNT":           {"preview", "--shard", "3/2"},
		"matches no stack":           {"up", "--yes", "--match", "nobody"},
		"has no file":                {"recover", "nobody", "--yes"},
		"want a number of runners":   {"list", "--shards", "2", "--shard", "1/2"},
	} {
		_, _, err := execute(t, root, args...)
		require.ErrorContains(t, err, want)
	}
}
