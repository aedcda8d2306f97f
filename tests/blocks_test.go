package tests_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/tests/stackfile"
)

// block is one command block of a page, and the marker above it: how it is known to work.
type block struct {
	marker, text string
}

var fence = regexp.MustCompile("(?m)^( *)```sh\n((?s:.*?))^ *```$")

func commandBlocks(page string) []block {
	var all []block
	for _, at := range fence.FindAllStringSubmatchIndex(page, -1) {
		lines := strings.Split(strings.TrimRight(page[:at[0]], "\n"), "\n")
		marker, _ := strings.CutPrefix(strings.TrimSpace(lines[len(lines)-1]), "<!-- ")
		marker, found := strings.CutSuffix(marker, " -->")
		if !found {
			marker = ""
		}
		all = append(all, block{marker, page[at[4]:at[5]]})
	}
	return all
}

// A command block says above itself how it is known to work: `run` is run or looked
// up here, `test: NAME` by that test; `cloud: WHY` and `by hand: WHY` say why no test
// can run it.
func TestExampleEveryCommandBlockIsRunOrSaysWhyNot(t *testing.T) {
	tests := testNames(t)
	for _, page := range pages(t) {
		for _, b := range commandBlocks(read(t, filepath.Join("..", page))) {
			kind, rest, _ := strings.Cut(b.marker, ": ")
			switch kind {
			case "run":
				runBlock(t, page, b.text)
			case "test":
				assert.Contains(t, tests, rest, page)
			case "cloud", "by hand":
				assert.NotEmpty(t, rest, "%s: why: %s", page, b.text)
			default:
				assert.Fail(t, "no marker", "%s: want <!-- run -->, <!-- test: NAME -->, <!-- cloud: WHY --> or <!-- by hand: WHY --> above:\n%s", page, b.text)
			}
		}
	}
}

// runBlock runs the program's own commands, and looks make's targets up.
func runBlock(t *testing.T, page, text string) {
	t.Helper()
	makefile := read(t, filepath.Join("..", "Makefile"))
	for line := range strings.Lines(text) {
		command, _, _ := strings.Cut(line, " #")
		words := strings.Fields(command)
		switch {
		case len(words) == 0:
		case words[0] == "make":
			for _, target := range words[1:] {
				if !strings.Contains(target, "=") && !strings.HasPrefix(target, "'") {
					assert.Contains(t, makefile, "\n"+target+":", "%s: %s", page, line)
				}
			}
		case len(words) > 2 && words[0] == "go" && words[1] == "run":
			if to := slices.Index(words, ">"); to >= 0 {
				words = words[:to]
			}
			status, _, stderr := waybill(t, "..", words[3:]...)
			assert.Zero(t, status, "%s: %s%s", page, line, stderr)
		default:
			assert.Fail(t, "not run here", "%s: %s", page, line)
		}
	}
}

// waybill runs a command of the program in a folder.
func waybill(t *testing.T, folder string, arguments ...string) (status int, stdout, stderr string) {
	t.Helper()
	here, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Chdir(folder)) // not t.Chdir: the test goes on here
	defer func() { require.NoError(t, os.Chdir(here)) }()
	var out, problems bytes.Buffer
	status = stacks.Command(arguments, &out, &problems)
	return status, out.String(), problems.String()
}

// What a page says that a command prints, it prints.
func TestExampleThePagesShowWhatTheProgramPrints(t *testing.T) {
	shown := func(page, command string) string {
		text := read(t, filepath.Join("..", "docs", page))
		match := regexp.MustCompile(`(?s)<!-- from ` + regexp.QuoteMeta(command) + " -->\\s*```\n(.*?)\n *```").FindStringSubmatch(text)
		require.NotNil(t, match, "%s: %s", page, command)
		return strings.ReplaceAll(match[1], "\n   ", "\n")
	}
	_, printed, _ := waybill(t, "..", "access-request", "oscorp-customer")
	assert.Contains(t, printed, strings.TrimSpace(shown("customer.md", "go run . access-request oscorp-customer")))

	folder := t.TempDir()
	for name, text := range map[string]string{
		"Pulumi.yaml":             read(t, filepath.Join("..", "Pulumi.yaml")),
		"Pulumi.acme-vendor.yaml": strings.Replace(read(t, filepath.Join("..", "examples", "Pulumi.soylent-vendor.yaml")), "slug: soylent", "slug: Acme", 1),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	status, _, refused := waybill(t, folder, "validate", "acme-vendor")
	assert.Equal(t, 1, status)
	assert.Equal(t, shown("vendor.md", "go run . validate"), strings.TrimSpace(refused))

	// The resources of the README's output are those of its stack.
	readme, golden := read(t, filepath.Join("..", "README.md")), read(t, filepath.Join("testdata", "dev.golden"))
	created := regexp.MustCompile(`(?m)^  create +(\S+) +\S+ (\w+)$`).FindAllStringSubmatch(readme, -1)
	require.NotEmpty(t, created)
	for _, match := range created {
		assert.Regexp(t, `(?m)`+match[2]+`\b.*\b`+match[1]+`\b|\b`+match[1]+`\b.*\b`+match[2]+`\b`, golden)
	}
}

// A customer that changes its copy of an example as its row of the page says has its
// own half alone.
func TestExampleACustomersCopyIsItsOwnHalf(t *testing.T) {
	page := read(t, filepath.Join("..", "docs", "customer.md"))
	all := commandBlocks(page)
	at := slices.IndexFunc(all, func(b block) bool { return b.marker == "test: "+t.Name() })
	require.GreaterOrEqual(t, at, 0)
	rows := regexp.MustCompile(`(?m)^   \| [^|]+ \| ([a-z-]+) \| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(page, -1)
	require.NotEmpty(t, rows)
	rows = rows[1:] // the head
	compared := regexp.MustCompile(`(?m)^\| example \|.*$`).FindString(page)
	assert.Equal(t, len(rows), strings.Count(compared, "../examples/"), "a row for each example of the comparison")
	code := regexp.MustCompile("`([^`]+)`")
	for _, row := range rows {
		example, folder := row[1], t.TempDir()
		assert.Contains(t, compared, "../examples/Pulumi."+example+".yaml")
		path := filepath.Join("examples", "Pulumi."+example+".yaml")
		require.NoError(t, os.Mkdir(filepath.Join(folder, "examples"), 0o755))
		for _, file := range []string{"Pulumi.yaml", path} {
			require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(read(t, filepath.Join("..", file))), 0o600))
		}
		copying := exec.Command("sh", "-ec", strings.ReplaceAll(all[at].text, "stark", example))
		copying.Dir = folder
		out, err := copying.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Regexp(t, `^# .*=\.\./stacks/`, read(t, filepath.Join(folder, "Pulumi.acme-customer.yaml")), "what the page says to remove")

		values, _ := stackfile.Load(t, folder, "acme-customer")
		var customer map[string]any
		require.NoError(t, json.Unmarshal([]byte(values["waybill:customer"]), &customer))
		for _, added := range code.FindAllStringSubmatch(row[2], -1) {
			key, value, found := strings.Cut(added[1], ": ")
			require.True(t, found, added[1])
			object, last := inside(customer, key)
			object[last] = strings.Trim(value, `"`)
		}
		for _, removed := range code.FindAllStringSubmatch(row[3], -1) {
			object, last := inside(customer, removed[1])
			require.Contains(t, object, last)
			delete(object, last)
		}
		assert.Equal(t, "customer", customer["side"])
		text, err := json.Marshal(map[string]any{"config": map[string]any{"waybill:customer": customer}})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, "Pulumi.acme-customer.yaml"), text, 0o600))
		status, _, refused := waybill(t, folder, "validate", "acme-customer")
		assert.Zero(t, status, "%s: %s", example, refused)
	}
}

// inside is the object that holds a dotted key, made where it is not there, and the
// key's last part.
func inside(object map[string]any, key string) (holder map[string]any, last string) {
	parts := strings.Split(key, ".")
	for _, part := range parts[:len(parts)-1] {
		inner, there := object[part].(map[string]any)
		if !there {
			inner = map[string]any{}
			object[part] = inner
		}
		object = inner
	}
	return object, parts[len(parts)-1]
}

// Whoever copies an example must not get another's salt and secrets with it.
func TestTheExamplesHoldNoSecret(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "examples", "Pulumi.*.yaml"))
	require.NoError(t, err)
	for _, file := range append(files, filepath.Join("..", "Pulumi.dev.yaml")) {
		assert.NotRegexp(t, `(?m)^encryptionsalt:|secure: v1:`, read(t, file), file)
	}
}

// The command moves every import, in Go and in go.mod, and the keys of annotations; the
// examples' registry stays.
func TestTheModulePathIsMovedByTheCommandOfTheVendorsPage(t *testing.T) {
	const marker = "test: TestTheModulePathIsMovedByTheCommandOfTheVendorsPage"
	all := commandBlocks(read(t, filepath.Join("..", "docs", "vendor.md")))
	at := slices.IndexFunc(all, func(b block) bool { return b.marker == marker })
	require.GreaterOrEqual(t, at, 0)
	folder := t.TempDir()
	run := func(command string) string {
		c := exec.Command("sh", "-c", command)
		c.Dir = folder
		out, err := c.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	world, keys := filepath.Join("sandbox", "worlds", "dev.yaml"), filepath.Join("refresher", "internal", "pullsecret", "pullsecret.go")
	for _, file := range append(goFiles(t, filepath.Join("..", "stacks")), "../go.mod", "../main.go", "../"+world, "../"+keys) {
		to := filepath.Join(folder, strings.TrimPrefix(file, ".."))
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(t, os.WriteFile(to, []byte(read(t, file)), 0o600))
	}
	run("git init -q . && git add .")
	run(all[at].text)
	assert.Contains(t, read(t, filepath.Join(folder, "go.mod")), "module your.host/your/path\n")
	for _, file := range goFiles(t, folder) {
		assert.NotContains(t, read(t, file), "waybill.example/", file)
	}
	assert.Contains(t, read(t, filepath.Join(folder, keys)), `"your.domain/expires"`)
	assert.Equal(t, read(t, filepath.Join("..", world)), read(t, filepath.Join(folder, world)))
}

// testNames are the names of all tests of all modules.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, folder := range []string{"tests", "components", "internal", "stacks", "sandbox", "fleet", "refresher", "tools"} {
		for _, file := range testFiles(t, filepath.Join("..", folder)) {
			for _, match := range declared.FindAllStringSubmatch(read(t, file), -1) {
				names[match[1]] = true
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}

// A row of the troubleshooting page names the test that makes it.
func TestEveryRowOfTroubleshootingNamesItsTest(t *testing.T) {
	tests, rows := testNames(t), 0
	page, _, found := strings.Cut(read(t, filepath.Join("..", "docs", "troubleshooting.md")), "## Exit codes")
	require.True(t, found)
	for line := range strings.Lines(page) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| you see") {
			continue
		}
		rows++
		match := regexp.MustCompile("\\| `(Test\\w+)` \\|\n$").FindStringSubmatch(line)
		if assert.NotNil(t, match, line) {
			assert.Contains(t, tests, match[1], line)
		}
	}
	assert.Greater(t, rows, 15)
}

// span is a line of one piece of code, which nothing can break.
var span = regexp.MustCompile("^ *`[^`]*`\\S*\n$")

// Prose has lines of at most 120 characters; tables, code and addresses have what they need.
func TestPagesHaveShortLines(t *testing.T) {
	for _, page := range pages(t) {
		if page == "CHANGELOG.md" {
			continue // a record of what was written
		}
		code := false
		for line := range strings.Lines(read(t, filepath.Join("..", page))) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				code = !code
			}
			if code || strings.HasPrefix(strings.TrimSpace(line), "|") || strings.Contains(line, "https://") || strings.Contains(line, "](") || span.MatchString(line) {
				continue
			}
			assert.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), 120, "%s: %s", page, line)
		}
	}
}
