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
	Project string `json:"project"`
	AccountSettings
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
			account, err := client.createAccount(inputs.Project, inputs.AccountSettings)
			return account.Name(), account, err
		},
		Find: func(client *Client, id string, _ accountInputs) (Account, error) {
			return client.getAccount(emailOf(id))
		},
		Change: func(_ context.Context, client *Client, id string, inputs accountInputs) (Account, error) {
			return client.updateAccount(emailOf(id), inputs.AccountSettings)
		},
		Remove: func(_ context.Context, client *Client, id string, _ accountInputs) error {
			return client.deleteAccount(emailOf(id))
		},
		Show: func(_ *Client, account Account, _ accountInputs) map[string]any { return accountOutputs(account) },
	}.Resource()
}

func accountOutputs(account Account) map[string]any {
	outputs := provider.Encode(accountInputs{account.Project, account.AccountSettings})
	outputs["email"], outputs["member"] = account.Email(), "serviceAccount:"+account.Email()
	outputs["name"], outputs["uniqueId"] = account.Name(), account.UniqueID
	return outputs
}
