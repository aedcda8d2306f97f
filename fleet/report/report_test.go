package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/fleet/report"
	"waybill.example/waybill/fleet/stackfiles"
	"waybill.example/waybill/internal/steps"
)

func row(stack, customer string, status report.Status) report.Row {
	return report.Row{Stack: stackfiles.Stack{Name: stack, Customer: customer, Platform: "aks", Side: "both"}, Status: status, Seconds: 1.23}
}

func changed(stack string, resources ...steps.Resource) report.Row {
	r := row(stack, stack, report.Changed)
	r.Take(&steps.Result{Resources: resources})
	return r
}

func failed(stack string, lines ...string) report.Row {
	r := row(stack, stack, report.Failed)
	r.Errors = lines
	return r
}

func TestOperationsAreCountedAndFailedOnesAreNot(t *testing.T) {
	r := row("acme", "acme", report.Changed)
	r.Take(nil)
	r.Take(&steps.Result{Warnings: []string{"w"}, Resources: []steps.Resource{
		{Name: "a", Operation: "create"}, {Name: "b", Operation: "create", Failed: true}, {Name: "c", Operation: "update"},
		{Name: "d", Operation: "replace"}, {Name: "e", Operation: "delete"}, {Name: "f", Operation: "same"},
	}})
	assert.Equal(t, []int{1, 1, 1, 1, 1, 4}, []int{r.Create, r.Update, r.Replace, r.Delete, r.Same, r.Changes()})
	assert.Len(t, r.Resources, 5)
	assert.Equal(t, []string{"w"}, r.Warnings)
}

func TestTheExitStatusIsThatOfTheWorstStack(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []report.Status
		exit     int
	}{
		"none":                    {nil, 0},
		"all as they are":         {[]report.Status{report.Unchanged, report.NotDeployed}, 0},
		"one changed":             {[]report.Status{report.Unchanged, report.Changed}, 2},
		"one new":                 {[]report.Status{report.Unchanged, report.New}, 2},
		"one failed":              {[]report.Status{report.Changed, report.Failed, report.Unchanged}, 1},
		"interrupted":             {[]report.Status{report.Failed, report.Interrupted}, 130},
		"interrupted before some": {[]report.Status{report.Changed, report.NotStarted}, 130},
	} {
		t.Run(name, func(t *testing.T) {
			var rows []report.Row
			for _, status := range c.statuses {
				rows = append(rows, row("acme", "acme", status))
			}
			assert.Equal(t, c.exit, report.Make("preview", "", rows, 0).Exit)
		})
	}
}

func TestTheTableHasALineForEachStackAndSaysWhatFailed(t *testing.T) {
	one := changed("acme", steps.Resource{Operation: "create"}, steps.Resource{Operation: "delete"})
	other := row("globex-vendor", "globex", report.Unchanged)
	waiting := row("hooli", "hooli", report.NotStarted)
	var out strings.Builder
	require.NoError(t, report.Make("preview", "", []report.Row{one, failed("dev", "first\x1b[31m", "second"), other, waiting}, 90*time.Second).WriteTable(&out))
	assert.Equal(t, `CUSTOMER                PLATFORM  CREATE  UPDATE  REPLACE  DELETE  STATUS       TIME
acme                    aks       1       -       -        1       changed      1.2s
dev                     aks       -       -       -        -       failed       1.2s
globex (globex-vendor)  aks       -       -       -        -       unchanged    1.2s
hooli                   aks       -       -       -        -       not started  -

dev:
  first [31m
  second

preview in 1m30s: 1 failed, 1 not started, 1 changed, 1 unchanged
`, out.String())
}

func TestTheMarkdownHasFailuresFirstThenChangesThenACount(t *testing.T) {
	cut := row("late", "late", report.Interrupted)
	cut.Errors = []string{"once more"}
	text := markdown(t, report.Make("preview", "2/4", []report.Row{
		row("quiet", "quiet", report.Unchanged),
		changed("acme", steps.Resource{Type: "aws:iam/role:Role", Name: "pull_role", Operation: "update", Properties: []string{"tags.a", "tags.b"}}),
		row("calm", "calm", report.Unchanged),
		failed("dev", "no ``` good"),
		cut,
	}, time.Second))
	assert.True(t, strings.HasPrefix(text, "<!-- waybill-fleet 2/4 -->\n## Fleet preview, shard 2/4: 1 failed, 1 interrupted, 1 changed, 2 unchanged\n"), text)
	order := []string{"### Failed", "| dev |", "### Not done", "| late |", "### Changed", "| acme |", "<details open><summary>dev: why</summary>",
		"````\nno ``` good\n````", "<details open><summary>late: why</summary>\n\n```\nonce more\n```", "<details><summary>acme: 1 resources</summary>", `| update | aws:iam/role:Role | pull\_role | tags.a, tags.b |`, "\n2 unchanged.\n"}
	at := 0
	for _, want := range order {
		next := strings.Index(text[at:], want)
		require.GreaterOrEqual(t, next, 0, "%s\nafter %d in\n%s", want, at, text)
		at += next
	}
	assert.NotContains(t, text, "quiet")
}

func TestNothingThatAStackSaysBecomesMarkup(t *testing.T) {
	assert.True(t, strings.HasPrefix(markdown(t, report.Make("preview", "", nil, 0)), "<!-- waybill-fleet -->\n## Fleet preview: no stack\n"))
	bad := row("acme", "<img src=x>|`@everyone`\n# title", report.Changed)
	text := markdown(t, report.Make("preview", "", []report.Row{bad}, 0))
	assert.NotContains(t, text, "<img")
	assert.NotContains(t, text, "@everyone")
	assert.NotContains(t, text, "\n# title")
	assert.Contains(t, text, "&lt;img src=x&gt;\\|\\`@<!-- -->everyone\\` \\# title (acme)")
}

// GitHub refuses a longer comment, and then there would be none at all.
func TestTheMarkdownFitsIntoAComment(t *testing.T) {
	var resources []steps.Resource
	for range 200 {
		resources = append(resources, steps.Resource{Type: "kubernetes:core/v1:ConfigMap", Name: strings.Repeat("n", 60), Operation: "create"})
	}
	var rows []report.Row
	for range 50 {
		rows = append(rows, changed("acme", resources...))
	}
	text := markdown(t, report.Make("preview", "", rows, 0))
	assert.Less(t, len(text), 65_536)
	assert.Equal(t, 50, strings.Count(text, "\n| acme |"))
	assert.Regexp(t, `The details of 4[0-9] more stacks are left out`, text)
}

func markdown(t *testing.T, r *report.Report) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, r.WriteMarkdown(&out))
	return out.String()
}

func TestTheJSONDocumentHasEveryListAlsoAnEmptyOne(t *testing.T) {
	var out strings.Builder
	require.NoError(t, report.Make("drift", "", []report.Row{row("acme", "acme", report.Unchanged)}, time.Second).WriteJSON(&out))
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(out.String()), &document))
	assert.Equal(t, map[string]any{
		"command": "drift", "exit": 0.0, "seconds": 1.0,
		"summary": map[string]any{"changed": 0.0, "new": 0.0, "unchanged": 1.0, "notDeployed": 0.0, "failed": 0.0, "interrupted": 0.0, "notStarted": 0.0},
		"stacks": []any{map[string]any{
			"stack": "acme", "customer": "acme", "platform": "aks", "side": "both", "status": "unchanged", "seconds": 1.23,
			"create": 0.0, "update": 0.0, "replace": 0.0, "delete": 0.0, "same": 0.0, "resources": []any{},
		}},
	}, document)
	out.Reset()
	require.NoError(t, report.Make("drift", "", nil, 0).WriteJSON(&out))
	assert.Contains(t, out.String(), `"stacks": []`)
}
