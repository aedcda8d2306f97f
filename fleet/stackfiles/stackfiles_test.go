package stackfiles_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/fleet/stackfiles"
)

func project(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	return root
}

func stackFile(slug, platform, side string) string {
	text := "config:\n  waybill:customer:\n    slug: " + slug + "\n    platform: " + platform + "\n"
	if side != "" {
		text += "    side: " + side + "\n"
	}
	return text
}

func TestEveryStackFileIsFoundButTheSandboxs(t *testing.T) {
	root := project(t, map[string]string{
		"Pulumi.yaml":             "name: waybill\n",
		"Pulumi.zeta.yaml":        stackFile("zeta", "ecs", ""),
		"Pulumi.acme-vendor.yaml": stackFile("acme", "aks", "vendor"),
		"Pulumi.broken.yaml":      "config: [\n",
		"Pulumi..yaml":            "",
		"Pulumi.dev.yaml":         stackFile("example", "aks", ""),
		"README.md":               "",
	})
	found, err := stackfiles.Find(root)
	require.NoError(t, err)
	require.Len(t, found, 3)
	assert.Equal(t, stackfiles.Stack{Name: "acme-vendor", Customer: "acme", Platform: "aks", Side: "vendor", Path: filepath.Join(root, "Pulumi.acme-vendor.yaml")}, found[0])
	assert.Equal(t, "broken", found[1].Name)
	require.ErrorContains(t, found[1].Problem, "Pulumi.broken.yaml")
	assert.Equal(t, stackfiles.Stack{Name: "zeta", Customer: "zeta", Platform: "ecs", Side: "both", Path: filepath.Join(root, "Pulumi.zeta.yaml")}, found[2])
}

// A file that was copied, and kept the other's slug, would build the other's resources.
func TestTwoStacksOfTheSameAreRefused(t *testing.T) {
	of := func(slug, side, product, project string) string {
		return stackFile(slug, "aks", side) + "    product: {name: " + product + "}\n    gcp: {project: " + project + "}\n"
	}
	found, err := stackfiles.Find(project(t, map[string]string{
		"Pulumi.yaml":               "",
		"Pulumi.acme.yaml":          of("acme", "", "shop", "images"),
		"Pulumi.best.yaml":          of("acme", "vendor", "shop", "images"),
		"Pulumi.acme-edge.yaml":     strings.Replace(of("acme", "", "desk", "images"), "aks", "kubernetes", 1),
		"Pulumi.acme-desk.yaml":     of("acme", "", "desk", "images"),
		"Pulumi.acme-mail.yaml":     of("acme", "", "mail", "images"),
		"Pulumi.acme-trial.yaml":    of("acme", "", "shop", "trial-images"),
		"Pulumi.globex-vendor.yaml": of("globex", "vendor", "shop", "images"),
		"Pulumi.globex.yaml":        of("globex", "customer", "shop", "images"),
		"Pulumi.empty.yaml":         "",
		"Pulumi.nothing.yaml":       "",
	}))
	require.NoError(t, err)
	problems := map[string]string{}
	for _, stack := range found {
		if stack.Problem != nil {
			problems[stack.Name] = stack.Problem.Error()
		}
	}
	assert.Equal(t, map[string]string{
		"acme-desk": `slug "acme", product "desk", side "both": Pulumi.acme-edge.yaml is of the same: want another slug in one of the two: they would build the same resources`,
		"acme-edge": `slug "acme", product "desk", side "both": Pulumi.acme-desk.yaml is of the same: want another slug in one of the two: they would build the same resources`,
		"acme":      `slug "acme", product "shop", side "both": Pulumi.best.yaml is of the same: want another slug in one of the two: they would build the same resources`,
		"best":      `slug "acme", product "shop", side "vendor": Pulumi.acme.yaml is of the same: want another slug in one of the two: they would build the same resources`,
	}, problems)
}

func TestAFolderThatIsNoProjectIsRefused(t *testing.T) {
	_, err := stackfiles.Find(t.TempDir())
	require.ErrorContains(t, err, "want the project's folder")
}

// A vendor begins with no customer.
func TestAProjectMayHaveNoStackFile(t *testing.T) {
	found, err := stackfiles.Find(project(t, map[string]string{"Pulumi.yaml": "", "Pulumi.dev.yaml": stackFile("example", "aks", "")}))
	require.NoError(t, err)
	kept, err := stackfiles.Select(found, []string{"*"}, nil)
	require.NoError(t, err)
	assert.Empty(t, kept)
}

func named(names ...string) []stackfiles.Stack {
	var all []stackfiles.Stack
	for _, name := range names {
		all = append(all, stackfiles.Stack{Name: name})
	}
	return all
}

func names(all []stackfiles.Stack) string {
	var texts []string
	for _, stack := range all {
		texts = append(texts, stack.Name)
	}
	return strings.Join(texts, " ")
}

func TestPatternsPickStacks(t *testing.T) {
	all := named("acme-customer", "acme-vendor", "best", "globex")
	for name, c := range map[string]struct {
		match, exclude []string
		want           string
	}{
		"none":           {nil, nil, "acme-customer acme-vendor best globex"},
		"one":            {[]string{"globex"}, nil, "globex"},
		"a star":         {[]string{"acme-*"}, nil, "acme-customer acme-vendor"},
		"several":        {[]string{"*-vendor", "g*"}, nil, "acme-vendor globex"},
		"all but one":    {nil, []string{"best"}, "acme-customer acme-vendor globex"},
		"match but some": {[]string{"acme-*"}, []string{"*-vendor"}, "acme-customer"},
	} {
		t.Run(name, func(t *testing.T) {
			kept, err := stackfiles.Select(all, c.match, c.exclude)
			require.NoError(t, err)
			assert.Equal(t, c.want, names(kept))
		})
	}
}

func TestAPatternThatPicksNothingIsAMistake(t *testing.T) {
	_, err := stackfiles.Select(named("acme", "best"), []string{"[", "acne"}, []string{"prod"})
	require.EqualError(t, err, `--match "[": want a pattern such as acme-* or [a-m]*: syntax error in pattern
--match "acne": matches no stack: want one of acme, best
--exclude "prod": matches no stack: want one of acme, best`)
}

func TestShardsShareTheWork(t *testing.T) {
	all := named("a", "b", "c", "d", "e", "f", "g")
	seen := map[string]int{}
	for index := 1; index <= 3; index++ {
		own := stackfiles.Shard{Index: index, Count: 3}.Of(all)
		assert.Contains(t, []int{2, 3}, len(own))
		for _, stack := range own {
			seen[stack.Name]++
		}
	}
	assert.Len(t, seen, len(all))
	for name, times := range seen {
		assert.Equal(t, 1, times, name)
	}
	assert.Equal(t, "b e", names(stackfiles.Shard{Index: 2, Count: 3}.Of(all)))
	assert.Len(t, stackfiles.Deal(all, 3), 3)
	assert.Equal(t, []stackfiles.Shard{{Index: 1, Count: 5}, {Index: 2, Count: 5}}, stackfiles.Deal(named("a", "b"), 5))
}

func TestAShardIsIndexAndCount(t *testing.T) {
	shard, err := stackfiles.ParseShard("2/4")
	require.NoError(t, err)
	assert.Equal(t, "2/4", shard.String())
	whole, err := stackfiles.ParseShard("")
	require.NoError(t, err)
	assert.Equal(t, "a b", names(whole.Of(named("a", "b"))))
	for _, text := range []string{"0/4", "5/4", "1", "1/0", "a/b", "1/2/3", "-1/2"} {
		_, err := stackfiles.ParseShard(text)
		require.ErrorContains(t, err, "want INDEX/COUNT", text)
	}
}
