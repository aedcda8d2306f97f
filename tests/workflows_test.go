package tests_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The rules of docs/ci.md hold for every workflow and action of the project.
func TestTheWorkflowsKeepTheirRules(t *testing.T) {
	assert.Empty(t, readProject(t).problems(t))
}

// Drift is looked for without anybody asking, and merging alone deploys.
func TestTheWorkflowsStartWhereTheyShould(t *testing.T) {
	p := readProject(t)
	for name, c := range map[string]struct{ with, without []string }{
		"check":   {with: []string{"pull_request", "workflow_call"}},
		"preview": {with: []string{"pull_request"}, without: []string{"push"}},
		"deploy":  {with: []string{"push"}, without: []string{"pull_request"}},
		"drift":   {with: []string{"schedule"}, without: []string{"pull_request", "push"}},
		"release": {with: []string{"push"}, without: []string{"pull_request", "workflow_dispatch"}},
		"fleet":   {with: []string{"workflow_call"}, without: []string{"pull_request", "push", "schedule", "workflow_dispatch"}},
	} {
		events := p.workflow(t, name).events()
		assert.Subset(t, events, c.with, name)
		for _, event := range c.without {
			assert.NotContains(t, events, event, name)
		}
	}
}

// good is a project whose workflows keep every rule; each case of the next
// test breaks one.
const good = `name: good
on:
  pull_request:
permissions: {}
jobs:
  one:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v1.2.3
        with:
          persist-credentials: false
      - run: make test && make -C elsewhere .build/bin/tool && tools/ci/script
  two:
    if: github.event.pull_request.head.repo.full_name == github.repository
    permissions:
      contents: read
      id-token: write
    uses: ./.github/workflows/called.yml
`

const called = `on:
  workflow_call:
permissions: {}
jobs:
  three:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    environment: preview
    permissions:
      id-token: write
    steps:
      - run: "true"
`

func TestAWorkflowThatBreaksARuleIsRefused(t *testing.T) {
	sample := func(good, called string) project {
		return project{
			files:    map[string]string{".github/workflows/good.yml": good, ".github/workflows/called.yml": called},
			makefile: "BIN := .build/bin\ntest: tools ## every test\n$(BIN)/tool: go.mod\n",
			exists:   func(name string) bool { return name == "tools/ci/script" },
		}
	}
	require.Empty(t, sample(good, called).problems(t))

	const checkout = "actions/checkout@0123456789abcdef0123456789abcdef01234567 # v1.2.3"
	guard := "    if: github.event.pull_request.head.repo.full_name == github.repository\n"
	for name, c := range map[string]struct {
		old, new string
		want     string
	}{
		"a tag":                             {checkout, "actions/checkout@v1.2.3", "good.yml:12: actions/checkout@v1.2.3: want an action pinned"},
		"a short digest":                    {"01234567 # v1.2.3", " # v1.2.3", "want an action pinned"},
		"a digest without its version":      {" # v1.2.3", "", "want an action pinned"},
		"a digest with half a version":      {"# v1.2.3", "# v1", "want an action pinned"},
		"an image":                          {checkout, "docker://alpine:3", "want an action pinned"},
		"two digests of one action":         {"      - run: make test", "      - uses: actions/checkout@1123456789abcdef0123456789abcdef01234567 # v1.2.3\n        with: {persist-credentials: false}\n      - run: make test", "actions/checkout has 2 digests"},
		"a local action that is missing":    {checkout, "./.github/actions/none", "./.github/actions/none: want a file of the project"},
		"a workflow that is missing":        {"called.yml", "none.yml", "./.github/workflows/none.yml: want a file of the project"},
		"pull_request_target":               {"  pull_request:", "  pull_request_target:", "starts on pull_request_target"},
		"pull_request_target in a list":     {"on:\n  pull_request:", "on: [pull_request_target]", "starts on pull_request_target"},
		"workflow_run":                      {"  pull_request:", "  workflow_run:", "starts on workflow_run"},
		"no permissions":                    {"permissions: {}\n", "", "permissions are missing"},
		"write-all":                         {"permissions: {}", "permissions: write-all", `permissions "write-all": want none or single reads`},
		"a write for every job":             {"permissions: {}", "permissions: {issues: write}", "permissions issues: write: want none or single reads"},
		"write-all in a job":                {"    permissions:\n      contents: read\n    steps", "    permissions: write-all\n    steps", `job one: permissions "write-all"`},
		"a job without permissions":         {"    permissions:\n      contents: read\n    steps", "    steps", "job one: permissions are missing"},
		"a token for a fork":                {guard, "", "job two runs for forks: want no id-token: write"},
		"a guard with another way in":       {"== github.repository", "== github.repository || always()", "job two runs for forks"},
		"a write for a fork":                {"    permissions:\n      contents: read\n    steps", "    permissions:\n      pull-requests: write\n    steps", "job one runs for forks: want no pull-requests: write"},
		"an environment for a fork":         {"    timeout-minutes: 5", "    timeout-minutes: 5\n    environment: preview", "job one runs for forks: want no environment"},
		"the workflow's token for a fork":   {"      - run: make test", "      - env: {T: \"${{ github.token }}\"}\n        run: make test", "job one runs for forks: want no github.token"},
		"its token by its index":            {"      - run: make test", "      - env: {T: \"${{ github['token'] }}\"}\n        run: make test", "job one runs for forks: want no github.token"},
		"its token in a whole context":      {"      - run: make test", "      - env: {T: \"${{ toJSON(github) }}\"}\n        run: make test", "job one runs for forks: want no github.token"},
		"its token for every job":           {"permissions: {}", "env: {T: \"${{ github.token }}\"}\npermissions: {}", "job one runs for forks: want no github.token"},
		"a secret":                          {"      - run: make test", "      - env: {T: \"${{ secrets.KEY }}\"}\n        run: make test", "good.yml reads a secret"},
		"a secret for every job":            {"permissions: {}", "env: {T: \"${{ secrets.KEY }}\"}\npermissions: {}", "good.yml reads a secret"},
		"a secret in a condition":           {"      - run: make test", "      - if: secrets.KEY != ''\n        run: make test", "good.yml reads a secret"},
		"a secret in a job's condition":     {"    timeout-minutes: 5", "    timeout-minutes: 5\n    if: Secrets.KEY != ''", "good.yml reads a secret"},
		"a secret in a name":                {"      - run: make test", "      - name: ${{ secrets.KEY }}\n        run: make test", "good.yml reads a secret"},
		"a secret by its index":             {"      - run: make test", "      - env: {T: \"${{ secrets['KEY'] }}\"}\n        run: make test", "good.yml reads a secret"},
		"all secrets as one text":           {"      - run: make test", "      - env: {T: \"${{ toJSON(secrets) }}\"}\n        run: make test", "good.yml reads a secret"},
		"a secret behind braces":            {"      - run: make test", "      - env: {T: \"${{ format('{{}}', secrets.KEY) }}\"}\n        run: make test", "good.yml reads a secret"},
		"every secret":                      {"    uses: ./.github/workflows/called.yml", "    uses: ./.github/workflows/called.yml\n    secrets: inherit", "job two passes secrets on"},
		"a title in a script":               {"make test", "echo ${{ github.event.pull_request.title }}", "job one: run has an expression"},
		"a branch in a script":              {"make test", "echo ${{ github.head_ref }}", "job one: run has an expression"},
		"a script of an action":             {"      - run: make test", "      - uses: actions/github-script@0123456789abcdef0123456789abcdef01234567 # v1.2.3\n        with: {script: \"${{ github.head_ref }}\"}\n      - run: make test", "job one: script has an expression"},
		"a target that is missing":          {"make test", "make tests", "job one: make tests: want a target of the Makefile"},
		"a binary that nothing makes":       {".build/bin/tool", ".build/bin/other", "make .build/bin/other: want a target of the Makefile"},
		"a script that is missing":          {"tools/ci/script", "tools/ci/other", "tools/ci/other: want an executable file of the project"},
		"a job without a limit":             {"    timeout-minutes: 5\n", "", "job one: timeout-minutes is missing"},
		"a checkout that keeps the token":   {"        with:\n          persist-credentials: false\n", "", "want persist-credentials: false"},
		"deploying what is proposed":        {"    uses: ./.github/workflows/called.yml", "    uses: ./.github/workflows/called.yml\n    with: {command: up, environment: production-acme}", "job two deploys on a pull request"},
		"a token without an environment":    {"    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n    permissions:\n", "    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n" + guard + "    permissions:\n      id-token: write\n", "job one: id-token: write: want an environment"},
		"a file that is no workflow at all": {"jobs:", "jobs: [", "good.yml: "},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			require.NotEqual(t, good, bad, "the case changes nothing")
			assert.Contains(t, strings.Join(sample(bad, called).problems(t), "\n"), c.want)
		})
	}

	t.Run("a called workflow whose token has no environment", func(t *testing.T) {
		bad := strings.Replace(called, "    environment: preview\n", "", 1)
		assert.Contains(t, strings.Join(sample(good, bad).problems(t), "\n"), "called.yml: job three: id-token: write: want an environment")
	})
	t.Run("a fork that reaches a called workflow", func(t *testing.T) {
		bad := strings.Replace(strings.Replace(good, guard, "", 1), "      id-token: write\n", "", 1)
		assert.Contains(t, sample(bad, called).problems(t), ".github/workflows/called.yml: job three runs for forks: want no environment")
	})
	t.Run("the workflow's token for a fork in an action", func(t *testing.T) {
		const plain = "runs:\n  using: composite\n  steps:\n    - shell: sh\n      run: \"true\"\n"
		p := sample(strings.Replace(good, "      - run: make test", "      - uses: ./.github/actions/a\n      - run: make test", 1), called)
		p.files[".github/actions/a/action.yml"] = plain
		p.files[".github/actions/b/action.yml"] = plain
		require.Empty(t, p.problems(t))
		p.files[".github/actions/a/action.yml"] = plain + "    - uses: ./.github/actions/b\n"
		p.files[".github/actions/b/action.yml"] = plain + "      env: {T: \"${{ github.token }}\"}\n"
		assert.Equal(t, []string{".github/workflows/good.yml: job one runs for forks: want no github.token"}, p.problems(t))
		p.files[".github/actions/b/action.yml"] = plain + "      env: {T: \"${{ secrets.KEY }}\"}\n"
		assert.Equal(t, []string{".github/actions/b/action.yml reads a secret: want none, there is none to keep"}, p.problems(t))
	})
	t.Run("an action without a digest in an action", func(t *testing.T) {
		p := sample(good, called)
		p.files[".github/actions/a/action.yml"] = "runs:\n  using: composite\n  steps:\n    - uses: actions/cache@main\n    - shell: sh\n      run: echo ${{ inputs.a }}\n"
		found := strings.Join(p.problems(t), "\n")
		assert.Contains(t, found, "action.yml:4: actions/cache@main: want an action pinned")
		assert.Contains(t, found, "action.yml: run has an expression")
	})
}

// project is what the rules are about: the workflows and actions by path, the
// Makefile, and which paths are executable files.
type project struct {
	files    map[string]string
	makefile string
	exists   func(string) bool
}

func readProject(t *testing.T) project {
	t.Helper()
	p := project{files: map[string]string{}, exists: func(name string) bool {
		info, err := os.Stat(filepath.Join("..", name))
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	}}
	for _, pattern := range []string{".github/workflows/*.y*ml", ".github/actions/*/action.y*ml"} {
		found, err := filepath.Glob(filepath.Join("..", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		for _, file := range found {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			p.files[strings.TrimPrefix(filepath.ToSlash(file), "../")] = string(text)
		}
	}
	makefile, err := os.ReadFile(filepath.Join("..", "Makefile"))
	require.NoError(t, err)
	p.makefile = string(makefile)
	return p
}

// workflow is as much of a workflow, or of a composite action, as the rules
// need.
type workflow struct {
	On          any             `yaml:"on"`
	Permissions any             `yaml:"permissions"`
	Env         any             `yaml:"env"`
	Jobs        map[string]*job `yaml:"jobs"`
	Runs        struct {
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

type job struct {
	If          string         `yaml:"if"`
	Uses        string         `yaml:"uses"`
	Environment any            `yaml:"environment"`
	Permissions any            `yaml:"permissions"`
	Timeout     int            `yaml:"timeout-minutes"`
	Secrets     any            `yaml:"secrets"`
	With        map[string]any `yaml:"with"`
	Steps       []step         `yaml:"steps"`
	// whole is the job as it is written, for what may hold an expression.
	whole any
}

type step struct {
	Uses string         `yaml:"uses"`
	Run  string         `yaml:"run"`
	With map[string]any `yaml:"with"`
	If   any            `yaml:"if"`
}

func (p project) workflow(t *testing.T, name string) *workflow {
	t.Helper()
	var w workflow
	require.NoError(t, encoding.YAML.Unmarshal([]byte(p.files[".github/workflows/"+name+".yml"]), &w))
	return &w
}

// events are what starts the workflow, however it is written.
func (w *workflow) events() []string {
	switch on := w.On.(type) {
	case string:
		return []string{on}
	case []any:
		var names []string
		for _, event := range on {
			names = append(names, fmt.Sprint(event))
		}
		return names
	case map[string]any:
		return slices.Sorted(maps.Keys(on))
	}
	return nil
}

// problems are the broken rules, a line each.
func (p project) problems(t *testing.T) []string {
	t.Helper()
	c := checker{project: p, parsed: map[string]*workflow{}, digests: map[string][]string{}}
	for _, file := range slices.Sorted(maps.Keys(p.files)) {
		var w workflow
		if err := encoding.YAML.Unmarshal([]byte(p.files[file]), &w); err != nil {
			c.add(file, "%v", err)
			continue
		}
		c.parsed[file] = &w
		w.read(t, p.files[file])
		c.pins(file)
		c.secrets(file, &w)
	}
	for _, file := range slices.Sorted(maps.Keys(c.parsed)) {
		w := c.parsed[file]
		if w.Jobs == nil {
			c.steps(file, "", w.Runs.Steps)
			continue
		}
		c.triggers(file, w)
		c.permissions(file, "", w.Permissions, true)
		for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
			c.job(file, name, w.Jobs[name])
		}
		if slices.Contains(w.events(), "pull_request") {
			c.forks(file, w)
		}
	}
	for _, action := range slices.Sorted(maps.Keys(c.digests)) {
		if found := c.digests[action]; len(found) > 1 {
			c.found = append(c.found, fmt.Sprintf("%s has %d digests, %s: want one", action, len(found), strings.Join(found, ", ")))
		}
	}
	return c.found
}

type checker struct {
	project
	parsed  map[string]*workflow
	digests map[string][]string // of each action
	found   []string
}

func (c *checker) add(file, format string, args ...any) {
	c.found = append(c.found, file+": "+fmt.Sprintf(format, args...))
}

var (
	usesLine = regexp.MustCompile(`^\s*(?:- )?uses:\s*(.*)$`)
	pinned   = regexp.MustCompile(`^([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$`)
	// makeCall is a call of make with its arguments, up to the end of the command.
	makeCall = regexp.MustCompile(`\bmake((?: +[^ ;&|>\n]+)+)`)
	// script is a path below tools/ as a script names it.
	script = regexp.MustCompile(`(?:^|[\s"'=(/])(tools/[\w./-]+)`)
)

// pins reads lines, because a parser drops the comment with the version.
func (c *checker) pins(file string) {
	for i, line := range strings.Split(c.files[file], "\n") {
		match := usesLine.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		used := strings.TrimSpace(match[1])
		if local, found := strings.CutPrefix(used, "./"); found {
			_, isWorkflow := c.files[local]
			_, isAction := c.files[path.Join(local, "action.yml")]
			if !isWorkflow && !isAction {
				c.add(file, "%s: want a file of the project", used)
			}
			continue
		}
		pin := pinned.FindStringSubmatch(used)
		if pin == nil {
			c.found = append(c.found, fmt.Sprintf("%s:%d: %s: want an action pinned by a commit of 40 digits, with its version as # v1.2.3", file, i+1, used))
			continue
		}
		if !slices.Contains(c.digests[pin[1]], pin[2]) {
			c.digests[pin[1]] = append(c.digests[pin[1]], pin[2])
		}
	}
}

// read gives each job what the struct has no field for.
func (w *workflow) read(t *testing.T, text string) {
	t.Helper()
	var whole struct {
		Jobs map[string]any `yaml:"jobs"`
	}
	require.NoError(t, encoding.YAML.Unmarshal([]byte(text), &whole))
	for name, j := range w.Jobs {
		j.whole = whole.Jobs[name]
	}
}

var (
	// expression is what GitHub fills in, with the texts in it, which may hold braces.
	expression = regexp.MustCompile(`\$\{\{(?:'[^']*'|[^'}]|\}[^}])*\}\}`)
	// readsSecret and readsToken are how an expression reads them, alone or with all others.
	readsSecret = regexp.MustCompile(`(?i)\bsecrets\b`)
	readsToken  = regexp.MustCompile(`(?i)\bgithub\s*(?:\.\s*token\b|\[)|\btoJSON\(\s*github\s*\)`)
)

// secrets refuses an expression that reads one, wherever it stands. A condition
// is one without its braces.
func (c *checker) secrets(file string, w *workflow) {
	expressions := expression.FindAllString(c.files[file], -1)
	for _, j := range w.Jobs {
		expressions = append(expressions, j.If)
		for _, s := range j.Steps {
			expressions = append(expressions, fmt.Sprint(s.If))
		}
	}
	for _, s := range w.Runs.Steps {
		expressions = append(expressions, fmt.Sprint(s.If))
	}
	if slices.ContainsFunc(expressions, readsSecret.MatchString) {
		c.found = append(c.found, file+" reads a secret: want none, there is none to keep")
	}
}

// triggers refuses what runs with the base's rights and can meet the head's code.
func (c *checker) triggers(file string, w *workflow) {
	for _, event := range w.events() {
		if event == "pull_request_target" || event == "workflow_run" {
			c.add(file, "starts on %s: want pull_request, which gives a fork nothing", event)
		}
	}
}

// permissions must be written out; a whole workflow has reads at most.
func (c *checker) permissions(file, subject string, permissions any, whole bool) {
	switch given := permissions.(type) {
	case nil:
		c.add(file, "%spermissions are missing: want them said", subject)
	case map[string]any:
		for _, scope := range slices.Sorted(maps.Keys(given)) {
			if whole && given[scope] != "read" && given[scope] != "none" {
				c.add(file, "permissions %s: %v: want none or single reads for a whole workflow", scope, given[scope])
			}
		}
	default:
		c.add(file, "%spermissions %q: want none or single reads, each named", subject, fmt.Sprint(given))
	}
}

func writes(permissions any) []string {
	var scopes []string
	if given, ok := permissions.(map[string]any); ok {
		for _, scope := range slices.Sorted(maps.Keys(given)) {
			if given[scope] == "write" {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

func (c *checker) job(file, name string, j *job) {
	subject := "job " + name + ": "
	c.permissions(file, subject, j.Permissions, false)
	if j.Secrets != nil {
		c.add(file, "job %s passes secrets on: want none, there is none to keep", name)
	}
	if j.Uses != "" {
		return // what it calls has the environment and the limit
	}
	if slices.Contains(writes(j.Permissions), "id-token") && j.Environment == nil {
		c.add(file, "%sid-token: write: want an environment, which the clouds' roles are pinned to", subject)
	}
	if j.Timeout == 0 {
		c.add(file, "%stimeout-minutes is missing: want a limit", subject)
	}
	c.steps(file, subject, j.Steps)
}

// reads says whether the job reads the workflow's token: itself, from what the
// workflow gives every job, or in an action of the project.
func (c *checker) reads(w *workflow, j *job) bool {
	return readsToken.MatchString(fmt.Sprint(w.Env, j.whole)) || c.actionsRead(j.Steps)
}

func (c *checker) actionsRead(steps []step) bool {
	return slices.ContainsFunc(steps, func(s step) bool {
		local, isLocal := strings.CutPrefix(s.Uses, "./")
		file := path.Join(local, "action.yml")
		action := c.parsed[file]
		return isLocal && action != nil && (readsToken.MatchString(c.files[file]) || c.actionsRead(action.Runs.Steps))
	})
}

func (c *checker) steps(file, subject string, steps []step) {
	for _, s := range steps {
		if strings.Contains(s.Run, "${{") {
			c.add(file, "%srun has an expression, which the shell would read as commands: want it in env", subject)
		}
		if strings.Contains(fmt.Sprint(s.With["script"]), "${{") {
			c.add(file, "%sscript has an expression, which would be read as code: want it in env", subject)
		}
		if strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != false {
			c.add(file, "%s%s: want persist-credentials: false", subject, s.Uses)
		}
		c.commands(file, subject, s.Run)
	}
}

// commands looks up what a script calls of the project.
func (c *checker) commands(file, subject, run string) {
	for _, call := range makeCall.FindAllStringSubmatch(run, -1) {
		words := strings.Fields(call[1])
		for i, word := range words {
			if strings.HasPrefix(word, "-") || strings.Contains(word, "=") || i > 0 && words[i-1] == "-C" {
				continue
			}
			if !c.makes(word) {
				c.add(file, "%smake %s: want a target of the Makefile", subject, word)
			}
		}
	}
	for _, named := range script.FindAllStringSubmatch(run, -1) {
		if strings.HasSuffix(named[1], "/go.mod") {
			continue
		}
		if !c.exists(named[1]) {
			c.add(file, "%s%s: want an executable file of the project", subject, named[1])
		}
	}
}

// makes says whether the Makefile has a rule for the target.
func (c *checker) makes(target string) bool {
	for _, line := range strings.Split(strings.ReplaceAll(c.makefile, "$(BIN)", ".build/bin"), "\n") {
		targets, _, isRule := strings.Cut(line, ":")
		if isRule && !strings.HasPrefix(line, "\t") && slices.Contains(strings.Fields(targets), target) {
			return true
		}
	}
	return false
}

// guard keeps a job from a fork's pull request.
const guard = "github.event.pull_request.head.repo.full_name == github.repository"

// forks holds the jobs that a fork's pull request reaches, called ones too, to
// having nothing that could be taken.
func (c *checker) forks(file string, w *workflow) {
	for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
		j := w.Jobs[name]
		if j.With["command"] == "up" || strings.HasPrefix(fmt.Sprint(j.With["environment"]), "production") {
			c.add(file, "job %s deploys on a pull request: want preview", name)
		}
		if strings.Contains(j.If, guard) && !strings.Contains(j.If, "||") {
			continue
		}
		for _, scope := range writes(j.Permissions) {
			c.add(file, "job %s runs for forks: want no %s: write", name, scope)
		}
		if j.Environment != nil {
			c.add(file, "job %s runs for forks: want no environment", name)
		}
		if c.reads(w, j) {
			c.add(file, "job %s runs for forks: want no github.token", name)
		}
		local := strings.TrimPrefix(j.Uses, "./")
		if next := c.parsed[local]; next != nil && local != file {
			c.forks(local, next)
		}
	}
}
