package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"waybill.example/waybill/stacks/chain"
	"waybill.example/waybill/stacks/config"
)

const usage = `usage: waybill access-request STACK
       waybill guide STACK [--for terminal|terraform] [--outputs FILE]

access-request prints the access request of Pulumi.STACK.yaml, here or in examples/, as JSON,
without deploying anything: what the customer sends to the vendor. It follows from
the configuration for every chain but the one through Entra, which chooses the
principal's ID when the customer's stack is deployed.

guide prints the steps by which people build the stack's chain by hand, as Markdown,
with every value filled in.

  --for terminal   the clouds' command lines; default
  --for terraform  Terraform for what is in the clouds
  --outputs FILE   what is known already, as "pulumi stack output --json -s STACK"
                   prints it: the other party's document {"accessRequest": ...}

Without arguments this is the Pulumi program, which the engine starts.
`

// commands are what the program does besides deploying, by name. Each is given a
// stack's file and what follows the stack's name.
var commands = map[string]func(path string, arguments []string, stdout, stderr io.Writer) error{
	"access-request": printRequest,
	"guide":          printGuide,
}

// usageError is a call that cannot be understood.
type usageError struct{ error }

// Command does what the program does besides deploying, and gives the exit
// status: 0, 1 for a refusal, 2 for a call that cannot be understood.
func Command(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) == 1 && slices.Contains([]string{"help", "-h", "--help"}, arguments[0]) {
		_, _ = io.WriteString(stdout, usage) // nobody is left to tell
		return 0
	}
	var err error = usageError{errors.New("want a command and a stack")}
	if len(arguments) >= 2 && commands[arguments[0]] != nil {
		err = commands[arguments[0]](stackFile(arguments[1]), arguments[2:], stdout, stderr)
	}
	if errors.As(err, &usageError{}) {
		fmt.Fprintf(stderr, "error: %s\n%s", err, usage)
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

// stackFile is a stack's file, which is here or in examples/.
func stackFile(stack string) string {
	name := "Pulumi." + stack + ".yaml"
	for _, folder := range []string{".", "examples"} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return name
}

func printRequest(path string, arguments []string, stdout, _ io.Writer) error {
	if len(arguments) > 0 {
		return usageError{fmt.Errorf("%s: want nothing after the stack", arguments[0])}
	}
	plan, err := validate(path)
	if err != nil {
		return fmt.Errorf("%s is refused:\n%w", path, err)
	}
	request, err := plan.Request()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(request)
}

// Validate reports everything that is wrong with a stack file, unknown top-level
// keys included, a line each. It deploys and decrypts nothing; the other party's
// documents are an update's to check. Pulumi.yaml is beside the file or in the
// folder above.
func Validate(path string) error {
	_, err := validate(path)
	return err
}

func validate(path string) (*chain.Plan, error) {
	var problems config.Problems
	settings, err := config.File(path, &problems)
	if err != nil {
		return nil, err
	}
	plan := newPlan(settings, &problems)
	if problems.Err() == nil {
		plan.Validate(&problems)
	}
	return plan, problems.Err()
}
