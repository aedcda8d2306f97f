package gcp

import (
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// The language of attribute mappings and conditions is CEL, with the functions
// that Google's pages show and no others (docs/facts.md §7): operators, has and
// the other macros, in, size, contains, startsWith, endsWith, split, join, and
// Google's own extract.
//
//	https://cloud.google.com/iam/docs/workload-identity-federation#mapping
//	https://cloud.google.com/iam/docs/conditions-attribute-reference#extract
//
// Google may take more; what it does not document can change, so that a
// program here may not rely on it.
var (
	mappingLanguage = sync.OnceValues(func() (*cel.Env, error) {
		return cel.NewCustomEnv(append(language(), assertion)...)
	})
	conditionLanguage = sync.OnceValues(func() (*cel.Env, error) {
		return cel.NewCustomEnv(append(language(), assertion,
			cel.Variable("google", cel.MapType(cel.StringType, cel.DynType)),
			cel.Variable("attribute", cel.MapType(cel.StringType, cel.StringType)))...)
	})
	assertion = cel.Variable("assertion", cel.MapType(cel.StringType, cel.DynType))
)

func language() []cel.EnvOption {
	subset := env.NewLibrarySubset()
	for _, function := range []string{
		operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot,
		operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
		operators.Index, operators.In, operators.NotStrictlyFalse,
		"size", "contains", "startsWith", "endsWith",
	} {
		subset.IncludeFunctions = append(subset.IncludeFunctions, env.NewFunction(function))
	}
	return []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(subset)),
		cel.Function("extract", cel.MemberOverload("string_extract", []*cel.Type{cel.StringType, cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(text, template ref.Val) ref.Val {
				return types.String(extract(string(text.(types.String)), string(template.(types.String))))
			}))),
		cel.Function("split", cel.MemberOverload("string_split", []*cel.Type{cel.StringType, cel.StringType}, cel.ListType(cel.StringType),
			cel.BinaryBinding(func(text, separator ref.Val) ref.Val {
				return types.DefaultTypeAdapter.NativeToValue(strings.Split(string(text.(types.String)), string(separator.(types.String))))
			}))),
		cel.Function("join", cel.MemberOverload("list_join", []*cel.Type{cel.ListType(cel.StringType), cel.StringType}, cel.StringType,
			cel.BinaryBinding(func(list, separator ref.Val) ref.Val {
				var parts []string
				for elements := list.(traits.Lister).Iterator(); elements.HasNext() == types.True; {
					part, isText := elements.Next().(types.String)
					if !isText {
						return types.NewErr("join: every element must be a string")
					}
					parts = append(parts, string(part))
				}
				return types.String(strings.Join(parts, string(separator.(types.String))))
			}))),
	}
}

// extract returns the part of text that stands where the template has its one
// {name}: between the first occurrence of what comes before it and the next
// occurrence of what comes after. It returns "" where text does not match, and
// the whole template matches nothing without a {name}.
func extract(text, template string) string {
	prefix, rest, opened := strings.Cut(template, "{")
	_, suffix, closed := strings.Cut(rest, "}")
	if !opened || !closed {
		return ""
	}
	_, text, found := strings.Cut(text, prefix)
	if !found {
		return ""
	}
	if suffix == "" {
		return text
	}
	value, _, found := strings.Cut(text, suffix)
	if !found {
		return ""
	}
	return value
}
