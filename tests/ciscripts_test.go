package tests_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stubGH takes gh's place: it notes what it is asked for, with the file that
// a body is read from, and answers a look-up with $FOUND.
const stubGH = `#!/bin/sh
for word; do
	case $word in
	--jq) echo "$FOUND" ;;
	body=@*) cp "${word#body=@}" "$LOG.body" ;;
	esac
done
case $* in *--jq*) ;; *) echo "$@" | sed 's/ -F body=@.*//; s/ -f body=.*//' >>"$LOG" ;; esac
`

// scripted runs a script of tools/ci in dir, with stubs by path below dir,
// and returns its output and whether it ended well.
func scripted(t *testing.T, dir string, stubs map[string]string, environment []string, arguments ...string) (string, bool) {
	t.Helper()
	for name, text := range stubs {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	program, err := filepath.Abs(filepath.Join("..", "tools", "ci", arguments[0]))
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, arguments[1:]...)
	command.Dir = dir
	command.Env = append([]string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "GITHUB_REPOSITORY=Vendor/waybill"}, environment...)
	output, err := command.CombinedOutput()
	return string(output), err == nil
}

// reports lays out what the parts of a run left: statuses by part. A part
// without a name is the only one, and has no folder of its own. What follows a
// status is in the report.
func reports(t *testing.T, dir string, parts map[string]string) {
	t.Helper()
	for part, left := range parts {
		status, more, _ := strings.Cut(left, " ")
		folder := filepath.Join(dir, "reports", part)
		require.NoError(t, os.MkdirAll(folder, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "status"), []byte(status+"\n"), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "report.md"), []byte("<!-- waybill-fleet 1/1 -->\nreport of "+part+"\n"+more), 0o600))
	}
}

func TestReportsArePublishedInOnePlace(t *testing.T) {
	const comments, issues = "repos/Vendor/waybill/issues/7/comments", "repos/Vendor/waybill/issues"
	for name, c := range map[string]struct {
		kind, found, result string
		parts               map[string]string
		calls               []string
	}{
		"the first comment":              {"comment", "", "success", map[string]string{"0": "0"}, []string{"api --silent -X POST " + comments}},
		"the comment is there":           {"comment", "41", "success", map[string]string{"0": "2"}, []string{"api --silent -X PATCH repos/Vendor/waybill/issues/comments/41"}},
		"two comments are there":         {"comment", "41\n42", "success", map[string]string{"0": "2"}, []string{"api --silent -X PATCH repos/Vendor/waybill/issues/comments/41"}},
		"drift for the first time":       {"issue", "", "success", map[string]string{"0": "0", "1": "2"}, []string{"api --silent -X POST " + issues + " -f title=The clouds are not as the stacks say"}},
		"drift again":                    {"issue", "9", "success", map[string]string{"0": "2"}, []string{"api --silent -X PATCH " + issues + "/9"}},
		"no drift any more":              {"issue", "9", "success", map[string]string{"0": "0", "1": "0"}, []string{"api --silent -X POST " + issues + "/9/comments", "api --silent -X PATCH " + issues + "/9 -f state=closed"}},
		"no drift as ever":               {"issue", "", "success", map[string]string{"0": "0"}, nil},
		"nobody knows whether it drifts": {"issue", "9", "failure", map[string]string{"0": "0", "1": "1"}, nil},
		"the only part, and a comment":   {"comment", "", "success", map[string]string{"": "2"}, []string{"api --silent -X POST " + comments}},
		"the only part drifts":           {"issue", "", "success", map[string]string{"": "2"}, []string{"api --silent -X POST " + issues + " -f title=The clouds are not as the stacks say"}},
		"the only part is clean":         {"issue", "9", "success", map[string]string{"": "0"}, []string{"api --silent -X POST " + issues + "/9/comments", "api --silent -X PATCH " + issues + "/9 -f state=closed"}},
		"one failed and one drifted":     {"issue", "9", "failure", map[string]string{"0": "1 ### Failed\n\n### Changed\n"}, []string{"api --silent -X PATCH " + issues + "/9"}},
		"a part is missing":              {"issue", "9", "failure", map[string]string{"0": "0"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			reports(t, dir, c.parts)
			log := filepath.Join(dir, "log")
			output, ok := scripted(t, dir, map[string]string{"bin/gh": stubGH},
				[]string{"LOG=" + log, "FOUND=" + c.found, "RESULT=" + c.result, "PULL=7", "RUN_URL=https://run.example/1"}, "publish", c.kind, "reports")
			require.True(t, ok, output)
			calls, err := os.ReadFile(log)
			if c.calls == nil {
				require.ErrorIs(t, err, os.ErrNotExist)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, strings.Join(c.calls, "\n"), strings.TrimSpace(string(calls)))
		})
	}
}

func TestOneBodyHoldsEveryReport(t *testing.T) {
	dir := t.TempDir()
	reports(t, dir, map[string]string{"0": "2", "1": "1"})
	environment := []string{"LOG=" + filepath.Join(dir, "log"), "FOUND=", "RESULT=failure", "PULL=7", "RUN_URL=https://run.example/1"}
	output, ok := scripted(t, dir, map[string]string{"bin/gh": stubGH}, environment, "publish", "comment", "reports")
	require.True(t, ok, output)
	body, err := os.ReadFile(filepath.Join(dir, "log.body"))
	require.NoError(t, err)
	assert.Equal(t, "<!-- waybill-fleet -->\n\n**Not every part of [the run](https://run.example/1) came to its end.**\nreport of 0\nreport of 1\n", string(body))

	only := t.TempDir()
	reports(t, only, map[string]string{"": "2"})
	output, ok = scripted(t, only, map[string]string{"bin/gh": stubGH}, append(environment, "LOG="+filepath.Join(only, "log")), "publish", "comment", "reports")
	require.True(t, ok, output)
	body, err = os.ReadFile(filepath.Join(only, "log.body"))
	require.NoError(t, err)
	assert.Contains(t, string(body), "report of ")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "reports", "0", "report.md"), []byte(strings.Repeat("x", 70_000)), 0o600))
	output, ok = scripted(t, dir, nil, environment, "publish", "comment", "reports")
	require.True(t, ok, output)
	body, err = os.ReadFile(filepath.Join(dir, "log.body"))
	require.NoError(t, err)
	assert.Less(t, len(body), 65_536)
	assert.Contains(t, string(body), "report of 1\n\nThe rest is in the summary of [the run](https://run.example/1).")
}

func TestAFleetRunFailsWhereFleetDoesAndNotForChanges(t *testing.T) {
	const stub = "#!/bin/sh\necho \"$@\" >asked\necho told >report/report.md\nexit $STATUS\n"
	for status, ends := range map[string]bool{"0": true, "2": true, "1": false, "130": false} {
		dir := t.TempDir()
		output, ok := scripted(t, dir, map[string]string{".build/bin/fleet": stub},
			[]string{"STATUS=" + status, "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary")}, "fleet", "preview", "a*,b", "2/3", "report")
		assert.Equal(t, ends, ok, status+output)
		for file, want := range map[string]string{
			"asked": "preview --shard 2/3 --markdown report/report.md --match a* --match b", "report/status": status, "summary": "told",
		} {
			text, err := os.ReadFile(filepath.Join(dir, file))
			require.NoError(t, err)
			assert.Equal(t, want, strings.TrimSpace(string(text)))
		}
	}
}

// A run may wait for its approval while others are merged and deployed.
func TestAnUpOfAnOldCommitIsRefused(t *testing.T) {
	const stub = "#!/bin/sh\necho \"$@\" >asked\n"
	for tip, deploys := range map[string]bool{"1111": true, "2222": false} {
		dir := t.TempDir()
		output, ok := scripted(t, dir, map[string]string{".build/bin/fleet": stub, "bin/gh": stubGH},
			[]string{"FOUND=" + tip, "INIT=" + strconv.FormatBool(deploys), "LOG=" + filepath.Join(dir, "log"), "GITHUB_SHA=1111", "GITHUB_REF_NAME=main", "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary")},
			"fleet", "up", "acme", "1/1", "report")
		assert.Equal(t, deploys, ok, output)
		asked, err := os.ReadFile(filepath.Join(dir, "asked"))
		if !deploys {
			require.ErrorIs(t, err, os.ErrNotExist)
			assert.Contains(t, output, "main is at 2222: want this run's commit, 1111")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, "up --shard 1/1 --markdown report/report.md --match acme --yes --init", strings.TrimSpace(string(asked)))
	}
}

func TestAReleaseNamesWhatWasScanned(t *testing.T) {
	const stub = "#!/bin/sh\necho \"$@\" >asked\necho digest sha256:aa\necho linux/amd64 1 bytes\n"
	for name, c := range map[string]struct {
		tag       string
		arguments []string
		asked     string
		want      string
		ok        bool
	}{
		"a candidate":        {"v1.2.3", []string{"candidate"}, "-s image VERSION=1.2.3 IMAGE=ghcr.io/vendor/waybill/refresher:candidate-1111", "name=ghcr.io/vendor/waybill/refresher\nversion=1.2.3\ndigest=sha256:aa\n", true},
		"the same digest":    {"v1.2.3", []string{"release", "sha256:aa"}, "-s image VERSION=1.2.3 IMAGE=ghcr.io/vendor/waybill/refresher:1.2.3", "digest=sha256:aa\n", true},
		"another digest":     {"v1.2.3", []string{"release", "sha256:bb"}, "-s image VERSION=1.2.3 IMAGE=ghcr.io/vendor/waybill/refresher:1.2.3", `has the digest "sha256:aa": want sha256:bb`, false},
		"a tag with a shell": {"v1;true", []string{"candidate"}, "", "tag v1;true: want v and a version", false},
		"a tag of nothing":   {"v", []string{"candidate"}, "", "tag v: want v and a version", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			output, ok := scripted(t, dir, map[string]string{"bin/make": stub}, []string{"GITHUB_SHA=1111", "GITHUB_REF_NAME=" + c.tag}, append([]string{"release-image"}, c.arguments...)...)
			assert.Equal(t, c.ok, ok, output)
			assert.Contains(t, output, c.want)
			if c.asked != "" {
				asked, err := os.ReadFile(filepath.Join(dir, "asked"))
				require.NoError(t, err)
				assert.Equal(t, c.asked, strings.TrimSpace(string(asked)))
			}
		})
	}
}
