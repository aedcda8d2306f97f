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
}

func accountType() provider.Type[*Client] {
	return provider.Kind[*Client, accountInputs, Account]{
		Type: provider.Type[*Client]{
			Tok:        "gcp:serviceaccount/account:Account",
			Args:       serviceaccount.AccountArgs{}.ElementType(),
			Computed:   []string{"email", "member", "name", "project", "uniqueId"},
			Settled:    []string{"email", "member", "name", "project", "uniqueId"},
			Immutable:  []string{"accountId", "project"},
			Complete:   placed,
			Unmodelled: []resource.PropertyKey{"createIgnoreAlreadyExists"},
			Defaults:   map[string]any{"disabled": false},
			Adopted:    func(outputs map[string]any) string { return fmt.Sprint(outputs["name"]) },
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				var found []plugin.CheckFailure
				if inputs.HasValue("accountId") {
					found = failures("accountId", checkAccountID(provider.Text(inputs, "accountId")))
				}
				return append(found, failures("description", checkAccountTexts("", provider.Text(inputs, "description")))...)
			},
		},
		Noun: "service account", Word: worded, Gone: isNotFound,
		Make: func(_ context.Context, client *Client, inputs accountInputs) (string, Account, error) {
			account, err := client.createAccount(inputs.Project,
				Account{ID: inputs.ID, DisplayName: inputs.DisplayName, Description: inputs.Description})
			return account.Name(), account, err
		},
		Find: func(client *Client, id string, _ accountInputs) (Account, error) {
			return client.getAccount(emailOf(id))
		},
		Change: func(_ context.Context, client *Client, id string, inputs accountInputs) (Account, error) {
			return client.updateAccount(emailOf(id), inputs.DisplayName, inputs.Description, inputs.Disabled)
		},
		Remove: func(_ context.Context, client *Client, id string, _ accountInputs) error {
			return client.deleteAccount(emailOf(id))
		},
		Show: func(_ *Client, account Account, _ accountInputs) map[string]any { return accountOutputs(account) },
	}.Resource()
}

func accountOutputs(account Account) map[string]any {
	outputs := map[string]any{
		"accountId": account.ID,
		"disabled":  account.Disabled,
		"email":     account.Email(),
		"member":    "serviceAccount:" + account.Email(),
		"name":      account.Name(),
		"project":   account.Project,
		"uniqueId":  account.UniqueID,
	}
	optional(outputs, "displayName", account.DisplayName)
	optional(outputs, "description", account.Description)
	return outputs
}
