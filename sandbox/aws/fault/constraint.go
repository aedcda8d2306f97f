package fault

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Checker words what AWS APIs answer to a request whose members have the wrong
// length, form or size: every problem in one ValidationError, as the services' own
// front does before an operation sees the request
// (https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html).
type Checker struct{ problems []string }

// Text checks a member of least to most characters with a form; a nil form
// allows any.
func (c *Checker) Text(member, value string, least, most int, form *regexp.Regexp) {
	length := utf8.RuneCountInString(value)
	if length < least {
		c.report(member, value, fmt.Sprintf("Member must have length greater than or equal to %d", least))
	}
	if length > most {
		c.report(member, value, fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	if form != nil && !form.MatchString(value) {
		c.report(member, value, "Member must satisfy regular expression pattern: "+strings.NewReplacer("^", "", "$", "").Replace(form.String()))
	}
}

// Number checks a member from least to most.
func (c *Checker) Number(member string, value, least, most int) {
	if value < least {
		c.report(member, fmt.Sprint(value), fmt.Sprintf("Member must have value greater than or equal to %d", least))
	}
	if value > most {
		c.report(member, fmt.Sprint(value), fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
}

func (c *Checker) report(member, value, constraint string) {
	const shown = 256
	if len(value) > shown {
		// A token or a policy in a message would hide the rest of it.
		value = value[:shown] + "..."
	}
	c.problems = append(c.problems, fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint))
}

// Err is the ValidationError, or nil where nothing is wrong.
func (c *Checker) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	noun := "errors"
	if len(c.problems) == 1 {
		noun = "error"
	}
	return Refuse(http.StatusBadRequest, "ValidationError", "%d validation %s detected: %s", len(c.problems), noun, strings.Join(c.problems, "; "))
}
