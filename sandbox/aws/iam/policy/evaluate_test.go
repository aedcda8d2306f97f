package policy_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/sandbox/aws/iam/policy"
)

const (
	customer = "222222222222"
	vendor   = "111111111111"

	roleARN    = "arn:aws:iam::" + customer + ":role/team/puller"
	roleID     = "AROAEXAMPLEEXAMPLE123"
	sessionARN = "arn:aws:sts::" + customer + ":assumed-role/puller/refresher"
	userARN    = "arn:aws:iam::" + customer + ":user/operator"
	repository = "arn:aws:ecr:eu-west-1:" + vendor + ":repository/acme/server"
	targetRole = "arn:aws:iam::" + customer + ":role/target"
)

var (
	session = policy.Caller{Kind: policy.RoleSession, Account: customer, ARN: sessionARN, RoleARN: roleARN, UniqueID: roleID}
	user    = policy.Caller{Kind: policy.User, Account: customer, ARN: userARN, UniqueID: "AIDAEXAMPLEEXAMPLE123"}
)

// statement is a statement of a test: what is nil stays out.
type statement map[string]any

func attach(t require.TestingT, kind policy.Kind, statements ...statement) *policy.Attached {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	require.NoError(t, err)
	document, err := policy.Parse(kind, "aws", string(text))
	require.NoError(t, err, "%s", text)
	return &policy.Attached{Document: document}
}

func identity(t require.TestingT, statements ...statement) []policy.Attached {
	return []policy.Attached{*attach(t, policy.Identity, statements...)}
}

// pull is a session's pull from the vendor's repository.
func pull() policy.Request {
	return policy.Request{Caller: session, Action: "ecr:BatchGetImage", Resource: repository, Account: vendor, Context: policy.Context{}}
}

// own is a pull from a repository of the caller's own account.
func own(caller policy.Caller) policy.Request {
	request := pull()
	request.Caller, request.Account = caller, customer
	return request
}

var (
	allowAll  = statement{"Effect": "Allow", "Action": "*", "Resource": "*"}
	allowS3   = statement{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
	denyECR   = statement{"Effect": "Deny", "Action": "ecr:*", "Resource": "*"}
	toAccount = statement{"Effect": "Allow", "Principal": map[string]any{"AWS": customer}, "Action": "ecr:*"}
	toRole    = statement{"Effect": "Allow", "Principal": map[string]any{"AWS": roleARN}, "Action": "ecr:*"}
	toSession = statement{"Effect": "Allow", "Principal": map[string]any{"AWS": sessionARN}, "Action": "ecr:*"}
	toUser    = statement{"Effect": "Allow", "Principal": map[string]any{"AWS": userARN}, "Action": "ecr:*"}
	toAll     = statement{"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}
)

const (
	refusal    = "User: " + sessionARN + " is not authorized to perform: ecr:BatchGetImage on resource: " + repository
	noIdentity = refusal + " because no identity-based policy allows the ecr:BatchGetImage action"
	noResource = refusal + " because no resource-based policy allows the ecr:BatchGetImage action"
)

func TestBothSidesAreNeededAcrossAccountsAndEitherWithinOne(t *testing.T) {
	boundary := func(s statement) *policy.Attached { return attach(t, policy.Identity, s) }
	ofRepository := func(s ...statement) *policy.Attached { return attach(t, policy.Repository, s...) }
	for name, test := range map[string]struct {
		request  policy.Request
		policies policy.Policies
		// want is the refusal, or "" for allowed.
		want string
	}{
		"across, both sides":                       {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toAccount)}, ""},
		"across, by role":                          {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toRole)}, ""},
		"across, by everyone":                      {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toAll)}, ""},
		"across, by session without own policy":    {pull(), policy.Policies{Resource: ofRepository(toSession)}, noIdentity},
		"across, repository alone":                 {pull(), policy.Policies{Resource: ofRepository(toRole)}, noIdentity},
		"across, own policy alone":                 {pull(), policy.Policies{Identity: identity(t, allowAll)}, noResource},
		"across, another account":                  {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toUser)}, noResource},
		"across, boundary":                         {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toRole), Boundary: boundary(allowS3)}, refusal + " because no permissions boundary allows the ecr:BatchGetImage action"},
		"across, all of them":                      {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toRole), Boundary: boundary(allowAll)}, ""},
		"denied by its own policy":                 {pull(), policy.Policies{Identity: identity(t, allowAll, denyECR), Resource: ofRepository(toRole)}, refusal + " with an explicit deny in an identity-based policy"},
		"denied by the repository":                 {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toRole, statement{"Effect": "Deny", "Principal": "*", "Action": "ecr:*"})}, refusal + " with an explicit deny in a resource-based policy"},
		"denied by the boundary":                   {pull(), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toRole), Boundary: boundary(denyECR)}, refusal + " with an explicit deny in a permissions boundary"},
		"within, own policy alone":                 {own(session), policy.Policies{Identity: identity(t, allowAll)}, ""},
		"within, repository names the role":        {own(session), policy.Policies{Resource: ofRepository(toRole)}, ""},
		"within, repository names the account":     {own(session), policy.Policies{Resource: ofRepository(toAccount)}, noIdentity},
		"within, account and own policy":           {own(session), policy.Policies{Identity: identity(t, allowAll), Resource: ofRepository(toAccount)}, ""},
		"within, nobody":                           {own(session), policy.Policies{}, noIdentity},
		"within, boundary limits the role":         {own(session), policy.Policies{Resource: ofRepository(toRole), Boundary: boundary(allowS3)}, refusal + " because no permissions boundary allows the ecr:BatchGetImage action"},
		"within, nothing limits the session":       {own(session), policy.Policies{Resource: ofRepository(toSession), Boundary: boundary(allowS3)}, ""},
		"within, nothing limits everyone":          {own(session), policy.Policies{Resource: ofRepository(toAll), Boundary: boundary(allowS3)}, ""},
		"within, nothing limits the user":          {own(user), policy.Policies{Resource: ofRepository(toUser), Boundary: boundary(allowS3)}, ""},
		"within, the strongest naming counts":      {own(session), policy.Policies{Resource: ofRepository(toAccount, toRole)}, ""},
		"within, a user's own policy":              {own(user), policy.Policies{Identity: identity(t, allowAll)}, ""},
		"within, the boundary limits own policies": {own(session), policy.Policies{Identity: identity(t, allowAll), Boundary: boundary(allowS3)}, refusal + " because no permissions boundary allows the ecr:BatchGetImage action"},
	} {
		t.Run(name, func(t *testing.T) {
			decision := policy.Evaluate(test.request, test.policies)
			assert.Equal(t, test.want, decision.Reason())
			assert.Equal(t, test.want == "", decision.Allowed)
		})
	}
}

func TestATrustPolicyMustAllowWhateverElseDoes(t *testing.T) {
	request := own(session)
	request.Action, request.Resource = "sts:AssumeRole", targetRole
	trust := func(principal any) *policy.Attached {
		return attach(t, policy.Trust, statement{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
	}
	for name, test := range map[string]struct {
		caller   policy.Caller
		identity []policy.Attached
		trust    *policy.Attached
		want     string
	}{
		"own policy alone":         {session, identity(t, allowAll), trust(map[string]any{"AWS": vendor}), "no role trust policy allows"},
		"the account":              {session, nil, trust(map[string]any{"AWS": customer}), "no identity-based policy allows"},
		"the account and policy":   {session, identity(t, allowAll), trust(map[string]any{"AWS": customer}), ""},
		"the role":                 {session, nil, trust(map[string]any{"AWS": roleARN}), ""},
		"a service":                {policy.Caller{Kind: policy.Service, ARN: "ecs-tasks.amazonaws.com"}, nil, trust(map[string]any{"Service": "ecs-tasks.amazonaws.com"}), ""},
		"another service":          {policy.Caller{Kind: policy.Service, ARN: "ecs.amazonaws.com"}, nil, trust(map[string]any{"Service": "ecs-tasks.amazonaws.com"}), "no role trust policy allows"},
		"a service, to an account": {policy.Caller{Kind: policy.Service, ARN: "ecs.amazonaws.com"}, nil, trust(map[string]any{"AWS": customer}), "no role trust policy allows"},
	} {
		t.Run(name, func(t *testing.T) {
			request.Caller = test.caller
			decision := policy.Evaluate(request, policy.Policies{Identity: test.identity, Resource: test.trust})
			assert.Equal(t, test.want == "", decision.Allowed)
			assert.Contains(t, decision.Reason(), test.want)
		})
	}
	denied := attach(t, policy.Trust, statement{"Effect": "Deny", "Principal": "*", "Action": "sts:*"})
	request.Caller = session
	assert.Contains(t, policy.Evaluate(request, policy.Policies{Identity: identity(t, allowAll), Resource: denied}).Reason(),
		"with an explicit deny in the role trust policy")
}

func TestAPrincipalThatIsGoneNamesNobody(t *testing.T) {
	resource := attach(t, policy.Repository, toRole)
	policies := policy.Policies{Identity: identity(t, allowAll), Resource: resource}
	resource.Bindings = map[string]string{roleARN: roleID}
	assert.True(t, policy.Evaluate(pull(), policies).Allowed)
	resource.Bindings = map[string]string{roleARN: "AROAEXAMPLEEXAMPLE999"}
	assert.Contains(t, policy.Evaluate(pull(), policies).Reason(), "no resource-based policy")
	byID := attach(t, policy.Repository, statement{"Effect": "Allow", "Principal": map[string]any{"AWS": roleID}, "Action": "ecr:*"})
	assert.True(t, policy.Evaluate(pull(), policy.Policies{Identity: identity(t, allowAll), Resource: byID}).Allowed)
}

func TestResourcesAreComparedFieldByField(t *testing.T) {
	for of, want := range map[string]bool{
		"*":              true,
		repository:       true,
		repository + ":": false,
		"arn:aws:ecr:eu-west-1:" + vendor + ":repository/*": true,
		"arn:aws:ecr:eu-west-?:*:repository/acme/serve?":    true,
		"arn:aws:ecr:*":                        true,
		"arn:aws:ecr":                          true,
		"arn:*:ecr:eu-west-1":                  true,
		"arn:aws:s3":                           false,
		"arn:aws:ecr:us-*:*:*":                 false,
		"arn:aws:ecr:eu*server":                false,
		"arn:aws:ecr:*:repository/acme/server": false,
		"arn:aws:ecr:eu-west-1:" + vendor + ":repository/Acme/server": false,
	} {
		t.Run(of, func(t *testing.T) {
			request := own(session)
			request.Context.Set("aws:PrincipalTag/product", "acme/server")
			request.Context.Set("aws:PrincipalTag/wild", "*")
			request.Context.Set("aws:PrincipalAccount", vendor)
			allowed := policy.Evaluate(request, policy.Policies{Identity: identity(t, statement{"Effect": "Allow", "Action": "ecr:*", "Resource": of})}).Allowed
			assert.Equal(t, want, allowed)
		})
	}
	request := own(session)
	request.Action, request.Resource = "ecr:GetAuthorizationToken", "*"
	for of, want := range map[string]bool{"*": true, "arn:aws:ecr:*:*:*": false, repository: false} {
		allowed := policy.Evaluate(request, policy.Policies{Identity: identity(t, statement{"Effect": "Allow", "Action": "ecr:*", "Resource": of})}).Allowed
		assert.Equal(t, want, allowed, "an action without resources, of %s", of)
	}
}

func TestActionsAreComparedInAnyCase(t *testing.T) {
	for of, want := range map[string]bool{
		"*": true, "ecr:*": true, "ECR:batchgetimage": true, "ecr:Batch?etImage": true, "ecr:*Image": true,
		"ecr:BatchGet": false, "ecr:Get*": false, "ecr-public:*": false, "s3:*": false,
	} {
		allow := identity(t, statement{"Effect": "Allow", "Action": of, "Resource": "*"})
		assert.Equal(t, want, policy.Evaluate(own(session), policy.Policies{Identity: allow}).Allowed, of)
	}
}

func TestConditions(t *testing.T) {
	type values = []string
	for _, test := range []struct {
		operator, key string
		of            any
		want          bool
	}{
		{"StringEquals", "aws:userid", "Alice", true},
		{"StringEquals", "AWS:UserID", "Alice", true},
		{"StringEquals", "aws:userid", "alice", false},
		{"StringEquals", "aws:userid", values{"bob", "Alice"}, true},
		{"StringEquals", "aws:userid", "Al*", false},
		{"StringEquals", "aws:userid", values{}, false},
		{"StringEquals", "aws:missing", "Alice", false},
		{"StringEqualsIfExists", "aws:missing", "Alice", true},
		{"StringEqualsIfExists", "aws:userid", "bob", false},
		{"StringNotEquals", "aws:userid", values{"bob", "carol"}, true},
		{"StringNotEquals", "aws:userid", values{"bob", "Alice"}, false},
		{"StringNotEquals", "aws:missing", "Alice", true},
		{"StringLike", "aws:userid", "A?i*", true},
		{"StringLike", "aws:userid", "a*", false},
		{"StringLike", "aws:missing", "*", false},
		{"StringNotLike", "aws:userid", "B*", true},
		{"StringNotLike", "aws:missing", "*", true},
		{"ArnEquals", "aws:PrincipalArn", roleARN, true},
		{"ArnEquals", "aws:PrincipalArn", "arn:aws:iam::" + customer + ":role/*", true},
		{"ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/team/pulle?", true},
		{"ArnLike", "aws:PrincipalArn", "arn:aws:iam*:role/team/puller", false},
		{"ArnLike", "aws:PrincipalArn", "*", true},
		{"ArnLike", "aws:userid", "*", false},
		{"ArnLike", "aws:missing", "*", false},
		{"ArnNotEquals", "aws:PrincipalArn", roleARN, false},
		{"ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::" + vendor + ":*", true},
		{"ArnNotLike", "aws:missing", "*", true},
		{"StringEquals", "aws:several", "red", true},
		{"StringNotEquals", "aws:several", "red", false},
	} {
		request := own(session)
		for key, of := range map[string][]string{
			"aws:userid": {"Alice"}, "aws:username": {"Alice"}, "aws:several": {"red", "blue"}, "aws:star": {"a*c"}, "aws:brace": {"${open"},
			"aws:PrincipalArn": {roleARN}, "aws:SecureTransport": {"true"}, "aws:age": {"5"}, "aws:CurrentTime": {"2026-11-21T22:01:00Z"},
			"aws:SourceIp": {"203.0.113.7"}, "aws:SourceIp6": {"2001:db8::1"},
		} {
			request.Context.Set(key, of...)
		}
		allow := identity(t, statement{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": map[string]any{test.operator: map[string]any{test.key: test.of}}})
		assert.Equal(t, test.want, policy.Evaluate(request, policy.Policies{Identity: allow}).Allowed, "%s %s %v", test.operator, test.key, test.of)
	}
}

func TestEveryConditionOfAStatementMustHold(t *testing.T) {
	condition := map[string]any{
		"StringEquals": map[string]any{"aws:a": "1", "aws:b": "2"}, "StringLike": map[string]any{"aws:c": "3*"},
	}
	allow := identity(t, statement{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition})
	for missing, want := range map[string]bool{"": true, "aws:a": false, "aws:b": false, "aws:c": false} {
		request := own(session)
		request.Context.Add(policy.Context{"aws:a": {"1"}, "aws:b": {"2"}, "aws:c": {"33"}})
		request.Context.Set(missing)
		assert.Equal(t, want, policy.Evaluate(request, policy.Policies{Identity: allow}).Allowed, missing)
	}
}

func TestARefusalNamesThePolicyThatHasAName(t *testing.T) {
	deny := identity(t, statement{"Sid": "NoImages", "Effect": "Deny", "Action": "ecr:*", "Resource": "*"})
	deny[0].Name = "arn:aws:iam::222222222222:policy/no-images"
	decision := policy.Evaluate(pull(), policy.Policies{Identity: deny})
	assert.Equal(t, refusal+" with an explicit deny in an identity-based policy: arn:aws:iam::222222222222:policy/no-images", decision.Reason())
	assert.Equal(t, policy.IdentityPolicy, decision.Source)
}

// drawStatements makes statements over few actions, resources and keys, so that
// they often apply.
func drawStatements(t *rapid.T) []statement {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) statement {
		drawn := statement{
			"Effect":   rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect"),
			"Action":   rapid.SampledFrom([]string{"*", "ecr:*", "ecr:BatchGetImage", "s3:*"}).Draw(t, "action"),
			"Resource": rapid.SampledFrom([]string{"*", repository, "arn:aws:ecr:*:*:repository/acme/*", "arn:aws:s3:::x"}).Draw(t, "resource"),
		}
		if rapid.Bool().Draw(t, "conditional") {
			operator := rapid.SampledFrom([]string{"StringEquals", "StringNotEquals", "StringLikeIfExists"}).Draw(t, "operator")
			drawn["Condition"] = map[string]any{operator: map[string]any{"aws:userid": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "value")}}
		}
		return drawn
	}), 1, 4).Draw(t, "statements")
}

func drawRequest(t *rapid.T) policy.Request {
	request := own(session)
	if rapid.Bool().Draw(t, "across") {
		request.Account = vendor
	}
	if value := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "userid"); value != "" {
		request.Context.Set("aws:userid", value)
	}
	return request
}

func TestADenyOfEverythingAlwaysWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		denyAll := statement{"Effect": "Deny", "Action": "*", "Resource": "*"}
		policies := policy.Policies{
			Identity: identity(t, append(drawStatements(t), denyAll)...), Resource: attach(t, policy.Repository, toAll, toSession),
		}
		decision := policy.Evaluate(drawRequest(t), policies)
		require.True(t, decision.Explicit)
		require.False(t, decision.Allowed)
	})
}

func TestLimitsNeverGrantAndGrantsNeverTakeAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		request := drawRequest(t)
		policies := policy.Policies{Identity: identity(t, drawStatements(t)...), Resource: attach(t, policy.Repository, toRole)}
		before := policy.Evaluate(request, policies)
		limited := policies
		limited.Boundary = attach(t, policy.Identity, drawStatements(t)...)
		if !before.Allowed {
			require.False(t, policy.Evaluate(request, limited).Allowed, "a boundary granted")
		}
		policies.Identity = append(policies.Identity, identity(t, allowAll)...)
		if before.Allowed {
			require.True(t, policy.Evaluate(request, policies).Allowed, "an Allow took away")
		}
	})
}

func TestWildcardsMatchAsTheirRegularExpressionDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.StringMatching(`[ab*?]{0,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab]{1,8}`).Draw(t, "text")
		form := regexp.MustCompile("^" + strings.NewReplacer("*", ".*", "?", ".").Replace(of) + "$")
		request := own(session)
		request.Context.Set("aws:userid", text)
		like := identity(t, statement{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": map[string]any{"StringLike": map[string]any{"aws:userid": of}}})
		require.Equal(t, form.MatchString(text), policy.Evaluate(request, policy.Policies{Identity: like}).Allowed)
	})
}
