package kubelet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReferencesAreExpandedAsInAPod(t *testing.T) {
	variables := map[string]string{"A": "one", "B": "$(A)"}
	for text, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"$(A)":           "one",
		"x$(A)y$(A)":     "xoney" + "one",
		"$(B)":           "$(A)", // values are not expanded again
		"$(MISSING)":     "$(MISSING)",
		"$$(A)":          "$(A)",
		"$$$(A)":         "$one",
		"$A ${A}":        "$A ${A}",
		"$(A":            "$(A",
		"100$":           "100$",
		"$()":            "$()",
		"cost: $5 $(A)!": "cost: $5 one!",
	} {
		assert.Equal(t, want, expand(text, variables), "%q", text)
	}
}

func TestTheLastLinesOfALog(t *testing.T) {
	for _, c := range []struct {
		text  string
		count int
		want  string
	}{
		{"one\ntwo\nthree\n", 0, ""},
		{"one\ntwo\nthree\n", 1, "three\n"},
		{"one\ntwo\nthree", 1, "three"},
		{"one\ntwo\nthree\n", 2, "two\nthree\n"},
		{"one\ntwo\nthree\n", 9, "one\ntwo\nthree\n"},
		{"\n\n", 1, "\n"},
		{"", 3, ""},
	} {
		assert.Equal(t, c.want, string(lastLines([]byte(c.text), c.count)), "%q, %d", c.text, c.count)
	}
}

func TestTheBackoffDoublesUpToItsLimit(t *testing.T) {
	var b backoff
	var delays []time.Duration
	for range 6 {
		delays = append(delays, b.next())
	}
	assert.Equal(t, []time.Duration{
		time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second,
	}, delays)
}

func TestAddressesAreNotGivenTwice(t *testing.T) {
	a := newAddresses()
	kept := a.take("10.244.0.3")
	first, second := a.take(""), a.take("")
	assert.Equal(t, "10.244.0.2", first.String())
	assert.Equal(t, "10.244.0.4", second.String())
	a.giveBack(kept)
	assert.Equal(t, kept, a.take(""))
}

func TestASubPathNamesOnePartOfAVolume(t *testing.T) {
	contents := volume{"key": {data: []byte("1")}, "dir/inner": {data: []byte("2")}}
	assert.Equal(t, contents, contents.below(""))
	assert.Equal(t, volume{"": {data: []byte("1")}}, contents.below("key"))
	assert.Equal(t, volume{"inner": {data: []byte("2")}}, contents.below("dir/"))
	assert.Empty(t, contents.below("missing"))
}
