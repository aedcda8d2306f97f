package mutants

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/rehearsal"
)

func TestWhoRefusedIsReadFromTheDocument(t *testing.T) {
	refusal := func(name, hop string) rehearsal.Refusal {
		return rehearsal.Refusal{Case: name, Hop: hop, Error: "words"}
	}
	healthy := &document{OK: true, Refusals: []rehearsal.Refusal{refusal("a push", "registry"), refusal("a key", "entra")}}
	for _, test := range []struct {
		name         string
		got          document
		place, words string
	}{
		{"nobody", *healthy, "", ""},
		{"the engine", document{Errors: []string{"pool:", "Error 400"}}, "engine", "pool: Error 400"},
		{"the hop that a failed deployment came to", document{
			Errors: []string{"Job failed"}, Hops: []rehearsal.Hop{{Name: "entra", OK: true}, {Name: "sts", Detail: "invalid_grant"}},
		}, "hop sts", "invalid_grant"},
		{"a case that nobody refused", document{Refusals: []rehearsal.Refusal{refusal("a push", "")}}, "case", "a push: nobody refused it"},
		{"a case that another hop refused", document{
			Refusals: []rehearsal.Refusal{refusal("a push", "registry"), refusal("a key", "sts")},
		}, "case", "a key: sts refused it: words"},
		{"a case in other words", document{Refusals: healthy.Refusals}, "case", "one is refused in other words"},
	} {
		place, words := test.got.notice(healthy)
		assert.Equal(t, []string{test.place, test.words}, []string{place, words}, test.name)
	}
}

func TestOnlyWhatTheSandboxRefusesOrHasAReasonIsFine(t *testing.T) {
	result := func(place, reason, problem string) Result {
		m := Mutant{Name: "a-b", Notice: "engine", Reason: reason}
		return Result{Mutant: m, Place: place, Error: problem, ComponentTests: "notice"}
	}
	fine := &Report{Mutants: []Result{result("engine", "", ""), result("", "changes nothing", "")}}
	fine.count()
	assert.True(t, fine.OK)
	bad := &Report{Mutants: []Result{result("", "", ""), result("engine", "changes nothing", "does not compile")}}
	bad.count()
	assert.False(t, bad.OK)
	assert.Equal(t, map[string]int{refused: 0, excused: 0, survived: 1, failed: 1}, bad.Counts)
	var text bytes.Buffer
	require.NoError(t, bad.Write(&text))
	assert.Contains(t, text.String(), "a-b     notice           -        ✗ SURVIVED: want it refused by engine\n")
}

func TestNothingBeginsOnceSomethingHasFailed(t *testing.T) {
	r := &runner{Options: Options{Jobs: 2}}
	var begun atomic.Int32
	broken := errors.New("broken")
	assert.ErrorIs(t, r.each(100, func(int) error { begun.Add(1); return broken }), broken)
	assert.Less(t, begun.Load(), int32(100))
	begun.Store(0)
	assert.NoError(t, r.each(100, func(int) error { begun.Add(1); return nil }))
	assert.EqualValues(t, 100, begun.Load())
}

// The compiler is shown the changed file, and the tree stays as it is.
func TestAMutantIsBuiltBesideTheTree(t *testing.T) {
	w := workshop{root: t.TempDir(), dir: t.TempDir()}
	file := filepath.Join(w.root, "main.go")
	require.NoError(t, os.WriteFile(filepath.Join(w.root, "go.mod"), []byte("module example\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(file, []byte("package main\n\nfunc main() { println(1) }\n"), 0o600))
	m := Mutant{Name: "a-b", File: "main.go", Old: "println(1)", New: "println(2)"}
	option, err := w.build(t.Context(), m)
	require.NoError(t, err)
	assert.Equal(t, []string{"--program", w.path("program")}, option)
	output, err := command(t.Context(), w.root, w.path("program")).CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "2\n", string(output))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), "println(1)")

	m.New = "println(two)"
	_, err = w.build(t.Context(), m)
	assert.ErrorContains(t, err, "undefined: two")
	m.Old = "println"
	require.NoError(t, os.WriteFile(file, []byte("package main\n\nfunc main() { println(println) }\n"), 0o600))
	_, err = w.build(t.Context(), m)
	assert.EqualError(t, err, "mutant a-b: old occurs 2 times in main.go: want it once")
}
