package image_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/components/image"
)

var digest = "sha256:" + strings.Repeat("0123456789abcdef", 4)

func TestReferencesAreTakenApart(t *testing.T) {
	for text, want := range map[string]image.Reference{
		"reg.example/waybill/refresher:0.1.0":               {Host: "reg.example", Path: "waybill/refresher", Tag: "0.1.0"},
		"reg.example:5000/my__image:1":                      {Host: "reg.example:5000", Path: "my__image", Tag: "1"},
		"registry:5000/my--image":                           {Host: "registry:5000", Path: "my--image"},
		"localhost/a.b_c---d@" + digest:                     {Host: "localhost", Path: "a.b_c---d", Digest: digest},
		"Reg.Example/a:_B.c-1@" + digest:                    {Host: "Reg.Example", Path: "a", Tag: "_B.c-1", Digest: digest},
		"127.0.0.1:5000/a/b/c:latest":                       {Host: "127.0.0.1:5000", Path: "a/b/c", Tag: "latest"},
		"[::1]:5000/a:1":                                    {Host: "[::1]:5000", Path: "a", Tag: "1"},
		"reg.example/a:" + rep("t", 128):                    {Host: "reg.example", Path: "a", Tag: rep("t", 128)},
		"sub-dom1.foo.com/bar/baz/quux:some-long-tag":       {Host: "sub-dom1.foo.com", Path: "bar/baz/quux", Tag: "some-long-tag"},
		"b.gcr.io/test.example.com/my-app:test.example.com": {Host: "b.gcr.io", Path: "test.example.com/my-app", Tag: "test.example.com"},
		"xn--n3h.com/xn--n3h.com:xn--n3h.com":               {Host: "xn--n3h.com", Path: "xn--n3h.com", Tag: "xn--n3h.com"},
		"[2001:db8::1]/a/b__c--d.e_f:1":                     {Host: "[2001:db8::1]", Path: "a/b__c--d.e_f", Tag: "1"},
		"reg.example/" + rep("p", 255) + ":1.0":             {Host: "reg.example", Path: rep("p", 255), Tag: "1.0"},
	} {
		got, err := image.Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, text, got.String())
	}
}

func TestWhatIsNoReferenceIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         "want HOST/PATH",
		"refresher:1":                              "want HOST/PATH",
		"waybill/refresher:1":                      "want HOST/PATH",
		"https://reg.example/a:1":                  "want HOST/PATH",
		"reg..example/a:1":                         "want HOST/PATH",
		"-reg.example/a:1":                         "want HOST/PATH",
		"reg.example:x/a:1":                        "want HOST/PATH",
		"reg.example/":                             "want a path",
		"reg.example/Waybill/refresher:0.1.0":      "want a path",
		"reg.example/a//b:1":                       "want a path",
		"reg.example/a___b:1":                      "want a path",
		"reg.example/a..b:1":                       "want a path",
		"reg.example/-a:1":                         "want a path",
		"reg.example/a-:1":                         "want a path",
		"reg.example/a b:1":                        "want a path",
		"reg.example/" + rep("p", 256):             "want a path of at most 255",
		"reg.example/a:":                           "want a tag",
		"reg.example/waybill/refresher:0.1.0+1":    "want a tag",
		"reg.example/a:1:2":                        "want a tag",
		"reg.example/a:.1":                         "want a tag",
		"reg.example/a:" + rep("t", 129):           "want a tag of at most 128",
		"reg.example/a:1\n":                        "want a tag",
		"reg.example/a@":                           "want a digest",
		"reg.example/a@sha256:12":                  "want a digest of the form sha256:",
		"reg.example/a@" + strings.ToUpper(digest): "want a digest",
		"reg.example/a@" + digest + "@" + digest:   "want a digest",
	} {
		_, err := image.Parse(text)
		assert.ErrorContains(t, err, want, text)
	}
}

func rep(text string, n int) string { return strings.Repeat(text, n) }

func TestWhatIsPrintedIsReadAgain(t *testing.T) {
	host := rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9-]{0,5}[A-Za-z0-9])?(\.[a-z0-9]{1,5}){1,3}(:[0-9]{1,5})?`)
	path := rapid.StringMatching(`[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}(/[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}){0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		want := image.Reference{
			Host: host.Draw(t, "host"), Path: path.Draw(t, "path"),
			Tag:    rapid.StringMatching(`([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?`).Draw(t, "tag"),
			Digest: rapid.StringMatching(`(sha256:[0-9a-f]{64})?`).Draw(t, "digest"),
		}
		got, err := image.Parse(want.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// Whatever is accepted is printed as it was, so that nothing of it is lost.
func TestWhatIsReadIsPrintedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9.:/@_+-]{0,20}(@sha256:[0-9a-f]{63,65})?`)).Draw(t, "text")
		if got, err := image.Parse(text); err == nil {
			require.Equal(t, text, got.String())
		}
	})
}

// An image that may be another tomorrow is none to start a program from.
func TestAPinnedImageHasATagOrADigest(t *testing.T) {
	for _, text := range []string{"reg.example/a:1", "reg.example/a@" + digest, "reg.example/a:latest@" + digest} {
		assert.NoError(t, image.CheckPinned(text))
	}
	for text, want := range map[string]string{
		"reg.example/a":        "want a tag other than latest, or a digest",
		"reg.example/a:latest": "want a tag other than latest, or a digest",
		"reg.example/A:1":      `such as "a": capital letters are not taken`,
		"a:1":                  "want HOST/PATH",
	} {
		assert.ErrorContains(t, image.CheckPinned(text), want)
	}
}
