package gcp

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"

	"waybill.example/waybill/sandbox/provider"
)

const (
	subjectAttribute = "google.subject"
	customPrefix     = "attribute."

	// maxSubject and maxAttributes are limits of docs/facts.md §3, in bytes.
	maxSubject    = 127
	maxAttributes = 8192
)

var customAttribute = regexp.MustCompile(fmt.Sprintf(`^attribute\.[a-z0-9_]{1,%d}$`, maxAttribute))

// ErrCondition says that an attribute condition denies a credential, in
// Google's words.
var ErrCondition = errors.New("the given credential is rejected by the attribute condition")

// Attributes is what a provider makes of a token's claims.
type Attributes struct {
	// Subject is google.subject, 1 to 127 bytes.
	Subject string
	// Custom are the custom attributes, without the prefix attribute.
	Custom map[string]string
}

// Attributes maps claims and applies the condition. It returns ErrCondition,
// wrapped or not, where the condition is false or cannot be decided, as with a
// claim that is missing; and another error where a mapping fails.
func (p PoolProvider) Attributes(claims map[string]any) (Attributes, error) {
	attributes := Attributes{Custom: map[string]string{}}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(p.Mapping)) {
		program, err := compileMapping(p.Mapping[name])
		if err != nil {
			return Attributes{}, fmt.Errorf("attribute mapping for %s: %w", name, err)
		}
		value, _, err := program.Eval(map[string]any{"assertion": claims})
		if err != nil {
			return Attributes{}, fmt.Errorf("attribute mapping for %s: %w", name, err)
		}
		text, isText := value.Value().(string)
		if !isText {
			return Attributes{}, fmt.Errorf("the mapped attribute %s must be of type STRING, not %s", name, value.Type().TypeName())
		}
		size += len(text)
		if name == subjectAttribute {
			attributes.Subject = text
		} else {
			attributes.Custom[strings.TrimPrefix(name, customPrefix)] = text
		}
	}
	if length := len(attributes.Subject); length == 0 || length > maxSubject {
		return Attributes{}, fmt.Errorf("the mapped attribute google.subject has %d bytes: it must have 1 to %d", length, maxSubject)
	}
	if size > maxAttributes {
		return Attributes{}, fmt.Errorf("the mapped attributes have %d bytes: all together may have %d", size, maxAttributes)
	}
	return attributes, p.admit(claims, attributes)
}

func (p PoolProvider) admit(claims map[string]any, attributes Attributes) error {
	if p.Condition == "" {
		return nil
	}
	program, err := compileCondition(p.Condition)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCondition, err)
	}
	verdict, _, err := program.Eval(map[string]any{
		"assertion": claims,
		"google":    map[string]any{"subject": attributes.Subject},
		"attribute": attributes.Custom,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCondition, err)
	}
	if verdict.Value() != true {
		return ErrCondition
	}
	return nil
}

// Principals are the members of IAM policies that mean a token with these
// attributes from this provider: the subject, the custom attributes, and
// everybody in the pool (docs/facts.md §3).
func (p PoolProvider) Principals(attributes Attributes) []string {
	principals := []string{
		"principal://iam.googleapis.com/" + p.Pool + "/subject/" + attributes.Subject,
		"principalSet://iam.googleapis.com/" + p.Pool + "/*",
	}
	for _, name := range slices.Sorted(maps.Keys(attributes.Custom)) {
		principals = append(principals, "principalSet://iam.googleapis.com/"+p.Pool+"/attribute."+name+"/"+attributes.Custom[name])
	}
	return principals
}

// compileMapping compiles the expression of a mapped attribute, which sees only the
// token's claims.
func compileMapping(expression string) (cel.Program, error) {
	return compile(mappingLanguage, expression, cel.StringType)
}

// compileCondition compiles an attribute condition, which sees the claims and
// what they were mapped to.
func compileCondition(expression string) (cel.Program, error) {
	return compile(conditionLanguage, expression, cel.BoolType)
}

func compile(language func() (*cel.Env, error), expression string, want *cel.Type) (cel.Program, error) {
	if call := unmodelled.FindString(expression); call != "" {
		return nil, provider.NotModelled(strings.Trim(call, ".("))
	}
	environment, err := language()
	if err != nil {
		return nil, err
	}
	ast, issues := environment.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	// The type of a claim is known when a token arrives, not before.
	if got := ast.OutputType(); !got.IsAssignableType(want) && got.Kind() != cel.DynKind {
		return nil, fmt.Errorf("the expression %q is of type %s: it must be of type %s", expression, got, want)
	}
	return environment.Program(ast)
}
