package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/world"
)

// Client is the cloud as one configured provider resource sees it: as an
// administrator of one account, in one Region.
type Client struct {
	cloud *Cloud
	iam   *iam.Account
	arn.Place
}

// unmodelled are configuration keys that would change what the provider does
// and that the sandbox does not know. Those that only say where credentials come
// from, and how often a request is repeated, change nothing here.
var unmodelled = []string{"assumeRole", "assumeRoleWithWebIdentity", "defaultTags", "endpoints", "ignoreTags"}

// regionForm is what the real provider takes for a Region unless it is told not
// to validate.
var regionForm = regexp.MustCompile(`^(?:us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov)-(?:central|(?:north|south)(?:east|west)?|east|west)-[0-9]+$`)

func (c *Cloud) configure(config map[string]any) (*Client, error) {
	var problems []error
	for _, key := range unmodelled {
		if _, given := config[key]; given {
			problems = append(problems, provider.NotModelled(key))
		}
	}
	region, _ := config["region"].(string)
	skipped, _ := config["skipRegionValidation"].(bool)
	switch {
	case region == "":
		problems = append(problems, errors.New("Missing region information. Make sure you have set your AWS region, e.g. `pulumi config set aws:region us-west-2`.")) //nolint:staticcheck,revive // the provider's own words
	case !skipped && !regionForm.MatchString(region):
		problems = append(problems, fmt.Errorf("invalid AWS Region: %s", region))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	account, err := c.account(texts(config["allowedAccountIds"]), texts(config["forbiddenAccountIds"]))
	if err != nil {
		return nil, err
	}
	owner, err := c.IAM.Account(account.ID)
	if err != nil {
		return nil, err
	}
	if !owner.Enabled(region) {
		// As STS answers where an account has not enabled the Region, or belongs
		// to another partition.
		return nil, fault.API("STS").Refuse("GetCallerIdentity", http.StatusForbidden, "InvalidClientTokenId",
			"The security token included in the request is invalid (account %s has not enabled Region %s)", account.ID, region)
	}
	return &Client{cloud: c, iam: owner, Place: arn.Place{Account: account.ID, Region: region}}, nil
}

// account chooses whose administrator the provider is.
func (c *Cloud) account(allowed, forbidden []string) (world.AWSAccount, error) {
	accounts := c.world.Accounts
	if len(accounts) == 0 {
		return world.AWSAccount{}, errors.New("no valid credential sources found: the world has no AWS account (aws.accounts)")
	}
	if len(allowed) == 0 && len(accounts) > 1 {
		return world.AWSAccount{}, fmt.Errorf("allowedAccountIds: name the account: the world has %d, and only this key chooses between them", len(accounts))
	}
	var matching []world.AWSAccount
	for _, account := range accounts {
		if len(allowed) == 0 || slices.Contains(allowed, account.ID) {
			matching = append(matching, account)
		}
	}
	switch {
	case len(matching) > 1:
		return world.AWSAccount{}, fmt.Errorf("allowedAccountIds: name one account: %q has %d of the world's, and only this key chooses between them", allowed, len(matching))
	case len(matching) == 0:
		// The credentials are then those of the world's first account.
		return world.AWSAccount{}, notAllowed(accounts[0].ID)
	case slices.Contains(forbidden, matching[0].ID):
		return world.AWSAccount{}, notAllowed(matching[0].ID)
	}
	return matching[0], nil
}

func notAllowed(account string) error {
	return fmt.Errorf("AWS account ID not allowed: %s", account)
}

func texts(value any) []string {
	list, _ := value.([]any)
	result := make([]string, 0, len(list))
	for _, each := range list {
		result = append(result, fmt.Sprint(each))
	}
	return result
}

// tagsOf are the tags of a resource, or of its inputs: a struct that has Tags.
func tagsOf(resource any) map[string]string {
	return reflect.ValueOf(resource).FieldByName("Tags").Interface().(map[string]string)
}

// tagged is a type whose resources carry tags. The operations are those that a
// refusal of tags ends.
func tagged[I, R any](api fault.API, create, update string, kind provider.Kind[*Client, I, R]) provider.Type[*Client] {
	make, change, show := kind.Make, kind.Change, kind.Show
	kind.Make = func(ctx context.Context, client *Client, inputs I) (id string, made R, err error) {
		if err = checkTags(api, create, tagsOf(inputs)); err == nil {
			id, made, err = make(ctx, client, inputs)
		}
		return id, made, err
	}
	kind.Change = func(ctx context.Context, client *Client, id string, inputs I) (changed R, err error) {
		if err = checkTags(api, update, tagsOf(inputs)); err == nil {
			changed, err = change(ctx, client, id, inputs)
		}
		return changed, err
	}
	kind.Show = func(client *Client, held R, inputs I) map[string]any {
		outputs := withoutEmpty(show(client, held, inputs))
		tags := tagsOf(held)
		if outputs["tagsAll"] = tags; len(tags) > 0 {
			outputs["tags"] = tags
		}
		return outputs
	}
	kind.Gone = gone
	if kind.Word == nil {
		kind.Word = failed
	}
	return kind.Resource()
}

// checkTags applies the limits of
// https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
func checkTags(api fault.API, operation string, tags map[string]string) error {
	refuse := func(format string, args ...any) error {
		return api.Refuse(operation, http.StatusBadRequest, cmp.Or(tagCodes[api], "InvalidParameterException"), format, args...)
	}
	if len(tags) > 50 {
		return refuse("%d tags are given: at most 50 are allowed", len(tags))
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		switch {
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return refuse("%q: aws: prefixed tag key names are not allowed for external use.", key)
		case !tagForm.MatchString(key + tags[key]):
			return refuse("the tag %q = %q has other characters than letters, numbers, spaces and _ . : / = + - @", key, tags[key])
		case key == "" || len(key) > 128 || len(tags[key]) > 256:
			return refuse("the tag %q has a key of %d and a value of %d characters: from 1 to 128 and up to 256 are allowed", key, len(key), len(tags[key]))
		}
	}
	return nil
}

// tagForm is that of keys and values.
var tagForm = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// tagCodes are the codes of services for tags that they refuse.
var tagCodes = map[fault.API]string{"IAM": "InvalidInput", "ECR": "InvalidTagParameterException"}

// failed words a failed request as the real provider does.
func failed(doing, noun, subject string, err error) error {
	if subject == "" {
		return fmt.Errorf("%s %s: %w", doing, noun, err)
	}
	return fmt.Errorf("%s %s (%s): %w", doing, noun, subject, err)
}

// putting is failed for documents that are put, be they new or not.
func putting(doing, noun, subject string, err error) error {
	if doing == "creating" || doing == "updating" {
		doing = "putting"
	}
	return failed(doing, noun, subject, err)
}

// errGone is the real provider's word for what a look-up does not find.
var errGone = errors.New("couldn't find resource")

// gone says whether a refusal is that the resource does not exist. The code of
// EKS is that of CloudWatch Logs, too.
func gone(err error) bool {
	return errors.Is(err, errGone) ||
		fault.Has(err, iam.NoSuchEntity, ecr.NotFound, ecr.PolicyNotFound, ecr.LifecycleNotFound, eks.NotFound, ecs.NotFound)
}

// withoutEmpty leaves out empty texts: what is empty is absent for Pulumi.
func withoutEmpty(object map[string]any) map[string]any {
	for key, value := range object {
		if value == "" {
			delete(object, key)
		}
	}
	return object
}
