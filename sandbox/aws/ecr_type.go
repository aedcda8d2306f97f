package aws

import (
	"context"
	"fmt"
	"slices"

	pulumiecr "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ecr"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/provider"
)

type repositoryInputs struct {
	ecr.Settings
	Force bool `json:"forceDelete"`
}

func repositoryType() provider.Type[*Client] {
	return tagged("ECR", "CreateRepository", "TagResource", provider.Kind[*Client, repositoryInputs, ecr.Repository]{
		Type: provider.Type[*Client]{
			Tok:       "aws:ecr/repository:Repository",
			Args:      pulumiecr.RepositoryArgs{}.ElementType(),
			Computed:  []string{"arn", "registryId", "repositoryUrl", "tagsAll"},
			Settled:   []string{"arn", "registryId", "repositoryUrl"},
			Immutable: []string{"encryptionConfigurations", "name"},
			Defaults: map[string]any{
				"encryptionConfigurations":   []any{map[string]any{"encryptionType": "AES256"}},
				"forceDelete":                false,
				"imageScanningConfiguration": map[string]any{"scanOnPush": false},
				"imageTagMutability":         ecr.Mutable,
			},
			DeleteFirst: true,
			Name:        "name",
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				mutability := provider.Text(inputs, "imageTagMutability")
				if inputs.HasValue("imageTagMutability") && mutability != ecr.Mutable && mutability != ecr.Immutable {
					return []plugin.CheckFailure{failure("imageTagMutability", "expected image_tag_mutability to be one of [\"MUTABLE\" \"IMMUTABLE\"], got %s", mutability)}
				}
				return nil
			},
		},
		Noun: "ECR Repository",
		Word: func(doing, noun, id string, err error) error {
			if fault.Has(err, ecr.NotEmpty) {
				return fmt.Errorf("ECR Repository (%s) not empty, consider using force_delete: %w", id, err)
			}
			return failed(doing, noun, id, err)
		},
		Subject: func(inputs repositoryInputs) string { return inputs.Name },
		Make: func(_ context.Context, client *Client, inputs repositoryInputs) (string, ecr.Repository, error) {
			repository, err := client.cloud.ECR.Create(client.Place, inputs.Settings)
			return repository.Name, repository, err
		},
		Find: func(client *Client, id string, _ repositoryInputs) (ecr.Repository, error) {
			return client.cloud.ECR.Get(client.Place, id)
		},
		Change: func(_ context.Context, client *Client, _ string, inputs repositoryInputs) (ecr.Repository, error) {
			return client.cloud.ECR.Update(client.Place, inputs.Settings)
		},
		Remove: func(_ context.Context, client *Client, id string, known repositoryInputs) error {
			return client.cloud.ECR.Delete(client.Place, id, known.Force)
		},
		Show: (*Client).repositoryOutputs,
	})
}

func (c *Client) repositoryOutputs(repository ecr.Repository, inputs repositoryInputs) map[string]any {
	outputs := provider.Encode(repository.Settings)
	outputs["arn"], outputs["registryId"], outputs["repositoryUrl"] = repository.ARN(), repository.Account, repository.URI()
	if inputs.Force {
		outputs["forceDelete"] = true
	}
	return outputs
}

type attachedInputs struct {
	Repository string `json:"repository"`
	Policy     string `json:"policy"`
}

// attachedType completes the type of a document that belongs to a repository,
// one of a kind for each. The ID is the repository's name.
func attachedType(
	base provider.Type[*Client], noun string, read func(*Client, ecr.Repository) string,
	put func(*Client, string, string) (ecr.Repository, error), remove func(*Client, string) error,
) provider.Type[*Client] {
	base.Required = []string{"policy"}
	base.Computed, base.Settled = []string{"registryId"}, []string{"registryId"}
	base.Same = samePolicyIn("policy")
	base.Validate = func(inputs resource.PropertyMap) []plugin.CheckFailure { return asJSON(inputs, "policy") }
	kind := provider.Kind[*Client, attachedInputs, ecr.Repository]{
		Type: base, Noun: noun, Word: failed, Gone: gone,
		Subject: func(inputs attachedInputs) string { return inputs.Repository },
		Make: func(_ context.Context, client *Client, inputs attachedInputs) (string, ecr.Repository, error) {
			repository, err := put(client, inputs.Repository, inputs.Policy)
			return repository.Name, repository, err
		},
		Find: func(client *Client, id string, _ attachedInputs) (ecr.Repository, error) {
			repository, err := client.cloud.ECR.Get(client.Place, id)
			if err == nil && read(client, repository) == "" {
				err = errGone
			}
			return repository, err
		},
		Remove: func(_ context.Context, client *Client, id string, _ attachedInputs) error { return remove(client, id) },
		Show: func(client *Client, repository ecr.Repository, _ attachedInputs) map[string]any {
			return map[string]any{"policy": read(client, repository), "registryId": repository.Account, "repository": repository.Name}
		},
	}
	if !slices.Contains(base.Immutable, "policy") {
		kind.Word = putting
		kind.Change = func(_ context.Context, client *Client, id string, inputs attachedInputs) (ecr.Repository, error) {
			return put(client, id, inputs.Policy)
		}
	}
	return kind.Resource()
}

func repositoryPolicyType() provider.Type[*Client] {
	return attachedType(provider.Type[*Client]{
		Tok:       "aws:ecr/repositoryPolicy:RepositoryPolicy",
		Args:      pulumiecr.RepositoryPolicyArgs{}.ElementType(),
		Immutable: []string{"repository"},
	}, "ECR Repository Policy",
		func(_ *Client, repository ecr.Repository) string { return repository.PolicyText() },
		func(client *Client, name, text string) (ecr.Repository, error) {
			return client.cloud.ECR.SetPolicy(client.Place, name, text)
		},
		func(client *Client, name string) error { return client.cloud.ECR.DeletePolicy(client.Place, name) })
}

// lifecyclePolicyType replaces on every change, the old one first, as the real
// provider does.
func lifecyclePolicyType() provider.Type[*Client] {
	return attachedType(provider.Type[*Client]{
		Tok:         "aws:ecr/lifecyclePolicy:LifecyclePolicy",
		Args:        pulumiecr.LifecyclePolicyArgs{}.ElementType(),
		Immutable:   []string{"policy", "repository"},
		DeleteFirst: true,
	}, "ECR Lifecycle Policy",
		func(_ *Client, repository ecr.Repository) string { return repository.Lifecycle },
		func(client *Client, name, text string) (ecr.Repository, error) {
			return client.cloud.ECR.PutLifecycle(client.Place, name, text)
		},
		func(client *Client, name string) error { return client.cloud.ECR.DeleteLifecycle(client.Place, name) })
}
