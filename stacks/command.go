package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

const usage = `usage: waybill access-request STACK

Prints the access request of Pulumi.STACK.yaml as JSON, without deploying
anything: what the customer sends to the vendor. It follows from the
configuration for every chain but the one through Entra, which chooses the
principal's ID when the customer's stack is deployed.

Without arguments this is the Pulumi program, which the engine starts.
`

// Command does what the program does besides deploying, and gives the exit
// status: 0, 1 for a refusal, 2 for a call that cannot be understood.
func Command(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) == 1 && slices.Contains([]string{"help", "-h", "--help"}, arguments[0]) {
		_, _ = io.WriteString(stdout, usage) // nobody is left to tell
		return 0
	}
	if len(arguments) != 2 || arguments[0] != "access-request" {
		_, _ = io.WriteString(stderr, usage)
		return 2
	}
	if err := printRequest(stackFile(arguments[1]), stdout); err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

func printRequest(path string, out io.Writer) error {
	if err := Validate(path); err != nil {
		return fmt.Errorf("%s is refused:\n%w", path, err)
	}
	s, err := fileSettings(path, &problems{})
	if err != nil {
		return err
	}
	request, err := s.requestBeforeUpdate(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "Pulumi."), ".yaml"))
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(request)
}

// requestBeforeUpdate is the access request of a stack that need not be
// deployed.
func (s *settings) requestBeforeUpdate(stack string) (*AccessRequest, error) {
	if !s.customers() {
		return nil, errors.New("side vendor: want the customer's stack, whose request it is")
	}
	if s.kind() == kindEntra {
		return nil, fmt.Errorf("the access request names a principal that Entra makes: run `pulumi up -s %s`, then `pulumi stack output %s --json -s %[1]s`", stack, accessRequestName)
	}
	var issuers []string
	for i, e := range s.environments() {
		if s.kind() == kindCluster && e.issuer() == "" {
			return nil, fmt.Errorf("%s: is looked up in an update only: want the issuer here, or `pulumi up -s %s` and its output %s", s.issuerKey(i), stack, accessRequestName)
		}
		issuers = append(issuers, e.issuer())
	}
	return s.configuredRequest(issuers), nil
}
