package aws_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/tests/recorder"
)

const (
	vendor   = "111122223333"
	customer = recorder.AmazonAccount
	region   = recorder.AmazonRegion
	reader   = "arn:aws:iam::" + customer + ":role/waybill/acme--shop-pull"
)

var no = false

func grantArguments() *aws.ImageGrantArgs {
	return &aws.ImageGrantArgs{
		Customer: "acme", Product: "shop", Account: vendor, Region: "us-east-1",
		CustomerAccount: customer, RoleARNs: []string{reader},
	}
}

func grant(t *testing.T, args *aws.ImageGrantArgs, preview bool) (*recorder.Recorder, map[string]string) {
	t.Helper()
	r, outputs := shared(""), map[string]string{}
	r.Preview = preview
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		grant, err := aws.NewImageGrant(ctx, "grant", args)
		if err != nil {
			return err
		}
		pulumi.All(grant.RegistryHost, grant.Repository, grant.RepositoryARN, grant.Ready).ApplyT(func(v []any) string {
			outputs["host"], outputs["repository"], outputs["arn"] = v[0].(string), v[1].(string), v[2].(string)
			outputs["ready"] = strings.Join(v[3].([]string), " ")
			return ""
		})
		return nil
	}))
	return r, outputs
}

// The account is the principal and the role a condition: so the policy applies
// before the role exists, and still matches after it was made again.
func TestTheRepositoryIsReadByOneRoleOfTheCustomersAccount(t *testing.T) {
	for _, preview := range []bool{false, true} {
		r, _ := grant(t, grantArguments(), preview)
		readers := r.Named("grant-readers")
		assert.Equal(t, `{"Version":"2012-10-17","Statement":[{"Sid":"WaybillAcmeShop2inszxys","Effect":"Allow",`+
			`"Principal":{"AWS":"arn:aws:iam::222233334444:root"},`+
			`"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],`+
			`"Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::222233334444:role/waybill/acme--shop-pull"}}}]}`,
			readers.Text("policy"))
		assert.Equal(t, "acme/shop", readers.Text("repository"))
	}
}

func TestSeveralRolesAreListedInOneOrder(t *testing.T) {
	args := grantArguments()
	args.RoleARNs = []string{reader, "arn:aws:iam::" + customer + ":role/acme--shop-execution"}
	r, _ := grant(t, args, false)
	assert.Contains(t, r.Named("grant-readers").Text("policy"),
		`"aws:PrincipalArn":["arn:aws:iam::222233334444:role/acme--shop-execution","arn:aws:iam::222233334444:role/waybill/acme--shop-pull"]`)
}

func TestTheGrantSaysWhatTheCustomerNeeds(t *testing.T) {
	r, outputs := grant(t, grantArguments(), false)
	assert.Equal(t, map[string]string{
		"host": "111122223333.dkr.ecr.us-east-1.amazonaws.com", "repository": "acme/shop",
		"arn":   "arn:aws:ecr:us-east-1:111122223333:repository/acme/shop",
		"ready": r.Named("grant-readers").Text("policy"),
	}, outputs)
}

func TestOtherPartitionsHaveTheirOwnARNsAndHosts(t *testing.T) {
	for region, want := range map[string]struct{ partition, host string }{
		"cn-north-1":    {"aws-cn", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"},
		"us-gov-east-1": {"aws-us-gov", "111122223333.dkr.ecr.us-gov-east-1.amazonaws.com"},
	} {
		args := grantArguments()
		args.Region, args.RoleARNs = region, []string{strings.Replace(reader, "arn:aws:", "arn:"+want.partition+":", 1)}
		r, outputs := grant(t, args, false)
		assert.Equal(t, want.host, outputs["host"])
		assert.Equal(t, "arn:"+want.partition+":ecr:"+region+":111122223333:repository/acme/shop", outputs["arn"])
		document := r.Named("grant-readers").Text("policy")
		assert.Contains(t, document, `{"AWS":"arn:`+want.partition+`:iam::222233334444:root"}`)
		assert.NotContains(t, document, "arn:aws:")
	}
}

func TestARepositoryIsWhatPeopleExpect(t *testing.T) {
	r, _ := grant(t, grantArguments(), false)
	repository := r.Named("grant-repository")
	assert.Equal(t, "acme/shop", repository.Text("name"))
	assert.Equal(t, "IMMUTABLE", repository.Text("imageTagMutability"))
	assert.True(t, repository.Value("imageScanningConfiguration.scanOnPush").BoolValue())
	assert.Equal(t, "AES256", repository.Text("encryptionConfigurations[0].encryptionType"))
	assert.False(t, repository.Value("forceDelete").BoolValue())
	assert.True(t, repository.RPC.GetProtect(), "off-boarding is explicit")
	assert.Equal(t, `{"rules":[`+
		`{"rulePriority":1,"description":"Untagged images go after a while","selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}}]}`,
		r.Named("grant-lifecycle").Text("policy"), "a tagged image may run")
}

func TestARepositoryIsWhatItsSettingsSay(t *testing.T) {
	t.Run("open to change", func(t *testing.T) {
		args := grantArguments()
		args.Repository = aws.Repository{Name: "customers/acme", MutableTags: true, Scan: &no, Protect: &no, Lifecycle: aws.Lifecycle{Expire: &no}}
		r, outputs := grant(t, args, false)
		repository := r.Named("grant-repository")
		assert.Equal(t, "customers/acme", outputs["repository"])
		assert.Equal(t, "MUTABLE", repository.Text("imageTagMutability"))
		assert.False(t, repository.Value("imageScanningConfiguration.scanOnPush").BoolValue())
		assert.True(t, repository.Value("forceDelete").BoolValue(), "an unprotected repository goes with its images")
		assert.False(t, repository.RPC.GetProtect())
		assert.Empty(t, r.Of("LifecyclePolicy"))
	})
	t.Run("a key of one's own", func(t *testing.T) {
		args := grantArguments()
		args.Repository.KMSKey = "arn:aws:kms:us-east-1:111122223333:key/0b6f3c1d-7e58-4b0a-8f25-91c4d6e7a812"
		r, _ := grant(t, args, false)
		assert.Equal(t, "KMS", r.Named("grant-repository").Text("encryptionConfigurations[0].encryptionType"))
		assert.Equal(t, args.Repository.KMSKey, r.Named("grant-repository").Text("encryptionConfigurations[0].kmsKey"))
	})
	t.Run("limits", func(t *testing.T) {
		args := grantArguments()
		args.Repository.Lifecycle = aws.Lifecycle{KeepTagged: 7, ExpireUntaggedAfterDays: 3}
		r, _ := grant(t, args, false)
		assert.Contains(t, r.Named("grant-lifecycle").Text("policy"), `"countUnit":"days","countNumber":3}`)
		assert.Contains(t, r.Named("grant-lifecycle").Text("policy"), `"imageCountMoreThan","countNumber":7}`)
	})
	t.Run("tags that may be moved", func(t *testing.T) {
		args := grantArguments()
		args.Repository.MutableTags = true
		r, _ := grant(t, args, false)
		assert.Empty(t, r.Of("LifecyclePolicy"), "what lost its tag may still run")
		args = grantArguments()
		args.Repository.MutableTags, args.Repository.Lifecycle = true, aws.Lifecycle{ExpireUntaggedAfterDays: 90}
		r, _ = grant(t, args, false)
		assert.Contains(t, r.Named("grant-lifecycle").Text("policy"), `"countUnit":"days","countNumber":90}`)
		assert.NotContains(t, r.Named("grant-lifecycle").Text("policy"), `"tagged"`)
	})
	t.Run("existing", func(t *testing.T) {
		args := grantArguments()
		args.Repository = aws.Repository{Existing: true, Name: "by-hand"}
		r, outputs := grant(t, args, false)
		assert.Empty(t, r.Of("Repository"))
		assert.Empty(t, r.Of("LifecyclePolicy"))
		assert.Equal(t, "by-hand", r.Named("grant-readers").Text("repository"))
		assert.Equal(t, "by-hand", outputs["repository"])
	})
}

func roles(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("arn:aws:iam::%s:role/%s/pull-%03d", customer, strings.Repeat("p", 60), i)
	}
	return all
}

func TestBadGrantsAreNamed(t *testing.T) {
	role := func(arn string) func(*aws.ImageGrantArgs) {
		return func(a *aws.ImageGrantArgs) { a.RoleARNs = []string{arn} }
	}
	for name, c := range map[string]struct {
		change func(*aws.ImageGrantArgs)
		want   string
	}{
		"a bad slug":            {func(a *aws.ImageGrantArgs) { a.Customer, a.Repository.Name = "Acme", "acme" }, `customer "Acme": want 3 to 40`},
		"no product":            {func(a *aws.ImageGrantArgs) { a.Product = "" }, `product "": want the product's name`},
		"a short account":       {func(a *aws.ImageGrantArgs) { a.Account = "42" }, `account "42": want the vendor's AWS account, 12 digits`},
		"a GCP region":          {func(a *aws.ImageGrantArgs) { a.Region = "europe-west1" }, `region "europe-west1": want an AWS Region such as`},
		"no customer account":   {func(a *aws.ImageGrantArgs) { a.CustomerAccount = "" }, `customerAccount "": want the customer's AWS account, 12 digits`},
		"no role":               {func(a *aws.ImageGrantArgs) { a.RoleARNs = nil }, "roleArns none given: want the ARN of the role that pulls"},
		"a wildcard":            {role("arn:aws:iam::" + customer + ":role/acme-*"), "roleArns[0] \"arn:aws:iam::222233334444:role/acme-*\": want one role, without wildcards"},
		"a question mark":       {role("arn:aws:iam::" + customer + ":role/acme-pul?"), "want one role, without wildcards or policy variables"},
		"a policy variable":     {role("arn:aws:iam::" + customer + ":role/${aws:username}"), "want one role, without wildcards or policy variables"},
		"a session":             {role("arn:aws:sts::" + customer + ":assumed-role/acme-pull/me"), "want a role's ARN with its path, arn:PARTITION:iam::ACCOUNT:role/PATH/NAME"},
		"a user":                {role("arn:aws:iam::" + customer + ":user/me"), "want a role's ARN with its path"},
		"an account":            {role(customer), "want a role's ARN with its path"},
		"a long role name":      {role("arn:aws:iam::" + customer + ":role/" + strings.Repeat("r", 65)), "want a role's ARN with its path"},
		"another account":       {role("arn:aws:iam::999900001111:role/acme-pull"), "want a role of customerAccount 222233334444, the trust anchor"},
		"another partition":     {role("arn:aws-cn:iam::" + customer + ":role/acme-pull"), "want a role of partition aws, where the repository is"},
		"a repeated role":       {func(a *aws.ImageGrantArgs) { a.RoleARNs = append(a.RoleARNs, reader) }, "roleArns[1] \"" + reader + "\": repeats roleArns[0]"},
		"too many roles":        {func(a *aws.ImageGrantArgs) { a.RoleARNs = roles(100) }, "characters: want a repository policy of at most 10240"},
		"an upper-case name":    {func(a *aws.ImageGrantArgs) { a.Repository.Name = "Acme" }, `repository.name "Acme": want a repository name`},
		"two hyphens":           {func(a *aws.ImageGrantArgs) { a.Repository.Name = "a--b" }, `repository.name "a--b"`},
		"a name of one letter":  {func(a *aws.ImageGrantArgs) { a.Repository.Name = "a" }, `repository.name "a": want at least 2 characters`},
		"existing, protected":   {func(a *aws.ImageGrantArgs) { a.Repository = aws.Repository{Existing: true, Protect: &no} }, "repository.existing true: want no other setting"},
		"Amazon's tag":          {func(a *aws.ImageGrantArgs) { a.Tags = map[string]string{"aws:x": "y"} }, `tags["aws:x"] "y": want a key that does not start with aws:`},
		"existing and settings": {func(a *aws.ImageGrantArgs) { a.Repository = aws.Repository{Existing: true, MutableTags: true} }, "want no other setting than the name"},
		"a key's alias":         {func(a *aws.ImageGrantArgs) { a.Repository.KMSKey = "arn:aws:kms:us-east-1:111122223333:alias/images" }, "repository.kmsKey \"arn:aws:kms:us-east-1:111122223333:alias/images\": want a KMS key's ARN, arn:aws:kms:us-east-1:ACCOUNT:key/ID"},
		"a key elsewhere":       {func(a *aws.ImageGrantArgs) { a.Repository.KMSKey = "arn:aws:kms:eu-west-1:111122223333:key/x" }, "want a KMS key's ARN"},
		"nothing kept":          {func(a *aws.ImageGrantArgs) { a.Repository.Lifecycle.KeepTagged = -1 }, "repository.lifecycle.keepTagged -1: want 1 to 10000"},
		"eleven years":          {func(a *aws.ImageGrantArgs) { a.Repository.Lifecycle.ExpireUntaggedAfterDays = 4000 }, "repository.lifecycle.expireUntaggedAfterDays 4000: want 1 to 3650"},
		"off with limits":       {func(a *aws.ImageGrantArgs) { a.Repository.Lifecycle = aws.Lifecycle{Expire: &no, KeepTagged: 1} }, "repository.lifecycle.expire false: want no limits"},
	} {
		t.Run(name, func(t *testing.T) {
			args := grantArguments()
			c.change(args)
			err := args.Validate()
			require.ErrorContains(t, err, c.want)
			assert.Len(t, strings.Split(err.Error(), "\n"), 1, "one problem is one line: %s", err)
		})
	}
	args := grantArguments()
	args.RoleARNs = roles(80)
	assert.NoError(t, args.Validate())
}

func TestAGrantThatWaitsLetsNobodyRead(t *testing.T) {
	args := grantArguments()
	args.RoleARNs, args.Waiting = nil, true
	r, outputs := grant(t, args, false)
	assert.NotEmpty(t, r.Named("grant-repository").Type)
	assert.Empty(t, r.Of("RepositoryPolicy"))
	assert.Empty(t, outputs["ready"])
}

// Roles of the vendor's own account read by their own policies: the repository gets
// none, and the one of an existing repository is not looked at.
func TestOwnRolesNeedNoPolicyOfTheRepository(t *testing.T) {
	args := grantArguments()
	args.OwnRoles = true
	require.ErrorContains(t, args.Validate(), "ownRoles true: want neither customerAccount nor roleArns beside it")
	args.RoleARNs, args.CustomerAccount = nil, ""
	r, outputs := grant(t, args, false)
	assert.NotEmpty(t, r.Named("grant-repository").Type)
	assert.Empty(t, r.Of("RepositoryPolicy"))
	assert.Empty(t, outputs["ready"])

	args.Repository = aws.Repository{Existing: true, Name: "releases"}
	held := shared(`{"Statement": [{"Sid": "Pipeline"}]}`)
	require.NoError(t, held.Run(newGrant(args)))
	assert.Empty(t, held.Of("RepositoryPolicy"))
}
