package naming_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/components/internal/naming"
)

// derived lists every kind that is derived, with the suffixes in use.
var derived = []struct {
	kind     naming.Kind
	suffixes []string
}{
	{naming.Pool, []string{"-azure-pool", "-azure-pool-2", "-azure-pool-99", "-k8s-pool", "-k8s-pool-12"}},
	{naming.ServiceAccount, []string{"-pull"}},
	{naming.Repository, []string{""}},
	{naming.IAMRole, []string{"-pull", "-product", "-execution", "-task", "-pull--prod", "-pull--te-st", "-pull--a--b", "-product--prod"}},
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

func products() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z]([a-z0-9]|-[a-z0-9]){0,19}`).Filter(func(name string) bool { return naming.CheckProduct(name) == nil })
}

func TestDerivedIDsFitTheirCloudForAnySlugAndProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slug, product := slugs().Draw(t, "slug"), products().Draw(t, "product")
		for _, d := range derived {
			for _, suffix := range d.suffixes {
				id := d.kind.Derive(slug, product, suffix)
				require.NoError(t, d.kind.Check(id), "%s of %q", d.kind.Noun, slug)
				require.True(t, strings.HasSuffix(id, suffix), id)
				require.Equal(t, id, d.kind.Derive(slug, product, suffix), "stable")
				head, _, _ := strings.Cut(id, "--")
				require.True(t, strings.HasPrefix("x"+slug, head) || strings.HasPrefix(slug, head), "%q starts with the slug", id)
			}
		}
		for _, suffix := range []string{"-azure-provider", "-k8s-provider", "-azure-environments", "-k8s-prod"} {
			require.NoError(t, naming.Provider.Check(naming.Provider.Derive(slug, "", suffix)))
		}
	})
}

// near draws names of few letters, which differ by where their hyphens are: the
// neighbours that a careless rule would confuse.
func near(least string) *rapid.Generator[string] {
	return rapid.StringMatching(least + `([ab]|-(a|pull|product|azure|pool)){0,6}`).Filter(func(name string) bool { return len(name) <= 40 })
}

func TestNoTwoPairsOfCustomerAndProductShareAnID(t *testing.T) {
	one := rapid.OneOf(slugs(), near("gcp"), near("aaa"), near("aaaaaaaaaaaaaaaaaaaaaa"))
	of := rapid.OneOf(products(), near("a"), near("aaaaaaaaaaaa"))
	rapid.Check(t, func(t *rapid.T) {
		slug, product := one.Draw(t, "slug"), of.Draw(t, "product")
		other := rapid.OneOf(one, rapid.Just(slug), rapid.Just(neighbour(slug))).Draw(t, "other slug")
		its := rapid.OneOf(of, rapid.Just(product), rapid.Just(neighbour(product))).Draw(t, "its product")
		if naming.CheckSlug(other) != nil || naming.CheckProduct(its) != nil {
			return
		}
		for _, d := range derived {
			for _, suffix := range d.suffixes {
				for _, its2 := range d.suffixes {
					if slug == other && product == its && suffix == its2 {
						continue
					}
					require.NotEqual(t, d.kind.Derive(slug, product, suffix), d.kind.Derive(other, its, its2),
						"%s of %q, %q, %q and %q, %q, %q", d.kind.Noun, slug, product, suffix, other, its, its2)
				}
			}
		}
	})
}

// neighbour differs only at its end, which a shortened name loses.
func neighbour(name string) string {
	last := name[len(name)-1]
	if last == 'z' {
		return name[:len(name)-1] + "a"
	}
	return name[:len(name)-1] + "z"
}

func TestTheFirstTwoHyphensEndTheSlugAndAThirdMarksAShortenedName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slug, product := slugs().Draw(t, "slug"), products().Draw(t, "product")
		for _, d := range derived {
			for _, suffix := range d.suffixes {
				id := d.kind.Derive(slug, product, suffix)
				head, rest, found := strings.Cut(id, "--")
				require.True(t, found, id)
				if shortened := strings.HasPrefix(rest, "-"); shortened {
					require.Regexp(t, `^-[a-z2-7]{8}`+suffix+`$`, rest)
					continue
				}
				require.Equal(t, slug, head)
				require.Equal(t, product+suffix, rest)
			}
		}
	})
}

func TestNamesReadPlainly(t *testing.T) {
	for _, c := range []struct {
		kind                        naming.Kind
		slug, product, suffix, want string
	}{
		{naming.Pool, "acme", "shop", "-azure-pool", "acme--shop-azure-pool"},
		{naming.Provider, "acme", "", "-azure-provider", "acme-azure-provider"},
		{naming.Pool, "acme", "shop", "-azure-pool-2", "acme--shop-azure-pool-2"},
		{naming.ServiceAccount, "abc", "shop", "-pull", "abc--shop-pull"},
		{naming.Repository, "acme", "shop", "", "acme--shop"},
		{naming.IAMRole, "acme", "shop", "-pull--prod", "acme--shop-pull--prod"},
		{naming.Pool, "gcp-partners", "shop", "-azure-pool", "xgcp-partn---" + naming.Hash("gcp-partners/shop") + "-azure-pool"},
		{naming.Pool, "gcp", "shop", "-azure-pool", "xgcp---" + naming.Hash("gcp/shop") + "-azure-pool"},
		{naming.Provider, "north-western-utilities", "", "-azure-provider", "north---" + naming.Hash("north-western-utilities/") + "-azure-provider"},
	} {
		assert.Equal(t, c.want, c.kind.Derive(c.slug, c.product, c.suffix))
	}
	assert.Equal(t, "gnd5bpoz", naming.Hash("gcp"), "a hash that changed would rename resources")
}

func TestBadNamesAreRefused(t *testing.T) {
	for _, slug := range []string{"", "ab", "Acme", "1acme", "acme-", "ac--me", "ac_me", "ac.me", strings.Repeat("a", 41)} {
		assert.Error(t, naming.CheckSlug(slug), slug)
	}
	for _, slug := range []string{"abc", "acme", "a1-b2", strings.Repeat("a", 40)} {
		assert.NoError(t, naming.CheckSlug(slug), slug)
	}
	for _, name := range []string{"", "Shop", "1shop", "shop-", "-shop", "sh--op", "sh_op", strings.Repeat("a", 41)} {
		assert.Error(t, naming.CheckProduct(name), name)
	}
	for _, name := range []string{"a", "shop", "a-1", strings.Repeat("a", 40)} {
		assert.NoError(t, naming.CheckProduct(name), name)
	}
	for _, name := range []string{"", "a", "Prod", "prod-", "1prod", strings.Repeat("a", 13)} {
		assert.Error(t, naming.CheckEnvironment(name), name)
	}
	assert.NoError(t, naming.CheckEnvironment("prod-eu"))
}
