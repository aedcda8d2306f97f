package gcp

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"strings"

	"waybill.example/waybill/sandbox/state"
)

// MaxAccounts is how many service accounts a project holds by default
// (docs/facts.md §3).
const MaxAccounts = 100

// AccountSettings are what a caller sets.
type AccountSettings struct {
	ID          string `json:"accountId"`
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled"`
}

// Account is a service account.
type Account struct {
	// Project is the project's ID.
	Project string `json:"project"`
	AccountSettings
	// UniqueID is a number of 21 digits that is never used again, so that an
	// account that is deleted and made again is another one to every policy.
	UniqueID string `json:"uniqueId"`
	// Policy says who may use the account.
	Policy Policy `json:"policy"`
}

// Email names the account.
func (a Account) Email() string { return accountEmail(a.Project, a.ID) }

// Name is the resource name.
func (a Account) Name() string { return "projects/" + a.Project + "/serviceAccounts/" + a.Email() }

func accountEmail(project, id string) string {
	if defaultAccountID.MatchString(id) {
		return id + "@developer.gserviceaccount.com"
	}
	return id + "@" + project + ".iam.gserviceaccount.com"
}

// defaultAccountID is that of Compute Engine's default account, which Google makes
// (https://cloud.google.com/compute/docs/access/service-accounts#default_service_account).
var defaultAccountID = regexp.MustCompile(`^[0-9]+-compute$`)

// accountID is the rule of docs/facts.md §3, 6 to 30 characters.
var accountID = regexp.MustCompile(`^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$`)

func checkAccountID(id string) []string {
	if accountID.MatchString(id) {
		return nil
	}
	return []string{fmt.Sprintf("%q must have 6 to 30 characters and match the regular expression [a-z]([-a-z0-9]*[a-z0-9])", id)}
}

// checkAccountTexts applies the limits, in bytes, of
// https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
func checkAccountTexts(displayName, description string) []string {
	var messages []string
	if len(displayName) > 100 {
		messages = append(messages, fmt.Sprintf("The display name has %d bytes: at most 100 are allowed", len(displayName)))
	}
	if len(description) > 256 {
		messages = append(messages, fmt.Sprintf("The description has %d bytes: at most 256 are allowed", len(description)))
	}
	return messages
}

func (c *Client) createAccount(project string, settings AccountSettings) (Account, error) {
	owner, err := c.use(project, iamAPI)
	if err != nil {
		return Account{}, err
	}
	if err := problems(append(checkAccountID(settings.ID), checkAccountTexts(settings.DisplayName, settings.Description)...)); err != nil {
		return Account{}, err
	}
	// Google ignores the field when it creates an account.
	settings.Disabled = false
	account := Account{Project: owner.ID, AccountSettings: settings, UniqueID: uniqueID()}
	err = c.cloud.store.Update(func(held *contents) error {
		if _, taken := held.Accounts[account.Email()]; taken {
			return &Error{Code: http.StatusConflict, Message: fmt.Sprintf("Service account %s already exists within project projects/%s.", account.ID, owner.ID)}
		}
		count := 0
		for _, other := range held.Accounts {
			if other.Project == owner.ID {
				count++
			}
		}
		if count >= MaxAccounts {
			return &Error{Code: http.StatusTooManyRequests, Message: "Maximum number of service accounts on project reached."}
		}
		held.Accounts[account.Email()] = account
		c.cloud.fresh.Made(account.Email(), c.cloud.now())
		return nil
	})
	return account, err
}

// uniqueID is a random number of 21 digits, as Google's are.
func uniqueID() string {
	// It never fails: https://pkg.go.dev/crypto/rand#Read
	number, _ := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil))
	return fmt.Sprintf("1%020d", number)
}

func (c *Client) getAccount(email string) (Account, error) {
	account, found := c.cloud.Account(email)
	if !found {
		return Account{}, accountNotFound(email)
	}
	if _, err := c.use(account.Project, iamAPI); err != nil {
		return Account{}, err
	}
	return account, nil
}

func (held contents) accounts() map[string]Account { return held.Accounts }

func accountNotFound(email string) error {
	return &Error{Code: http.StatusNotFound, Message: fmt.Sprintf("Unknown service account: %s", email)}
}

func (c *Client) updateAccount(email string, settings AccountSettings) (Account, error) {
	if _, err := c.getAccount(email); err != nil {
		return Account{}, err
	}
	if err := problems(checkAccountTexts(settings.DisplayName, settings.Description)); err != nil {
		return Account{}, err
	}
	return state.Edit(c.cloud.store, contents.accounts, email, accountNotFound(email), func(_ contents, current *Account) error {
		current.AccountSettings = settings
		return nil
	})
}

// deleteAccount deletes an account. In every policy it stays as a deleted
// member with its unique ID, which an account of the same name does not match:
// https://cloud.google.com/iam/docs/service-account-overview#deleted-members
func (c *Client) deleteAccount(email string) error {
	account, err := c.getAccount(email)
	if err != nil {
		return err
	}
	member := "serviceAccount:" + email
	return c.cloud.store.Update(func(held *contents) error {
		delete(held.Accounts, email)
		for name, other := range held.Accounts {
			other.Policy = other.Policy.renamed(member, "deleted:"+member+"?uid="+account.UniqueID)
			held.Accounts[name] = other
		}
		for name, repository := range held.Repositories {
			repository.Policy = repository.Policy.renamed(member, "deleted:"+member+"?uid="+account.UniqueID)
			held.Repositories[name] = repository
		}
		return nil
	})
}

// emailOf reads the ways to write a service account: the email, or a resource
// name that ends in it.
func emailOf(account string) string {
	return account[strings.LastIndex(account, "/")+1:]
}
