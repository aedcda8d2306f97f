package policy

import "strings"

// Malformed is why a document is refused.
type Malformed struct {
	// Message is what IAM says: it names the first problem and often not where
	// it is.
	Message string
	// Details name every problem, with element, value and wish.
	Details []string
}

// Error is IAM's message with every problem behind it.
func (m *Malformed) Error() string {
	return "MalformedPolicyDocument: " + m.Text()
}

// Text is Error without the code.
func (m *Malformed) Text() string {
	return m.Message + " (" + strings.Join(m.Details, "; ") + ")"
}

// The messages that IAM gives, as https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
// names the error and not its texts, from published reports of them.
const (
	syntaxErrors     = "Syntax errors in policy."
	invalidJSON      = "This policy contains invalid Json"
	oldVersion       = "Policy document must be version 2012-10-17 or greater."
	repeatedID       = "Statement IDs (SID) in a single policy must be unique."
	invalidID        = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	noActions        = "Policy statement must contain actions."
	noResources      = "Policy statement must contain resources."
	principalGiven   = "Policy document should not specify a principal."
	noVendor         = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	manyColons       = "Actions/Condition can contain only one colon."
	onlyAssumeRole   = "AssumeRole policy may only specify STS AssumeRole actions."
	legacyParsing    = "The policy failed legacy parsing"
	vendorIsNotPlain = "Resource vendor must be fully qualified and cannot contain regexes."
	prohibitedField  = "Has prohibited field "
	missingField     = "Missing required field "
	invalidPrincipal = "Invalid principal in policy: "
)
