package iam

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam/policy"
	"waybill.example/waybill/sandbox/state"
)

// ManagedPolicy is a customer managed policy.
type ManagedPolicy struct {
	Account string `json:"account"`
	ARN     string `json:"arn"`
	// ID is the unique ID, ANPA….
	ID string `json:"id"`
	PolicySettings
}

// PolicySettings are what CreatePolicy takes. The json names are those of the Pulumi
// type's properties.
type PolicySettings struct {
	Name string `json:"name"`
	// Path begins and ends with a slash; empty means "/".
	Path        string `json:"path"`
	Description string `json:"description,omitempty"`
	// Document is the policy, JSON.
	Document string            `json:"policy"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// CreatePolicy makes a managed policy. Names are compared in any case and
// without the path.
func (a *Account) CreatePolicy(settings PolicySettings) (_ ManagedPolicy, err error) {
	defer api.During("CreatePolicy", &err)
	settings.Path = cmp.Or(settings.Path, "/")
	var c fault.Checker
	c.Text("policyName", settings.Name, 1, MaxPolicyName, nameForm)
	c.Text("path", settings.Path, 1, 512, pathForm)
	c.Text("description", settings.Description, 0, 1000, descriptionForm)
	if err := c.Err(); err != nil {
		return ManagedPolicy{}, err
	}
	if err := a.checkManaged(settings.Document); err != nil {
		return ManagedPolicy{}, err
	}
	made := ManagedPolicy{
		Account: a.ID, ARN: a.arn("policy" + settings.Path + settings.Name), ID: uniqueID("ANPA"), PolicySettings: settings,
	}
	err = a.cloud.store.Update(func(held *contents) error {
		for _, other := range held.Policies {
			if other.Account == a.ID && strings.EqualFold(other.Name, settings.Name) {
				return alreadyExists("A policy called %s already exists. Duplicate names are not allowed.", settings.Name)
			}
		}
		held.Policies[made.ARN] = made
		return nil
	})
	return made, err
}

func (a *Account) checkManaged(text string) error {
	if err := checkDocument(a.Partition, text); err != nil {
		return err
	}
	if size(text) > MaxManagedPolicy {
		return limitExceeded("Cannot exceed quota for PolicySize: %d", MaxManagedPolicy)
	}
	return nil
}

// Policy finds a managed policy of the account, or one of AWS, by its ARN.
func (a *Account) Policy(arn string) (_ ManagedPolicy, err error) {
	defer api.During("GetPolicy", &err)
	found, exists := a.cloud.store.Read().policy(a.ID, a.Partition, arn)
	if !exists {
		return ManagedPolicy{}, noSuchEntity("Policy %s was not found.", arn)
	}
	return found, nil
}

func (held contents) policies() map[string]ManagedPolicy { return held.Policies }

// policy finds what a role of an account can have attached.
func (held contents) policy(account, partition, arn string) (ManagedPolicy, bool) {
	if found, exists := held.Policies[arn]; exists && found.Account == account {
		return found, true
	}
	path, isAWS := strings.CutPrefix(arn, "arn:"+partition+":iam::aws:policy/")
	text, exists := awsPolicies[path]
	if !isAWS || !exists {
		return ManagedPolicy{}, false
	}
	return ManagedPolicy{Account: "aws", ARN: arn, PolicySettings: PolicySettings{
		Name: path[strings.LastIndex(path, "/")+1:], Path: "/" + path[:strings.LastIndex(path, "/")+1], Document: text,
	}}, true
}

func (a *Account) attachable(held contents, arn string) error {
	if _, exists := held.policy(a.ID, a.Partition, arn); !exists {
		return noSuchEntity("Policy %s does not exist or is not attachable.", arn)
	}
	return nil
}

// UpdatePolicy replaces the document of a managed policy, a new default version, and
// its tags.
func (a *Account) UpdatePolicy(arn, text string, tags map[string]string) (_ ManagedPolicy, err error) {
	defer api.During("CreatePolicyVersion", &err)
	if err := a.checkManaged(text); err != nil {
		return ManagedPolicy{}, err
	}
	missing := noSuchEntity("Policy %s was not found.", arn)
	return state.Edit(a.cloud.store, contents.policies, arn, missing, func(_ contents, p *ManagedPolicy) error {
		if p.Account != a.ID {
			return missing
		}
		p.Document, p.Tags = text, tags
		return nil
	})
}

// DeletePolicy deletes a managed policy that nothing uses.
func (a *Account) DeletePolicy(arn string) (err error) {
	defer api.During("DeletePolicy", &err)
	return a.cloud.store.Update(func(held *contents) error {
		if existing, exists := held.Policies[arn]; !exists || existing.Account != a.ID {
			return noSuchEntity("Policy %s was not found.", arn)
		}
		for _, role := range held.Roles {
			if role.Boundary == arn || slices.Contains(role.Attached, arn) {
				return deleteConflict("Cannot delete a policy attached to entities.")
			}
		}
		delete(held.Policies, arn)
		return nil
	})
}

// awsPolicies are the policies of AWS that concern images, by path and name:
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
var awsPolicies = map[string]string{
	"service-role/AmazonECSTaskExecutionRolePolicy": allowing(
		"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
		"logs:CreateLogStream", "logs:PutLogEvents"),
	"AmazonEC2ContainerRegistryPullOnly": allowing(
		"ecr:GetAuthorizationToken", "ecr:BatchImportUpstreamImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
	"AmazonEC2ContainerRegistryReadOnly": allowing(
		"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:GetRepositoryPolicy",
		"ecr:DescribeRepositories", "ecr:ListImages", "ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetLifecyclePolicy",
		"ecr:GetLifecyclePolicyPreview", "ecr:ListTagsForResource", "ecr:DescribeImageScanFindings"),
}

// allowing is a policy with one statement on every resource.
func allowing(actions ...string) string {
	text, err := json.Marshal(map[string]any{
		"Version":   policy.Version2012,
		"Statement": []any{map[string]any{"Effect": policy.Allow, "Action": actions, "Resource": "*"}},
	})
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return string(text)
}
