package naming_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/components/internal/naming"
)

// derived lists every kind that is derived from a slug, with the suffixes in use.
var derived = []struct {
	kind   naming.Kind
	suffix string
}{
	{naming.Pool, "-azure-pool"},
	{naming.Pool, "-azure-pool-99"},
	{naming.Pool, "-k8s-pool"},
	{naming.Provider, "-azure-provider"},
	{naming.Provider, "-k8s-provider"},
	{naming.ServiceAccount, "-pull"},
	{naming.Repository, ""},
	{naming.Label, "-refresher"},
	{naming.CronJob, "-refresh"},
	{naming.ECRRepository, ""},
	{naming.IAMRole, "-pull"},
	{naming.IAMRole, "-product"},
	{naming.IAMRole, "-execution"},
	{naming.IAMRole, "-task"},
}

// slugs draws valid slugs; reserved beginnings and great lengths come often.
func slugs() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"", "", "gcp-", "gcp", "a-very-long-customer-"}).Draw(t, "prefix")
		slug := prefix + rapid.StringMatching(`[a-z]([a-z0-9]|-[a-z0-9]){1,38}`).Draw(t, "rest")
		if len(slug) > 40 {
			slug = strings.TrimRight(slug[:40], "-")
		}
		return slug
	}).Filter(func(slug string) bool { return naming.CheckSlug(slug) == nil })
}

func TestDerivedIDsFitTheirCloudForAnySlug(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slug := slugs().Draw(t, "slug")
		for _, d := range derived {
			id := d.kind.Derive(slug, d.suffix)
			require.NoError(t, d.kind.Check(id), "%s of %q", d.kind.Noun, slug)
			require.True(t, strings.HasSuffix(id, d.suffix), id)
			require.Equal(t, id, d.kind.Derive(slug, d.suffix), "stable")
		}
	})
}

func TestTwoCustomersNeverShareAnID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := slugs().Draw(t, "one")
		// The nearest neighbours of a slug are those that differ only at its end.
		two := rapid.OneOf(slugs(), rapid.Just(neighbour(one))).Draw(t, "two")
		if one == two || naming.CheckSlug(two) != nil {
			return
		}
		for _, d := range derived {
			require.NotEqual(t, d.kind.Derive(one, d.suffix), d.kind.Derive(two, d.suffix), "%s of %q and %q", d.kind.Noun, one, two)
		}
	})
}

func neighbour(slug string) string {
	last := slug[len(slug)-1]
	if last == 'z' {
		return slug[:len(slug)-1] + "a"
	}
	return slug[:len(slug)-1] + "z"
}

func TestAShortenedNameIsNoValidSlugsPlainName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		long := rapid.StringMatching(`[a-z][a-z0-9]{35,38}`).Draw(t, "long")
		id := naming.Pool.Derive(long, "-azure-pool")
		require.Error(t, naming.CheckSlug(strings.TrimSuffix(id, "-azure-pool")), "a slug that equals a shortened name would collide with it")
	})
}

func TestNamesReadAsInTheGuides(t *testing.T) {
	for _, c := range []struct {
		kind               naming.Kind
		slug, suffix, want string
	}{
		{naming.Pool, "acme", "-azure-pool", "acme-azure-pool"},
		{naming.Provider, "acme", "-azure-provider", "acme-azure-provider"},
		{naming.Pool, "acme", "-azure-pool-2", "acme-azure-pool-2"},
		{naming.ServiceAccount, "abc", "-pull", "abc-pull"},
		{naming.Repository, "acme", "", "acme"},
		{naming.Pool, "gcp-partners", "-azure-pool", "xgcp-partne--psz56bxo-azure-pool"},
		{naming.Pool, "gcp", "-azure-pool", "xgcp--gnd5bpoz-azure-pool"},
		{naming.Provider, "north-western-utilities", "-azure-provider", "north-w--giutkcmk-azure-provider"},
	} {
		assert.Equal(t, c.want, c.kind.Derive(c.slug, c.suffix))
	}
}

func TestBadSlugsAreRefused(t *testing.T) {
	for _, slug := range []string{"", "ab", "Acme", "1acme", "acme-", "ac--me", "ac_me", "ac.me", strings.Repeat("a", 41)} {
		assert.Error(t, naming.CheckSlug(slug), slug)
	}
	for _, slug := range []string{"abc", "acme", "a1-b2", strings.Repeat("a", 40)} {
		assert.NoError(t, naming.CheckSlug(slug), slug)
	}
}
