package iam

import (
	"net/http"
	"regexp"
	"slices"
	"unicode"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// The limits of docs/facts.md §4 and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html,
// in characters. White space in policies does not count.
const (
	MaxRoleName      = 64
	MaxPolicyName    = 128
	MaxTrustPolicy   = 2048
	MaxManagedPolicy = 6144
	// MaxInlinePolicies is for all inline policies of a role together.
	MaxInlinePolicies = 10240
	// MaxAttached is how many managed policies a role has by default.
	MaxAttached = 10
	// MinSession and MaxSession bound a role's maximum session duration, in
	// seconds; MinSession is the default.
	MinSession = 3600
	MaxSession = 43200
	// maxDocument is the longest document that a request may carry.
	maxDocument = 131072
)

// The forms of https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
var (
	nameForm        = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathForm        = regexp.MustCompile(`^(/|/[\x21-\x7e]+/)$`)
	documentForm    = regexp.MustCompile(`^[\x{0009}\x{000A}\x{000D}\x{0020}-\x{00FF}]+$`)
	descriptionForm = regexp.MustCompile(`^[\x{0009}\x{000A}\x{000D}\x{0020}-\x{007E}\x{00A1}-\x{00FF}]*$`)
	thumbprintForm  = regexp.MustCompile(`^[0-9a-fA-F]+$`)
)

// size is how much of a policy counts.
func size(text string) int {
	count := 0
	for _, char := range text {
		if !unicode.IsSpace(char) {
			count++
		}
	}
	return count
}

// checkDocument checks an identity-based policy for an account of the partition.
func checkDocument(partition, text string) error {
	var c fault.Checker
	c.Text("policyDocument", text, 1, maxDocument, documentForm)
	if err := c.Err(); err != nil {
		return err
	}
	_, err := policy.Parse(policy.Identity, partition, text)
	return asIAM(err)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// The codes of refusals:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html#API_CreateRole_Errors
const (
	NoSuchEntity            = "NoSuchEntity"
	EntityAlreadyExists     = "EntityAlreadyExists"
	DeleteConflict          = "DeleteConflict"
	LimitExceeded           = "LimitExceeded"
	MalformedPolicyDocument = "MalformedPolicyDocument"
	ValidationError         = "ValidationError"
	InvalidInput            = "InvalidInput"
)

const api = fault.API("IAM")

var (
	noSuchEntity   = refusing(http.StatusNotFound, NoSuchEntity)
	alreadyExists  = refusing(http.StatusConflict, EntityAlreadyExists)
	deleteConflict = refusing(http.StatusConflict, DeleteConflict)
	limitExceeded  = refusing(http.StatusConflict, LimitExceeded)
	invalid        = refusing(http.StatusBadRequest, ValidationError)
)

// refusing makes refusals with a code, before it is known which operation they end.
func refusing(status int, code string) func(format string, args ...any) error {
	return func(format string, args ...any) error { return fault.Refuse(status, code, format, args...) }
}

func malformed(message string) error {
	return fault.Refuse(http.StatusBadRequest, MalformedPolicyDocument, "%s", message)
}

func noRole(name string) error { return noSuchEntity("The role with name %s cannot be found.", name) }
