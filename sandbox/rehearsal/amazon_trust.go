package rehearsal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
	"waybill.example/waybill/sandbox/awsapis/eksauth"
)

// trust is a role as it is assumed in production.
type trust struct {
	// of names the role in cases; empty for the one that pulls.
	of, roleARN, hop string
	caller           policy.Caller
	actions          []string
	// keys of the request, each with other values that the role must not trust; it
	// must not trust a request without the key either. Keys without other values are
	// none that a role must pin.
	keys map[string]pinned
}

type pinned struct {
	value  string
	others []string
}

// trusts are those of the roles that the chain assumes. The role of nodes is the
// world's.
func (a *amazon) trusts() ([]trust, error) {
	switch {
	case a.refreshes():
		t, err := a.accountTrust(a.namespace, a.account, a.roleARN)
		return []trust{t}, err
	case !a.onECS():
		return nil, nil
	}
	_, definition, err := a.task()
	if err != nil {
		return nil, err
	}
	source := a.ofAnother(a.home.ARN("ecs", "task/"+ownName))
	source.others = append(source.others, strings.Replace(source.value, ":"+a.home.Region+":", ":another-region-1:", 1))
	t := trust{
		roleARN: a.roleARN, hop: hopExecution, actions: []string{"sts:AssumeRole"},
		caller: policy.Caller{Kind: policy.Service, ARN: "ecs-tasks." + a.home.Partition().Suffix},
		keys:   map[string]pinned{"aws:SourceAccount": a.ofAnother(a.home.Account), "aws:SourceArn": source},
	}
	all := []trust{t}
	if definition.TaskRoleARN != "" && definition.TaskRoleARN != a.roleARN {
		t.of, t.roleARN = "the task's role", definition.TaskRoleARN
		all = append(all, t)
	}
	return all, nil
}

// accountTrust is that of a ServiceAccount's role, by IRSA or EKS Pod Identity.
func (a *amazon) accountTrust(namespace, account, roleARN string) (trust, error) {
	issuer, byPod, err := a.tokensOf(namespace, account)
	if err != nil {
		return trust{}, err
	}
	t := trust{roleARN: roleARN, hop: hopSTS}
	another := func(value string) pinned { return pinned{value, []string{value + ofAnother}} }
	if byPod {
		cluster, err := a.eksCluster()
		if err != nil {
			return trust{}, err
		}
		arn := a.ofAnother(cluster.ARN())
		arn.others = append(arn.others, cluster.ARN()+ofAnother)
		t.caller, t.actions = policy.Caller{Kind: policy.Service, ARN: eksauth.Service}, []string{"sts:AssumeRole", "sts:TagSession"}
		t.keys = map[string]pinned{
			"aws:RequestTag/eks-cluster-arn":            arn,
			"aws:RequestTag/kubernetes-namespace":       another(namespace),
			"aws:RequestTag/kubernetes-service-account": another(account),
			"aws:SourceAccount":                         a.ofAnother(a.home.Account),
			"aws:SourceArn":                             {value: cluster.ARN()},
			"aws:RequestTag/eks-cluster-name":           {value: cluster.Name},
		}
		return t, nil
	}
	owner, err := a.Cloud.IAM.Account(a.home.Account)
	if err != nil {
		return trust{}, err
	}
	provider, found := owner.Trusted(issuer)
	if !found {
		return trust{}, fmt.Errorf("rehearsal: account %s has no OIDC provider for %s", a.home.Account, issuer)
	}
	t.caller, t.actions = policy.Caller{Kind: policy.WebIdentity, ARN: provider.ARN}, []string{"sts:AssumeRoleWithWebIdentity"}
	t.keys = map[string]pinned{
		provider.URL + ":aud": another(audienceSTS),
		provider.URL + ":sub": another(serviceAccount(namespace, account)),
	}
	return t, nil
}

// ofAnother is a value that names the customer's account, where it must not be
// another's.
func (a *amazon) ofAnother(value string) pinned {
	return pinned{value, []string{strings.ReplaceAll(value, a.home.Account, "000000000000")}}
}

// trustCases are the role assumed with another value of one key, and without it.
func (a *amazon) trustCases(t trust) []testCase {
	var cases []testCase
	for _, key := range slices.Sorted(maps.Keys(t.keys)) {
		if len(t.keys[key].others) == 0 {
			continue
		}
		name := "another, or no, " + key[strings.LastIndex(key, "/")+1:]
		if _, claim, web := strings.Cut(key, ":"); web && t.caller.Kind == policy.WebIdentity {
			name = "another, or no, " + claim[strings.LastIndex(claim, ":")+1:] + " for the role"
		}
		if t.of != "" {
			name += ", " + t.of
		}
		cases = append(cases, testCase{name, t.hop, trustKeys, func(context.Context) error { return a.mistrust(t, key) }})
	}
	return cases
}

// mistrust asks IAM whether the role trusts a request as it is in production, and
// then with the one key changed.
func (a *amazon) mistrust(t trust, key string) error {
	role, exists := a.Cloud.IAM.Role(t.roleARN)
	if !exists {
		return fmt.Errorf("rehearsal: there is no role %s", t.roleARN)
	}
	if err := a.trusted(role, t, "", ""); !isAllowed(err) {
		return fmt.Errorf("rehearsal: the role %s does not trust what it is for: %w", t.roleARN, err)
	}
	var last error
	for _, value := range append(slices.Clone(t.keys[key].others), "") {
		if last = a.trusted(role, t, key, value); isAllowed(last) {
			return allowed(fmt.Sprintf("the role is trusted to whoever has %s %q", key, value))
		}
	}
	return last
}

// trusted is nil where the role's trust allows every action with one key changed,
// or left out.
func (a *amazon) trusted(role iam.Role, t trust, changed, value string) error {
	keys := policy.Context{}
	for key, as := range t.keys {
		switch {
		case key != changed:
			keys.Set(key, as.value)
		case value != "":
			keys.Set(key, value)
		}
	}
	for _, action := range t.actions {
		decision, err := a.Cloud.IAM.AuthorizeTrust(role, t.caller, action, keys)
		if err != nil {
			return err
		}
		if !decision.Allowed {
			return &refused{t.hop, firstLine(decision.Reason())}
		}
	}
	return nil
}

// forbidden are actions on the vendor's repository that no pull needs.
var forbidden = []string{
	"ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:BatchDeleteImage", "ecr:PutImageTagMutability",
	"ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy", "ecr:PutLifecyclePolicy", "ecr:DeleteRepository", "ecr:ReplicateImage",
}

// ofAnother ends the names of what begins like something of the stack's.
const ofAnother = "-of-another"

// otherActions reads the policies of a role of the stack's own: a pull, the log of a
// task, and the secrets that its definition names, are all that it is for. nil where
// they name nothing else.
func (a *amazon) otherActions(role iam.Role) error {
	if !a.refreshes() && !a.onECS() { // the node's role, which is the world's
		return nil
	}
	needed := append(slices.Clone(pullActions), "ecr:GetAuthorizationToken")
	if a.onECS() {
		_, definition, err := a.task()
		if err != nil {
			return err
		}
		needed = append(needed, "logs:CreateLogStream", "logs:PutLogEvents")
		if slices.ContainsFunc(definition.Containers, func(c ecs.Container) bool { return len(c.Secrets) > 0 }) {
			needed = append(needed, "secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt")
		}
	}
	account, err := a.Cloud.IAM.Account(role.Account)
	if err != nil {
		return err
	}
	policies := map[string]string{}
	maps.Copy(policies, role.Inline)
	for _, name := range role.Attached {
		managed, err := account.Policy(name)
		if err != nil {
			return err
		}
		policies[name] = managed.Document
	}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		document, err := policy.Parse(policy.Identity, role.Partition, policies[name])
		if err != nil {
			return err
		}
		for _, statement := range document.Statements {
			for _, action := range statement.Actions {
				if !slices.Contains(needed, action) {
					return allowed("it may " + action + ", by its policy " + name)
				}
			}
		}
	}
	return nil
}

// beyondPull asks IAM for what the pulling role may do besides: at the vendor's
// repository, and, where the role is none of the world's, by its own policies with
// another repository or log group: one of its account, or one whose name begins alike.
func (a *amazon) beyondPull(role iam.Role) error {
	repository, attached, err := a.repositoryPolicy()
	if err != nil {
		return err
	}
	var tries []iam.Access
	for _, action := range forbidden {
		tries = append(tries, iam.Access{Action: action, Resource: repository.ARN(), Account: a.vendor.Account, Policy: attached})
	}
	if a.refreshes() || a.onECS() {
		for _, action := range slices.Concat(pullActions, forbidden) {
			tries = append(tries, iam.Access{Action: action, Resource: a.home.ARN("ecr", "repository/"+ownName)},
				iam.Access{Action: action, Resource: repository.ARN() + ofAnother, Account: a.vendor.Account})
		}
	}
	if a.onECS() {
		tries = append(tries, a.otherSecrets()...)
		for _, group := range []string{ownName, a.logGroup + ofAnother} {
			tries = append(tries, iam.Access{Action: "logs:PutLogEvents", Resource: a.home.ARN("logs", "log-group:"+group+":log-stream:"+ownName)})
		}
	}
	return a.mayNone(role, tries)
}

// mayNone is refused where the role may do none of what is tried.
func (a *amazon) mayNone(role iam.Role, tries []iam.Access) (last error) {
	for _, try := range tries {
		decision, err := a.Cloud.IAM.Authorize(iam.NewSession(role, sessionName), try)
		if err != nil {
			return err
		}
		if decision.Allowed {
			return allowed(fmt.Sprintf("it may %s on %s", try.Action, try.Resource))
		}
		last = &refused{hopRegistry, firstLine(decision.Reason())}
	}
	return last
}

// otherSecrets are secrets that no variable of the task comes from: some of the account,
// and those whose names begin like the task's.
func (a *amazon) otherSecrets() []iam.Access {
	tries := []iam.Access{
		{Action: "secretsmanager:GetSecretValue", Resource: a.home.ARN("secretsmanager", "secret:"+ownName+sixCharacters)},
		{Action: "ssm:GetParameters", Resource: a.home.ARN("ssm", "parameter/"+ownName)},
		{Action: "kms:Decrypt", Resource: a.home.ARN("kms", "key/"+ownName)},
	}
	for _, account := range a.World.AWS.Accounts {
		for _, secret := range account.Secrets {
			if strings.Contains(secret.ARN, ":ssm:") {
				tries = append(tries, iam.Access{Action: "ssm:GetParameters", Resource: secret.ARN + ofAnother})
				continue
			}
			name := secret.ARN[:len(secret.ARN)-len(sixCharacters)]
			tries = append(tries, iam.Access{Action: "secretsmanager:GetSecretValue", Resource: name + ofAnother + sixCharacters})
		}
	}
	return tries
}

// sixCharacters are like those that Secrets Manager adds to a name, after a hyphen.
const sixCharacters = "-a1b2c3"
