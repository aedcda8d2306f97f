package gcp

import (
	"regexp"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/env"
	"github.com/google/cel-go/common/operators"
)

// The language of attribute mappings and conditions is CEL, with the functions
// that Google's pages show and no others (docs/facts.md §7): operators, has and
// the other macros, in, size, contains, startsWith and endsWith. Those for parts of
// texts are not modelled.
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
	return []cel.EnvOption{cel.StdLib(cel.StdLibSubset(subset))}
}

// unmodelled are the documented functions that the sandbox does not evaluate.
var unmodelled = regexp.MustCompile(`\.(?:extract|join|split)\(`)
