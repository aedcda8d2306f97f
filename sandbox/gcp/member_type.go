package gcp

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

// grant is one member with one role on one resource.
type grant struct {
	Member     string `json:"member"`
	Role       string `json:"role"`
	Account    string `json:"serviceAccountId"`
	Project    string `json:"project"`
	Location   string `json:"location"`
	Repository string `json:"repository"`
}

// accountMemberType grants a role on a service account.
func accountMemberType() provider.Type[*Client] {
	return memberType(provider.Type[*Client]{
		Tok:       "gcp:serviceaccount/iAMMember:IAMMember",
		Args:      serviceaccount.IAMMemberArgs{}.ElementType(),
		Computed:  []string{"etag"},
		Immutable: []string{"condition", "member", "role", "serviceAccountId"},
	}, func(client *Client, wish grant) (holder, map[string]any, error) {
		account, err := client.getAccount(emailOf(wish.Account))
		if err == nil && client.cloud.fresh.Missing(account.Email(), "policy "+wish.Role+" "+wish.Member, client.cloud.now()) {
			err = accountNotFound(account.Email())
		}
		if err != nil {
			return holder{}, nil, fmt.Errorf("Error retrieving IAM policy for service account '%s': %w", wish.Account, err)
		}
		return accountHolder(account), map[string]any{"serviceAccountId": account.Name()}, nil
	})
}

// repositoryMemberType grants a role on a repository.
func repositoryMemberType() provider.Type[*Client] {
	return memberType(provider.Type[*Client]{
		Tok:       "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
		Args:      artifactregistry.RepositoryIamMemberArgs{}.ElementType(),
		Computed:  []string{"etag", "location", "project"},
		Immutable: []string{"condition", "location", "member", "project", "repository", "role"},
		Complete: func(client *Client, inputs resource.PropertyMap) map[string]string {
			supplied := located(client, inputs)
			if strings.HasPrefix(provider.Text(inputs, "repository"), "projects/") {
				// A full name says where the repository is.
				return nil
			}
			return supplied
		},
		Same: func(property resource.PropertyKey, old, new resource.PropertyValue) bool {
			return property == "repository" && old.IsString() && new.IsString() && sameRepository(old.StringValue(), new.StringValue())
		},
	}, func(client *Client, wish grant) (holder, map[string]any, error) {
		project, location, id := parseRepository(wish.Repository, cmp.Or(wish.Project, client.project), cmp.Or(wish.Location, client.region))
		repository, err := client.getRepository(project, location, id)
		if err != nil {
			return holder{}, nil, fmt.Errorf("Error retrieving IAM policy for artifactregistry repository %q: %w", repositoryName(project, location, id), err)
		}
		return repositoryHolder(repository), map[string]any{
			"repository": repository.ResourceName(), "project": repository.Project, "location": repository.Location,
		}, nil
	})
}

// sameRepository says whether a short and a full name may mean one repository.
func sameRepository(a, b string) bool {
	return a == b || strings.HasSuffix(a, "/"+b) || strings.HasSuffix(b, "/"+a)
}

// memberType completes a type that grants one role to one member. Find returns
// the resource and the outputs that name it.
func memberType(base provider.Type[*Client], find func(*Client, grant) (holder, map[string]any, error)) provider.Type[*Client] {
	base.Unmodelled = []resource.PropertyKey{"condition"}
	base.Validate = func(inputs resource.PropertyMap) []plugin.CheckFailure {
		var found []plugin.CheckFailure
		member := provider.Text(inputs, "member")
		switch {
		case !inputs.HasValue("member"):
		case strings.HasPrefix(member, "deleted:"):
			found = append(found, plugin.CheckFailure{Property: "member", Reason: "member: a deleted principal cannot be granted a role"})
		case !strings.Contains(member, ":") && member != "allUsers" && member != "allAuthenticatedUsers":
			found = append(found, plugin.CheckFailure{
				Property: "member",
				Reason:   fmt.Sprintf("member: invalid value %q (IAM members must have one of the values outlined here: https://cloud.google.com/billing/docs/reference/rest/v1/Policy#Binding)", member),
			})
		}
		return found
	}
	base.Adopted = func(outputs map[string]any) string {
		of := outputs["serviceAccountId"]
		if of == nil {
			of = outputs["repository"]
		}
		return fmt.Sprintf("%s/%s/%s", of, outputs["role"], outputs["member"])
	}
	return provider.Kind[*Client, grant, map[string]any]{
		Type: base,
		Word: func(_, _, _ string, err error) error { return err }, Gone: isNotFound,
		Make: func(_ context.Context, client *Client, wish grant) (string, map[string]any, error) {
			of, outputs, err := find(client, wish)
			if err != nil {
				return "", nil, err
			}
			wish.Member = normalMember(wish.Member)
			policy, err := client.cloud.modifyPolicy(of, func(p *Policy) { p.add(wish.Role, wish.Member) })
			return of.name + "/" + wish.Role + "/" + wish.Member, wish.complete(outputs, policy), err
		},
		Find: func(client *Client, id string, known grant) (map[string]any, error) {
			if parts := strings.Fields(id); known.Member == "" {
				if len(parts) != 3 {
					return nil, fmt.Errorf("ID %q: want the resource's name, a role and a member, separated by spaces", id)
				}
				known = grant{Account: parts[0], Repository: parts[0], Role: parts[1], Member: parts[2]}
			}
			of, outputs, err := find(client, known)
			if err != nil {
				return nil, err
			}
			known.Member = normalMember(known.Member)
			policy, err := client.cloud.getPolicy(of)
			if err == nil && !policy.Grants(known.Role, known.Member) {
				err = notFound()
			}
			return known.complete(outputs, policy), err
		},
		Remove: func(_ context.Context, client *Client, _ string, known grant) error {
			of, _, err := find(client, known)
			if err == nil {
				_, err = client.cloud.modifyPolicy(of, func(p *Policy) { p.remove(known.Role, normalMember(known.Member)) })
			}
			return err
		},
		Show: func(_ *Client, outputs map[string]any, _ grant) map[string]any { return outputs },
	}.Resource()
}

// complete adds what is granted to the outputs that name the resource.
func (g grant) complete(outputs map[string]any, policy Policy) map[string]any {
	outputs["role"], outputs["member"], outputs["etag"] = g.Role, g.Member, policy.Etag()
	return outputs
}
