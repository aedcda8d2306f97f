package labels

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/components/check"
)

// Rules are what one cloud asks of the tags, or labels, of a resource.
type Rules struct {
	// most is how many a resource may have, and bytes how long all of them may
	// be together, waybill's own included; 0 bytes means no such limit.
	most, bytes int
	// key and value are matched as a whole; wish says so in words.
	key, value         *regexp.Regexp
	keyWish, valueWish string
	// reserved are beginnings of keys that the cloud keeps to itself.
	reserved []string
	// fold says that keys which differ in their case alone are one.
	fold bool
}

// The clouds' rules.
var (
	// Azure: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations.
	Azure = Rules{
		most: 50, bytes: 15 * 1024,
		key: regexp.MustCompile(`^[^<>%&\\?/]{1,512}$`), keyWish: `1 to 512 characters without <>%&\?/`,
		value: regexp.MustCompile(`(?s)^.{0,256}$`), valueWish: "at most 256 characters",
		reserved: []string{"azure", "microsoft", "windows"}, fold: true,
	}
	// AWS: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices;
	// keys of IAM's tags differ by more than their case (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_naming).
	AWS = Rules{
		most: 50,
		key:  regexp.MustCompile(`^[\p{L}\p{N}\p{Zs}_.:/=+@-]{1,128}$`), keyWish: "1 to 128 letters, digits, spaces and _.:/=+-@",
		value: regexp.MustCompile(`^[\p{L}\p{N}\p{Zs}_.:/=+@-]{0,256}$`), valueWish: "at most 256 letters, digits, spaces and _.:/=+-@",
		reserved: []string{"aws:"}, fold: true,
	}
	// GCP: https://cloud.google.com/artifact-registry/docs/repositories/label-repos#requirements;
	// letters of other scripts are taken, in lower case where a script has both. What Google's
	// own tools set starts with goog-.
	GCP = Rules{
		most: 64,
		key:  regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`), keyWish: "1 to 63 of a-z, 0-9, _ and -, first a letter",
		value: regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`), valueWish: "at most 63 of a-z, 0-9, _ and -",
		reserved: []string{"goog-"},
	}
)

// ours starts the keys of waybill's own tags.
const ours = "waybill-"

// Check notes what a cloud would refuse of the caller's tags, and those that
// would replace waybill's own.
func (r Rules) Check(p *check.Problems, o Owner, own map[string]string) {
	all := o.Cloud(own)
	bytes := 0
	for key, value := range all {
		bytes += len(key) + len(value)
	}
	if len(all) > r.most {
		p.Add("tags", "%d with waybill's own: want at most %d", len(all), r.most)
	}
	if r.bytes > 0 && bytes > r.bytes {
		p.Add("tags", "of %d bytes with waybill's own: want at most %d", bytes, r.bytes)
	}
	seen := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		at, value := fmt.Sprintf("tags[%q]", key), own[key]
		if first, taken := seen[strings.ToLower(key)]; taken && r.fold {
			p.Add(at, "%q: want one of it and %q, which differ in their case alone", value, first)
			continue
		}
		seen[strings.ToLower(key)] = key
		switch prefix := r.prefix(key); {
		case prefix != "":
			p.Add(at, "%q: want a key that does not start with %s", value, prefix)
		case !r.key.MatchString(key):
			p.Add(at, "%q: want a key of %s", value, r.keyWish)
		case !r.value.MatchString(value):
			p.Add(at, "%q: want a value of %s", value, r.valueWish)
		}
	}
}

// prefix is the reserved beginning of a key, in whatever case; empty for none.
func (r Rules) prefix(key string) string {
	for _, reserved := range append([]string{ours}, r.reserved...) {
		if strings.HasPrefix(strings.ToLower(key), reserved) {
			return reserved
		}
	}
	return ""
}
