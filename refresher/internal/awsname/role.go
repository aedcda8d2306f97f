package awsname

import (
	"errors"
	"regexp"
	"strings"
)

// Role is an IAM role.
type Role struct {
	Partition string // as in its ARN
	Account   string // 12 digits
	Path      string // begins and ends with /
	Name      string // up to 64 characters
}

// maxPath bounds a role's path, in characters, https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html.
const maxPath = 512

// The path may hold any printable ASCII character but those that a policy would read as a wildcard.
var roleARN = regexp.MustCompile(`^arn:(` + partitions + `):iam::([0-9]{12}):role(/(?:[!-)+-.0->@-~]+/)*)` +
	`([A-Za-z0-9_+=,.@-]{1,64})$`)

// ParseRole reads a role's ARN, path included. The error is the wish.
func ParseRole(arn string) (Role, error) {
	found := roleARN.FindStringSubmatch(arn)
	if found == nil || len(found[3]) > maxPath {
		return Role{}, errors.New("want a role's ARN, arn:PARTITION:iam::ACCOUNT:role/NAME, with its path before " +
			"the name where it has one")
	}
	return Role{Partition: found[1], Account: found[2], Path: found[3], Name: found[4]}, nil
}

// String is the role's ARN.
func (r Role) String() string {
	return "arn:" + r.Partition + ":iam::" + r.Account + ":role" + r.Path + r.Name
}

// IsSession reports whether caller, as GetCallerIdentity shows it, is a session of the role. A session's ARN
// holds no path (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html), and an account
// holds a role's name once, whatever the path.
func (r Role) IsSession(caller string) bool {
	session, ok := strings.CutPrefix(caller, "arn:"+r.Partition+":sts::"+r.Account+":assumed-role/"+r.Name+"/")
	return ok && session != "" && !strings.Contains(session, "/")
}
