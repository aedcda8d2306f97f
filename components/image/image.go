// Package image reads and prints references of OCI images by the grammar of
// their registries (https://github.com/distribution/reference/blob/main/reference.go).
// It is strict: it does not fill in a missing registry or tag, as a container
// runtime would.
package image

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// maxPath is the length of a repository's path, in characters.
const maxPath = 255

var (
	// A host without a dot or a port would be read as the beginning of a path.
	hostPattern   = regexp.MustCompile(`^(localhost|` + label + `(\.` + label + `)+|(` + label + `(\.` + label + `)*|\[[0-9a-fA-F:]+\]):[0-9]+|\[[0-9a-fA-F:]+\])$`)
	pathPattern   = regexp.MustCompile(`^` + part + `(/` + part + `)*$`)
	tagPattern    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

const (
	// label is what stands between the dots of a host, part between the slashes
	// of a path.
	label = `[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?`
	part  = `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
)

// Reference is an image of a registry.
type Reference struct {
	// Host is the registry's, with its port where it has one. Required.
	Host string
	// Path of the repository below the host. Required.
	Path string
	// Tag and Digest pin the image; each may be empty.
	Tag, Digest string
}

// String prints the reference: HOST/PATH:TAG@DIGEST.
func (r Reference) String() string {
	text := r.Host + "/" + r.Path
	if r.Tag != "" {
		text += ":" + r.Tag
	}
	if r.Digest != "" {
		text += "@" + r.Digest
	}
	return text
}

// Missing says that the registry does not hold the image yet, how the vendor pushes it,
// and what the operator of a stack does then, in the words of the refresher's exit 17
// (refresher/internal/cli/termination.go).
func (r Reference) Missing(stack string) string {
	from, to := "YOUR-IMAGE", r
	if r.Digest != "" {
		from, to = "YOUR-IMAGE@"+r.Digest, Reference{Host: r.Host, Path: r.Path, Tag: "ANY-TAG"}
	}
	return fmt.Sprintf("the registry does not hold %s yet: the vendor pushes it, for example with \"crane copy %s %s\"; then run `pulumi up -s %s` again", r, from, to, stack)
}

// Parse takes a reference apart.
func Parse(text string) (Reference, error) {
	rest, digest, pinned := strings.Cut(text, "@")
	host, rest, found := strings.Cut(rest, "/")
	if !found || !hostPattern.MatchString(host) {
		return Reference{}, fmt.Errorf("%q: want HOST/PATH with a tag or a digest, and a host such as registry.example", text)
	}
	path, tag, tagged := strings.Cut(rest, ":")
	problems := []error{CheckPath(path)}
	if tagged {
		problems = append(problems, CheckTag(tag))
	}
	if pinned {
		problems = append(problems, CheckDigest(digest))
	}
	if err := errors.Join(problems...); err != nil {
		return Reference{}, fmt.Errorf("%q: %s", text, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return Reference{Host: host, Path: path, Tag: tag, Digest: digest}, nil
}

// CheckPinned takes a reference apart that must pin an image: what a reference
// without tag and digest, or with the tag latest, names depends on the day.
func CheckPinned(text string) error {
	r, err := Parse(text)
	if err == nil && r.Digest == "" && (r.Tag == "" || r.Tag == "latest") {
		return fmt.Errorf("%q: want a tag other than latest, or a digest", text)
	}
	return err
}

// CheckPath reports what is wrong with a repository's path.
func CheckPath(path string) error {
	if len(path) <= maxPath && pathPattern.MatchString(path) {
		return nil
	}
	lower := ""
	switch lowered, bare := strings.ToLower(path), strings.Trim(path, "/ "); {
	case pathPattern.MatchString(bare):
		lower = fmt.Sprintf(", such as %q", bare)
	case pathPattern.MatchString(lowered):
		lower = fmt.Sprintf(", such as %q: capital letters are not taken", lowered)
	}
	return fmt.Errorf("%q: want a path of at most %d characters, parts of a-z and 0-9 with ., _, __ or hyphens inside and / between%s", path, maxPath, lower)
}

// CheckTag reports what is wrong with a tag.
func CheckTag(tag string) error {
	if !tagPattern.MatchString(tag) {
		return fmt.Errorf("%q: want a tag of at most 128 letters, digits and ._-, first a letter, digit or _", tag)
	}
	return nil
}

// CheckDigest reports what is wrong with a digest.
func CheckDigest(digest string) error {
	if !digestPattern.MatchString(digest) {
		return fmt.Errorf("%q: want a digest of the form sha256: and 64 lower-case hexadecimal digits", digest)
	}
	return nil
}
