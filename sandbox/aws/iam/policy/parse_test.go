package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/sandbox/aws/iam/policy"
)

func TestGoodDocumentsAreRead(t *testing.T) {
	for name, test := range map[string]struct {
		kind policy.Kind
		text string
	}{
		"one statement": {policy.Identity, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}}`},
		"a list with all elements": {policy.Identity, `{"Version": "2012-10-17", "Id": "x", "Statement": [
			{"Sid": "A1", "Effect": "Deny", "Action": ["ecr:Get*", "*"], "Resource": ["arn:aws:ecr:*:*:repository/a?", "arn:*:s3"],
			 "Condition": {"ArnNotLike": {"aws:SourceArn": "*"}, "StringLikeIfExists": {"aws:TagKeys": ["a*", "b"]}}}]}`},
		"IRSA": {policy.Trust, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"},
			"Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE:sub": "system:serviceaccount:a:b"}}}]}`},
		"Pod Identity": {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}`},
		"every principal": {policy.Repository, `{"Version": "2008-10-17", "Statement": [{"Sid": "any thing", "Effect": "Allow", "Principal": {"AWS": ["111122223333", "arn:aws:iam::111122223333:root",
			"arn:aws:iam::111122223333:role/a/b/c", "arn:aws:iam::111122223333:user/d", "arn:aws:sts::111122223333:assumed-role/c/s", "AROAEXAMPLEEXAMPLE123", "*"]}, "Action": "ecr:BatchGetImage"},
			{"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "*"}]}`},
		"everyone": {policy.Repository, `{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:*"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			document, err := policy.Parse(test.kind, "aws", test.text)
			require.NoError(t, err)
			assert.NotEmpty(t, document.Statements)
		})
	}
}

func TestMalformedDocumentsAreRefusedInTheWordsOfIAM(t *testing.T) {
	const good = `"Effect": "Allow", "Action": "ecr:BatchGetImage"`
	identity := func(statement string) string {
		return `{"Version": "2012-10-17", "Statement": [{` + statement + `}]}`
	}
	for name, test := range map[string]struct {
		kind          policy.Kind
		text          string
		message, wish string
	}{
		"no JSON":                      {policy.Identity, `{`, "Syntax errors in policy.", "unexpected end of JSON input"},
		"no JSON in a trust policy":    {policy.Trust, `{`, "This policy contains invalid Json", "unexpected end of JSON input"},
		"text behind":                  {policy.Identity, `{} {}`, "Syntax errors in policy.", "after top-level value"},
		"a list":                       {policy.Identity, `[]`, "Syntax errors in policy.", "cannot unmarshal array"},
		"a repeated key":               {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"StringEquals": {"aws:userid": "a"}, "StringEquals": {"aws:username": "b"}}`), "Syntax errors in policy.", `duplicate field`},
		"an unknown element":           {policy.Identity, `{"Version": "2012-10-17", "Statements": []}`, "Syntax errors in policy.", `unknown field "Statements"`},
		"no statement":                 {policy.Identity, `{"Version": "2012-10-17", "Statement": []}`, "Syntax errors in policy.", "at least one"},
		"no version":                   {policy.Identity, `{"Statement": [{` + good + `, "Resource": "*"}]}`, "Policy document must be version 2012-10-17 or greater.", `Version "2008-10-17": want`},
		"the old version":              {policy.Identity, `{"Version": "2008-10-17", "Statement": [{` + good + `, "Resource": "*"}]}`, "Policy document must be version 2012-10-17 or greater.", `"2008-10-17"`},
		"another version":              {policy.Trust, `{"Version": "2012-10-18", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}`, "Syntax errors in policy.", `"2012-10-18"`},
		"an effect in lower case":      {policy.Identity, identity(`"Effect": "allow", "Action": "ecr:*", "Resource": "*"`), "Syntax errors in policy.", `"allow": want "Allow" or "Deny"`},
		"no effect":                    {policy.Identity, identity(`"Action": "ecr:*", "Resource": "*"`), "Syntax errors in policy.", `Effect "": want`},
		"NotAction":                    {policy.Identity, identity(`"Effect": "Allow", "NotAction": "ecr:*", "Resource": "*"`), "Syntax errors in policy.", "the sandbox does not model it"},
		"a date":                       {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"DateEquals": {"aws:CurrentTime": "2026"}}`), "Syntax errors in policy.", "the condition operator DateEquals: the sandbox does not model it"},
		"a variable":                   {policy.Identity, identity(good + `, "Resource": "arn:aws:s3:::${aws:username}"`), "Syntax errors in policy.", "a policy variable: the sandbox does not model it"},
		"no action":                    {policy.Identity, identity(`"Effect": "Allow", "Resource": "*"`), "Policy statement must contain actions.", "want Action"},
		"no resource":                  {policy.Identity, identity(good), "Policy statement must contain resources.", "want Resource"},
		"an action without service":    {policy.Identity, identity(`"Effect": "Allow", "Action": "BatchGetImage", "Resource": "*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", `"BatchGetImage"`},
		"an action with two colons":    {policy.Identity, identity(`"Effect": "Allow", "Action": "ecr:a:b", "Resource": "*"`), "Actions/Condition can contain only one colon.", `"ecr:a:b"`},
		"a wildcard service":           {policy.Identity, identity(`"Effect": "Allow", "Action": "e*:Get", "Resource": "*"`), "Vendor e* is not valid", `"e*:Get"`},
		"no ARN":                       {policy.Identity, identity(good + `, "Resource": "acme/server"`), `Resource acme/server must be in ARN format or "*".`, "want an ARN"},
		"another partition":            {policy.Identity, identity(good + `, "Resource": "arn:aws-cn:ecr:cn-north-1"`), `Partition "aws-cn" is not valid for resource "arn:aws-cn:ecr:cn-north-1:*:*".`, `want the partition "aws"`},
		"a wildcard in the service":    {policy.Identity, identity(good + `, "Resource": "arn:aws:e*:::x"`), "Resource vendor must be fully qualified and cannot contain regexes.", "want the name of a service"},
		"a principal":                  {policy.Identity, identity(good + `, "Resource": "*", "Principal": "*"`), "Policy document should not specify a principal.", "want no principal"},
		"a repeated Sid":               {policy.Identity, `{"Version": "2012-10-17", "Statement": [{"Sid": "A", ` + good + `, "Resource": "*"}, {"Sid": "A", ` + good + `, "Resource": "*"}]}`, "Statement IDs (SID) in a single policy must be unique.", "another statement"},
		"a Sid with a space":           {policy.Identity, identity(`"Sid": "a b", ` + good + `, "Resource": "*"`), "Statement IDs (SID) must be alpha-numeric.", "letters and digits"},
		"an unknown operator":          {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"StringIs": {"aws:userid": "a"}}`), "Syntax errors in policy.", "operator StringIs: the sandbox does not model it"},
		"a qualifier":                  {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"aws:userid": "a"}}`), "Syntax errors in policy.", "operator ForAnyValue:StringEquals: the sandbox does not model it"},
		"any case":                     {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"StringEqualsIgnoreCase": {"aws:userid": "a"}}`), "Syntax errors in policy.", "operator StringEqualsIgnoreCase: the sandbox does not model it"},
		"NullIfExists":                 {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"NullIfExists": {"aws:userid": "true"}}`), "Syntax errors in policy.", "operator NullIfExists: the sandbox does not model it"},
		"a key without service":        {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"StringEquals": {"sub": "a"}}`), "Actions/Conditions must be prefaced by a vendor", `"sub"`},
		"a boolean":                    {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}`), "Syntax errors in policy.", "operator Bool: the sandbox does not model it"},
		"null":                         {policy.Identity, identity(good + `, "Resource": "*", "Condition": null`), "Syntax errors in policy.", "want no null"},
		"a value that is an object":    {policy.Identity, identity(good + `, "Resource": "*", "Condition": {"StringEquals": {"aws:userid": {}}}`), "Syntax errors in policy.", "cannot unmarshal object"},
		"a resource in a trust policy": {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}}`, "Has prohibited field Resource", "want no Resource"},
		"no principal in a trust":      {policy.Trust, `{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}`, "Missing required field Principal", "want Principal"},
		"another action in a trust":    {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}}`, "AssumeRole policy may only specify STS AssumeRole actions.", `"ecr:BatchGetImage"`},
		"any action in a trust":        {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}}`, "AssumeRole policy may only specify STS AssumeRole actions.", `"*"`},
		"a resource in a repository":   {policy.Repository, `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ecr:*", "Resource": "*"}}`, "Has prohibited field Resource", "repository policy"},
		"a wildcard in a principal":    {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}, "Action": "sts:AssumeRole"}}`, `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"`, "want no wildcards"},
		"a group":                      {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:group/a"}, "Action": "sts:AssumeRole"}}`, `Invalid principal in policy: "AWS"`, "want the ARN of"},
		"a principal's partition":      {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws-cn:iam::111122223333:root"}, "Action": "sts:AssumeRole"}}`, `Invalid principal in policy: "AWS"`, `want the partition "aws"`},
		"a short account":              {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "11112222333"}, "Action": "sts:AssumeRole"}}`, `Invalid principal in policy: "AWS":"11112222333"`, "want an account ID"},
		"no service":                   {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"Service": "ecs-tasks"}, "Action": "sts:AssumeRole"}}`, `Invalid principal in policy: "SERVICE":"ecs-tasks"`, "want the name of a service"},
		"no provider":                  {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "https://issuer.example"}, "Action": "sts:AssumeRoleWithWebIdentity"}}`, `Invalid principal in policy: "FEDERATED":"https://issuer.example"`, "want the ARN of an OIDC"},
		"a SAML provider":              {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:saml-provider/example"}, "Action": "sts:AssumeRoleWithWebIdentity"}}`, `Invalid principal in policy: "FEDERATED":"arn:aws:iam::111122223333:saml-provider/example"`, "want the ARN of an OIDC"},
		"a public provider":            {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "accounts.google.com"}, "Action": "sts:AssumeRoleWithWebIdentity"}}`, `Invalid principal in policy: "FEDERATED":"accounts.google.com"`, "want the ARN of an OIDC"},
		"a provider's partition":       {policy.Trust, `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "arn:aws-cn:iam::111122223333:oidc-provider/x"}, "Action": "sts:AssumeRoleWithWebIdentity"}}`, `Invalid principal in policy: "FEDERATED"`, `want the partition "aws"`},
		"a canonical user":             {policy.Repository, `{"Statement": {"Effect": "Allow", "Principal": {"CanonicalUser": "79a5"}, "Action": "ecr:*"}}`, "Syntax errors in policy.", `unknown field "CanonicalUser"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Parse(test.kind, "aws", test.text)
			var malformed *policy.Malformed
			require.ErrorAs(t, err, &malformed)
			assert.Contains(t, malformed.Message, test.message)
			assert.ErrorContains(t, err, test.wish)
			assert.ErrorContains(t, err, "MalformedPolicyDocument: ")
		})
	}
}

func TestEveryProblemOfADocumentIsReportedAtOnce(t *testing.T) {
	_, err := policy.Parse(policy.Identity, "aws", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "allow", "Action": "Get", "Resource": "x"}, {"Effect": "Allow", "Principal": "*"}]}`)
	for _, want := range []string{
		"Statement[0].Effect", "Statement[0].Action", "Statement[0].Resource",
		"Statement[1]: want Action", "Statement[1]: want no principal", "Statement[1]: want Resource",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestPrincipalsThatMustExistAreListedOnce(t *testing.T) {
	document, err := policy.Parse(policy.Repository, "aws", `{"Statement": [
		{"Effect": "Allow", "Principal": {"AWS": ["111122223333", "arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:role/a"]}, "Action": "ecr:*"},
		{"Effect": "Deny", "Principal": {"AWS": ["arn:aws:iam::444455556666:role/a", "arn:aws:iam::444455556666:user/b"]}, "Action": "ecr:*"},
		{"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}]}`)
	require.NoError(t, err)
	assert.Equal(t, []string{"111122223333"}, document.Accounts())
	assert.Equal(t, []string{"arn:aws:iam::444455556666:role/a", "arn:aws:iam::444455556666:user/b"}, document.Names())
}

func TestAnyTextIsReadOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.String(),
			rapid.StringMatching(`\{"(Version|Statement)":("2012-10-17"|\[?\{"(Effect|Action|Principal|Condition)":("Allow"|"\*"|\[\]|\{\}|null|1)\}\]?)\}`),
		).Draw(t, "text")
		kind := rapid.SampledFrom([]policy.Kind{policy.Identity, policy.Trust, policy.Repository}).Draw(t, "kind")
		_, err := policy.Parse(kind, "aws", text)
		var malformed *policy.Malformed
		require.ErrorAs(t, err, &malformed)
		require.NotEmpty(t, malformed.Message)
		require.NotEmpty(t, malformed.Details)
	})
}
