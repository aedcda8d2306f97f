package labels_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/labels"
)

var owner = labels.Owner{Customer: "acme", Product: "shop"}

func problems(rules labels.Rules, tags map[string]string) error {
	p := check.Of("x")
	rules.Check(p, owner, tags)
	return p.Err()
}

func many(n, length int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprintf("k%d", i)] = strings.Repeat("v", length)
	}
	return tags
}

func TestTagsAreWhatTheirCloudTakes(t *testing.T) {
	one := func(key, value string) map[string]string { return map[string]string{key: value} }
	long := func(n int) string { return strings.Repeat("k", n) }
	for name, c := range map[string]struct {
		rules labels.Rules
		tags  map[string]string
		want  string // empty: taken
	}{
		"Azure, none":                  {labels.Azure, nil, ""},
		"Azure, the longest":           {labels.Azure, one(long(512), long(256)), ""},
		"Azure, anything in a value":   {labels.Azure, one("Kosten Stelle", "<a>\n"), ""},
		"Azure, 48":                    {labels.Azure, many(48, 1), ""},
		"Azure, 49":                    {labels.Azure, many(49, 1), "tags 51 with waybill's own: want at most 50"},
		"Azure, too long":              {labels.Azure, one(long(513), ""), "want a key of 1 to 512"},
		"Azure, a long value":          {labels.Azure, one("k", long(257)), "want a value of at most 256"},
		"Azure, a slash":               {labels.Azure, one("a/b", "x"), `tags["a/b"] "x": want a key of`},
		"Azure, Microsoft's":           {labels.Azure, one("MicrosoftTeam", "x"), "does not start with microsoft"},
		"AWS, the longest":             {labels.AWS, one(long(128), long(256)), ""},
		"AWS, every character":         {labels.AWS, one("Ä 1_.:/=+-@", ""), ""},
		"AWS, 49":                      {labels.AWS, many(49, 1), "tags 51 with waybill's own: want at most 50"},
		"AWS, too long":                {labels.AWS, one(long(129), ""), "want a key of 1 to 128"},
		"AWS, a comma":                 {labels.AWS, one("k", "a,b"), `tags["k"] "a,b": want a value of`},
		"AWS, Amazon's":                {labels.AWS, one("AWS:x", "x"), "does not start with aws:"},
		"GCP, the longest":             {labels.GCP, one(long(63), long(63)), ""},
		"GCP, 62":                      {labels.GCP, many(62, 1), ""},
		"GCP, 63":                      {labels.GCP, many(63, 1), "tags 65 with waybill's own: want at most 64"},
		"GCP, upper case":              {labels.GCP, one("Team", "x"), "want a key of 1 to 63"},
		"GCP, upper case in its value": {labels.GCP, one("team", "X"), "want a value of at most 63"},
		"GCP, no key":                  {labels.GCP, one("", "x"), "want a key of 1 to 63"},
		"waybill's own":                {labels.GCP, one("waybill-customer", "x"), `tags["waybill-customer"] "x": want a key that does not start with waybill-`},
		"waybill's own in other case":  {labels.Azure, one("Waybill-Product", "x"), "does not start with waybill-"},
	} {
		t.Run(name, func(t *testing.T) {
			err := problems(c.rules, c.tags)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.Len(t, check.List(err), 1)
		})
	}
}

func TestAzureCountsTheBytesOfAllTags(t *testing.T) {
	tags := many(47, 256)
	for key, value := range many(47, 256) {
		delete(tags, key)
		tags[key+strings.Repeat("k", 70)] = value
	}
	require.ErrorContains(t, problems(labels.Azure, tags), "bytes with waybill's own: want at most 15360")
}
