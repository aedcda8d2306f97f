package gcp

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

type accountInputs struct {
	Project     string `json:"project"`
	ID          string `json:"accountId"`
	DisplayName string `json:"displayName"`
	Description string `json:"description"`
	Disabled    bool   `json:"disabled"`
	Adopt       bool   `json:"createIgnoreAlreadyExists"`
}

func accountType() provider.Type[*Client] {
	return provider.Type[*Client]{
		Tok:       "gcp:serviceaccount/account:Account",
		Args:      serviceaccount.AccountArgs{}.ElementType(),
		Computed:  []string{"email", "member", "name", "project", "uniqueId"},
		Settled:   []string{"email", "member", "name", "project", "uniqueId"},
		Immutable: []string{"accountId", "project"},
		Complete:  placed,
		Defaults:  map[string]any{"createIgnoreAlreadyExists": false, "disabled": false},
		Adopted:   func(outputs map[string]any) string { return fmt.Sprint(outputs["name"]) },
		Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
			var found []plugin.CheckFailure
			if inputs.HasValue("accountId") {
				found = failures("accountId", checkAccountID(provider.Text(inputs, "accountId")))
			}
			return append(found, failures("description", checkAccountTexts("", provider.Text(inputs, "description")))...)
		},
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			var inputs accountInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return "", nil, err
			}
			account, err := client.createAccount(inputs.Project,
				Account{ID: inputs.ID, DisplayName: inputs.DisplayName, Description: inputs.Description}, inputs.Adopt)
			if err != nil {
				return "", nil, creating("service account", err)
			}
			return account.Name(), accountOutputs(account, inputs.Adopt), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			account, err := client.getAccount(emailOf(id))
			if err != nil {
				return nil, unlessGone(err)
			}
			adopt := state["createIgnoreAlreadyExists"]
			return accountOutputs(account, adopt.IsBool() && adopt.BoolValue()), nil
		},
		Update: func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			var inputs accountInputs
			if err := provider.Decode(properties, &inputs); err != nil {
				return nil, err
			}
			account, err := client.updateAccount(emailOf(id), inputs.DisplayName, inputs.Description, inputs.Disabled)
			if err != nil {
				return nil, fmt.Errorf("Error retrieving service account %q: %w", id, err)
			}
			return accountOutputs(account, inputs.Adopt), nil
		},
		Delete: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) error {
			return unlessGone(client.deleteAccount(emailOf(id)))
		},
	}
}

func accountOutputs(account Account, adopt bool) map[string]any {
	outputs := map[string]any{
		"accountId": account.ID,
		"disabled":  account.Disabled,
		"email":     account.Email(),
		"member":    "serviceAccount:" + account.Email(),
		"name":      account.Name(),
		"project":   account.Project,
		"uniqueId":  account.UniqueID,
	}
	if adopt {
		outputs["createIgnoreAlreadyExists"] = true
	}
	optional(outputs, "displayName", account.DisplayName)
	optional(outputs, "description", account.Description)
	return outputs
}
