package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/naming"
)

// A repository has one policy, and whoever writes it replaces the whole. In an
// existing one the statements of others are looked for before it is written.

// sid tells the customer's statement from everybody else's: it names customer and
// product, for people, and a hash of both, for what letters and digits cannot tell.
func (args *ImageGrantArgs) sid() string {
	sid := "Waybill"
	for _, word := range strings.FieldsFunc(args.Customer+"-"+args.Product, func(r rune) bool { return r == '-' }) {
		sid += strings.ToUpper(word[:1]) + word[1:]
	}
	return sid + naming.Hash(args.Customer+"/"+args.Product)
}

// checkShared notes the statements of others in an existing repository's policy, and
// one that cannot be read. The resource's SDK has no look-up of a policy; the one of
// Cloud Control reads a repository as a whole.
func (args *ImageGrantArgs) checkShared(ctx *pulumi.Context, p *check.Problems, opts []pulumi.InvokeOption) {
	const key = "repository.existing"
	var found struct {
		Properties string `pulumi:"properties"`
	}
	err := ctx.Invoke("aws:cloudcontrol/getResource:getResource", &struct {
		TypeName   string `pulumi:"typeName"`
		Identifier string `pulumi:"identifier"`
	}{"AWS::ECR::Repository", args.repositoryName()}, &found, opts...)
	var others []string
	if err == nil {
		others, err = args.otherStatements(found.Properties)
	}
	switch {
	case err != nil:
		p.Add(key, "true: the policy of %q cannot be read, and is not written over unread: %s: want a repository that is there, and the permissions "+
			"cloudformation:GetResource, ecr:DescribeRepositories, ecr:GetRepositoryPolicy, ecr:GetLifecyclePolicy and ecr:ListTagsForResource",
			args.repositoryName(), err)
	case len(others) > 0:
		p.Add(key, "true: the policy of %q has statements of others, %s, which writing it would remove: want a repository of this customer's own, "+
			"or those statements removed first", args.repositoryName(), strings.Join(others, ", "))
	}
}

// otherStatements are those of a repository's policy that are not this customer's,
// by their Sid or their number. The policy is an object, or a text that holds one.
func (args *ImageGrantArgs) otherStatements(properties string) ([]string, error) {
	var repository struct {
		Policy json.RawMessage `json:"RepositoryPolicyText"`
	}
	if err := json.Unmarshal([]byte(properties), &repository); err != nil {
		return nil, err
	}
	var text string
	if json.Unmarshal(repository.Policy, &text) == nil {
		repository.Policy = json.RawMessage(text)
	}
	if len(bytes.TrimSpace(repository.Policy)) == 0 {
		return nil, nil
	}
	type statement struct{ Sid string }
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal(repository.Policy, &document); err != nil {
		return nil, err
	}
	var statements []statement
	if err := json.Unmarshal(document.Statement, &statements); err != nil {
		statements = make([]statement, 1) // a policy of one statement may give it without a list
		if err := json.Unmarshal(document.Statement, &statements[0]); err != nil {
			return nil, err
		}
	}
	var others []string
	for i, s := range statements {
		switch s.Sid {
		case args.sid():
		case "":
			others = append(others, fmt.Sprintf("statement %d", i+1))
		default:
			others = append(others, s.Sid)
		}
	}
	return others, nil
}
