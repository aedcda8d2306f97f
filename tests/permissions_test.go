package tests_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// permissions are the actions that the AWS provider calls for a resource or a
// look-up: what a preview reads, what an update writes besides, and what an option
// adds to either, by the option's key in the configuration. They are read in its
// source at the version that the SDK bridges,
// https://github.com/hashicorp/terraform-provider-aws/tree/v5.100.0/internal/service.
type permissions struct {
	reads, writes []string
	options       map[string]permissions
}

var amazonPermissions = map[string]map[string]permissions{
	"vendor's AWS account": {
		"aws:ecr/repository:Repository": {
			reads: []string{"ecr:DescribeRepositories", "ecr:ListTagsForResource"},
			writes: []string{
				"ecr:CreateRepository", "ecr:DeleteRepository", "ecr:PutImageTagMutability", "ecr:PutImageScanningConfiguration",
				"ecr:TagResource", "ecr:UntagResource",
			},
			options: map[string]permissions{
				"aws.vendor.repository.kmsKey":   {writes: []string{"kms:DescribeKey", "kms:CreateGrant"}},
				"aws.vendor.repository.existing": {reads: []string{"cloudformation:GetResource"}},
			},
		},
		"aws:ecr/repositoryPolicy:RepositoryPolicy": {
			reads: []string{"ecr:GetRepositoryPolicy"}, writes: []string{"ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy"},
		},
		"aws:ecr/lifecyclePolicy:LifecyclePolicy": {
			reads: []string{"ecr:GetLifecyclePolicy"}, writes: []string{"ecr:PutLifecyclePolicy", "ecr:DeleteLifecyclePolicy"},
		},
		// Asked by updates alone.
		"aws:ecr/getImage:getImage": {writes: []string{"ecr:DescribeImages"}},
	},
	"customer's AWS account, EKS": {
		"aws:iam/role:Role": {
			reads: []string{"iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"},
			writes: []string{
				"iam:CreateRole", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy", "iam:DeleteRole",
				"iam:ListInstanceProfilesForRole", "iam:TagRole", "iam:UntagRole",
			},
			options: map[string]permissions{
				"eks.role.permissionsBoundary": {writes: []string{"iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary"}},
			},
		},
		"aws:iam/policy:Policy": {
			reads: []string{"iam:GetPolicy", "iam:GetPolicyVersion"},
			writes: []string{
				"iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:ListPolicyVersions", "iam:DeletePolicyVersion", "iam:DeletePolicy",
				"iam:TagPolicy", "iam:UntagPolicy",
			},
		},
		"aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
			reads: []string{"iam:ListAttachedRolePolicies"}, writes: []string{"iam:AttachRolePolicy", "iam:DetachRolePolicy"},
		},
		"aws:iam/rolePolicy:RolePolicy": {options: map[string]permissions{
			"eks.role.inline": {reads: []string{"iam:GetRolePolicy"}, writes: []string{"iam:PutRolePolicy", "iam:DeleteRolePolicy"}},
		}},
		"aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
			reads: []string{"iam:GetOpenIDConnectProvider"},
			options: map[string]permissions{
				"eks.oidcProvider.existing": {writes: []string{
					"iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", "iam:UntagOpenIDConnectProvider",
				}},
				"eks.oidcProvider.protect": {writes: []string{"iam:DeleteOpenIDConnectProvider"}},
			},
		},
		"aws:eks/podIdentityAssociation:PodIdentityAssociation": {options: map[string]permissions{"eks.trust": {
			reads: []string{"eks:DescribePodIdentityAssociation"},
			writes: []string{
				"eks:CreatePodIdentityAssociation", "eks:UpdatePodIdentityAssociation", "eks:DeletePodIdentityAssociation",
				"eks:TagResource", "eks:UntagResource", "iam:PassRole",
			},
		}}},
		"aws:eks/getCluster:getCluster": {reads: []string{"eks:DescribeCluster"}},
	},
	"vendor's AWS account, cluster outside AWS": {
		"aws:iam/openIdConnectProvider:OpenIdConnectProvider": {
			reads: []string{"iam:GetOpenIDConnectProvider"},
			writes: []string{
				"iam:CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", "iam:UntagOpenIDConnectProvider",
			},
			options: map[string]permissions{
				"aws.vendor.oidcProvider.protect": {writes: []string{"iam:DeleteOpenIDConnectProvider"}},
			},
		},
	},
	"customer's AWS account, ECS": {
		"aws:ecs/taskDefinition:TaskDefinition": {
			reads: []string{"ecs:DescribeTaskDefinition"}, writes: []string{"ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "iam:PassRole"},
		},
		"aws:ecs/service:Service": {
			reads: []string{"ecs:DescribeServices"},
			writes: []string{
				"ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService", "ecs:TagResource", "ecs:UntagResource",
			},
		},
		"aws:cloudwatch/logGroup:LogGroup": {
			reads: []string{"logs:DescribeLogGroups", "logs:ListTagsForResource"},
			writes: []string{
				"logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:DeleteLogGroup", "logs:TagResource", "logs:UntagResource",
				// The component's Logs.KMSKey.
				"logs:AssociateKmsKey", "logs:DisassociateKmsKey",
			},
		},
	},
}

var actionInText = regexp.MustCompile("`((?:ecr|kms|cloudformation|iam|eks|ecs|logs):[A-Za-z]+)`")

// The page lists what the program's resources and options need, and nothing else.
func TestThePermissionsOnAWSAreThoseOfTheResources(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "ci.md"))
	require.NoError(t, err)
	keys, err := os.ReadFile(filepath.Join("..", "docs", "configuration.md"))
	require.NoError(t, err)
	known := map[string]bool{}
	for row, resources := range amazonPermissions {
		var line string
		for candidate := range strings.Lines(string(text)) {
			if strings.HasPrefix(candidate, "| "+row+" |") {
				line = candidate
			}
		}
		cells := strings.Split(line, " | ")
		require.Len(t, cells, 3, row)
		want := [2]map[string]bool{{}, {}}
		add := func(p permissions) {
			for i, actions := range [][]string{p.reads, p.writes} {
				for _, action := range actions {
					want[i][action] = true
				}
			}
		}
		for resource, p := range resources {
			known[resource] = true
			add(p)
			for key, option := range p.options {
				assert.Contains(t, string(keys), "`"+key+"`", "an option of %s that the configuration does not have", resource)
				add(option)
			}
		}
		for i, cell := range cells[1:] {
			got := map[string]bool{}
			for _, match := range actionInText.FindAllStringSubmatch(cell, -1) {
				got[match[1]] = true
			}
			assert.Equal(t, slices.Sorted(maps.Keys(want[i])), slices.Sorted(maps.Keys(got)), "%s, column %d", row, i+2)
		}
	}
	for name, f := range families() {
		for of, kind := range f.children {
			if strings.HasPrefix(kind, "aws:") {
				assert.True(t, known[kind], "%s: %s: %s: no permissions are listed for it", name, of, kind)
			}
		}
	}
}
