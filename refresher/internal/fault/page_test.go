package fault_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/fault"
)

var update = flag.Bool("update", false, "write the tables of docs/troubleshooting.md anew")

// docs/troubleshooting.md has the exit codes and the clouds' words from here.
func TestTheTroubleshootingPageHasEveryExitAndEveryRow(t *testing.T) {
	const path = "../../../docs/troubleshooting.md"
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	page := between(t, string(text), "exits", exitsTable())
	page = between(t, page, "rows", rowsTables())
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
		return
	}
	assert.Equal(t, page, string(text), "run `go test -C refresher ./internal/fault -run TroubleshootingPage -update`")
}

// between puts content between the two comments that bear a name.
func between(t *testing.T, page, name, content string) string {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, found := strings.Cut(page, begin)
	require.True(t, found, begin)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found, end)
	return before + begin + content + end + after
}

func exitsTable() string {
	var b strings.Builder
	b.WriteString("\n| code | hop | meaning |\n|---|---|---|\n")
	for _, exit := range fault.Exits {
		hop := ""
		if exit.Hop != "" {
			hop = "`" + string(exit.Hop) + "`"
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", exit.Code, hop, exit.Meaning)
	}
	return b.String() + "\n"
}

// rowsTables quote the first recorded or documented answer of each row.
func rowsTables() string {
	words := map[string]string{}
	for _, text := range texts {
		f := text.fault()
		words[f.Row] = cmp.Or(words[f.Row], quoted(f.Words, f.Status))
	}
	var b strings.Builder
	for _, family := range []struct {
		name  fault.Family
		title string
	}{
		{fault.FamilyEntra, "Entra"},
		{fault.FamilyGoogle, "Google: token service, IAM, Artifact Registry"},
		{fault.FamilyAmazon, "AWS: STS, ECR"},
		{fault.FamilyAgent, "The EKS Pod Identity agent"},
		{fault.FamilyKubernetes, "The API server"},
		{fault.FamilyNetwork, "The network, and what is on the way"},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n| words, such as | likely cause | what to do |\n|---|---|---|\n", family.title)
		for _, row := range fault.Rows[family.name] {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", words[row.Name], cell(row.Cause), cell(row.Do))
		}
	}
	return b.String() + "\n"
}

// trail is what differs in each answer of Entra's.
var trail = regexp.MustCompile(`\s*Trace ID: .*`)

// quoted are words as code, short enough for a table.
func quoted(words string, status int) string {
	const most = 110
	words = strings.Join(strings.Fields(trail.ReplaceAllString(words, "")), " ")
	if shown := []rune(words); len(shown) > most {
		words = string(shown[:most]) + "…"
	}
	words = "`" + cell(strings.ReplaceAll(words, "`", "'")) + "`"
	if status != 0 {
		words += fmt.Sprintf(" (%d)", status)
	}
	return words
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
