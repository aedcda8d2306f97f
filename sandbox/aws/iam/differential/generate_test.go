//go:build differential

package differential

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

const (
	customer = "222222222222"
	vendor   = "111111111111"

	roleARN    = "arn:aws:iam::" + customer + ":role/puller"
	sessionARN = "arn:aws:sts::" + customer + ":assumed-role/puller/refresher"
	userARN    = "arn:aws:iam::" + customer + ":user/operator"
)

// object is a JSON object.
type object = map[string]any

// scenario is a request with everything that applies to it.
type scenario struct {
	Caller   string
	Action   string
	Resource string
	Account  string
	Context  map[string][]string
	Identity []object
	Boundary object
	// Policy is the resource's, or the role's trust policy.
	Policy object
}

// kindOf is the type of a condition key, which decides about its operators.
type kindOf int

const (
	text kindOf = iota
	arns
	flag
)

// keys are condition keys that both sides know for every request here.
var keys = map[string]kindOf{
	"aws:PrincipalArn":      arns,
	"aws:SourceArn":         arns,
	"aws:SourceAccount":     text,
	"aws:PrincipalAccount":  text,
	"aws:PrincipalTag/team": text,
	"aws:userid":            text,
	"aws:UserAgent":         text,
}

var values = map[kindOf][]string{
	text: {customer, vendor, "red", "blue", "Red", "re", "a*c", "a-c", "AROAEXAMPLEEXAMPLE123:refresher"},
	arns: {roleARN, "arn:aws:iam::" + customer + ":role/team/puller", "arn:aws:iam::" + vendor + ":role/puller", userARN, "arn:aws:ecs:eu-west-1:" + customer + ":service/a/b", "arn:aws:s3:::bucket"},
}

// patterns are further values of policies.
var patterns = map[kindOf][]string{
	text: {"*", "r*", "?ed", "2222*", "b?ue", "*e*"},
	arns: {"arn:aws:iam::*:role/puller", "arn:aws:iam::" + customer + ":role/*", "arn:aws:iam::222*:role/pulle?", "arn:*:iam::*:*", "arn:aws:ecs:*:*:*"},
}

var operators = map[kindOf][]string{
	text: {"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"},
	arns: {"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "StringEquals", "StringLike", "StringNotLike"},
}

var repositories = []string{
	"arn:aws:ecr:eu-west-1:" + vendor + ":repository/acme/server",
	"arn:aws:ecr:eu-west-1:" + customer + ":repository/acme/server",
	"arn:aws:ecr:us-east-1:" + vendor + ":repository/acme",
}

// shortARNs lack fields, which are completed.
var shortARNs = []string{"arn:aws:ecr", "arn:aws:ecr:*", "arn:aws:ecr:eu-west-1:*", "arn:aws:ecr:eu-west-1", "arn:aws:s3"}

var resourcePatterns = append([]string{
	"*", "arn:aws:ecr:*:*:repository/acme/*", "arn:aws:ecr:*:" + vendor + ":*",
	"arn:aws:ecr:eu-west-?:" + vendor + ":repository/*/server",
	"arn:aws:s3:::bucket/*", "arn:aws:iam::*:role/*", "arn:aws:iam::" + vendor + ":role/target", "arn:*:ecr:*:*:*",
	"arn:aws:ecr:eu-west-1:" + vendor + ":repository/acme/server:*",
}, repositories...)

var (
	ecrActions = []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability", "ecr:DescribeImages"}
	actions    = append([]string{"*", "ecr:*", "ecr:Batch*", "ECR:batchgetimage", "ecr:?atchGetImage", "ecr:Get*Layer", "s3:*", "sts:AssumeRole", "sts:*"}, ecrActions...)
	principals = []string{
		customer, "arn:aws:iam::" + customer + ":root", vendor, roleARN, sessionARN, userARN,
		"arn:aws:iam::" + vendor + ":role/puller", "arn:aws:sts::" + customer + ":assumed-role/puller/other",
	}
)

func pick(t *rapid.T, label string, from []string) string {
	return rapid.SampledFrom(from).Draw(t, label)
}

func chance(t *rapid.T, label string, in int) bool {
	return rapid.IntRange(1, in).Draw(t, label) == 1
}

func some(t *rapid.T, label string, from []string, most int) []string {
	return rapid.SliceOfN(rapid.SampledFrom(from), 1, most).Draw(t, label)
}

// inSomeCase changes the case of a key, which must not matter.
func inSomeCase(t *rapid.T, name string) string {
	switch rapid.IntRange(0, 5).Draw(t, "case") {
	case 0:
		return strings.ToLower(name)
	case 1:
		return strings.ToUpper(name)
	}
	return name
}

// unsure finds variables that may have no value.
var unsure = regexp.MustCompile(`\$\{[^*,}]+\}`)

func drawConditions(t *rapid.T) object {
	conditions := object{}
	for range rapid.IntRange(1, 2).Draw(t, "conditions") {
		key := pick(t, "key", slices.Sorted(maps.Keys(keys)))
		kind := keys[key]
		operator := pick(t, "operator", operators[kind])
		from := slices.Concat(values[kind], patterns[kind])
		if strings.Contains(operator, "Not") {
			// What a variable without value means here is told in README.md.
			from = slices.DeleteFunc(from, func(value string) bool { return unsure.MatchString(value) })
		}
		wanted := some(t, "wanted", from, 3)
		if chance(t, "ifExists", 4) {
			operator += "IfExists"
		}
		under, ok := conditions[operator].(object)
		if !ok {
			under = object{}
		}
		// A key that is written twice in different cases is refused elsewhere.
		if !slices.ContainsFunc(slices.Collect(maps.Keys(under)), func(other string) bool { return strings.EqualFold(other, key) }) {
			under[inSomeCase(t, key)] = wanted
		}
		conditions[operator] = under
	}
	return conditions
}

func drawPrincipals(t *rapid.T) any {
	if chance(t, "everyone", 5) {
		return rapid.SampledFrom([]any{"*", object{"AWS": "*"}}).Draw(t, "star")
	}
	return object{"AWS": some(t, "principals", principals, 2)}
}

// drawIdentityPolicy makes a document of a role or a boundary.
func drawIdentityPolicy(t *rapid.T) object {
	return drawPolicy(t, actions, func(statement object) {
		statement["Resource"] = some(t, "resources", slices.Concat(resourcePatterns, shortARNs), 2)
	})
}

// drawResourcePolicy makes a document of a repository or a role.
func drawResourcePolicy(t *rapid.T, trust bool) object {
	from := actions
	if trust {
		from = []string{"sts:AssumeRole", "sts:*", "sts:Assume*", "STS:assumerole", "sts:TagSession"}
	}
	return drawPolicy(t, from, func(statement object) {
		statement["Principal"] = drawPrincipals(t)
	})
}

func drawPolicy(t *rapid.T, from []string, complete func(statement object)) object {
	var statements []object
	for range rapid.IntRange(1, 3).Draw(t, "statements") {
		statement := object{"Effect": "Allow"}
		if chance(t, "deny", 4) {
			statement["Effect"] = "Deny"
		}
		statement["Action"] = some(t, "actions", from, 3)
		complete(statement)
		if chance(t, "conditional", 2) {
			statement["Condition"] = drawConditions(t)
		}
		statements = append(statements, statement)
	}
	return object{"Version": "2012-10-17", "Statement": statements}
}

func drawScenario(t *rapid.T) scenario {
	s := scenario{
		Caller:   pick(t, "caller", []string{sessionARN, userARN}),
		Action:   pick(t, "action", ecrActions),
		Resource: pick(t, "resource", repositories),
		Context:  map[string][]string{},
	}
	s.Account = strings.Split(s.Resource, ":")[4]
	trust := chance(t, "trust", 4)
	if trust {
		s.Action, s.Account = "sts:AssumeRole", pick(t, "account", []string{customer, vendor})
		s.Resource = "arn:aws:iam::" + s.Account + ":role/target"
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !chance(t, key, 2) {
			continue
		}
		s.Context[key] = []string{pick(t, "value", values[keys[key]])}
	}
	for range rapid.IntRange(0, 2).Draw(t, "identity policies") {
		s.Identity = append(s.Identity, drawIdentityPolicy(t))
	}
	if chance(t, "bounded", 4) {
		s.Boundary = drawIdentityPolicy(t)
	}
	if trust || !chance(t, "no policy", 4) {
		s.Policy = drawResourcePolicy(t, trust)
	}
	return s
}
