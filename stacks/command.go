package stacks

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"waybill.example/waybill/stacks/chain"
	"waybill.example/waybill/stacks/config"
)

const usage = `usage: waybill COMMAND STACK

STACK is the name in Pulumi.STACK.yaml, here or in examples/. Nothing is deployed.

  access-request  prints what the customer sends to the vendor, as JSON. On AKS through
                  Entra the customer deploys first: Entra chooses the principal's ID
  validate        reports everything that is wrong with the stack file, a line each

Examples:
  waybill validate acme
  waybill access-request oscorp-customer > examples/oscorp.accessRequest.json

Without arguments this is the Pulumi program: "pulumi up -s STACK" starts it.
`

// commands are what the program does besides deploying.
var commands = map[string]func(path string, out io.Writer) error{
	"access-request": printRequest,
	"validate": func(path string, _ io.Writer) error {
		_, err := accepted(path)
		return err
	},
}

// Command does what the program does besides deploying, and gives the exit
// status: 0, 1 for a refusal, 2 for a call that cannot be understood.
func Command(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) == 1 && slices.Contains([]string{"help", "-h", "--help"}, arguments[0]) {
		_, _ = io.WriteString(stdout, usage) // nobody is left to tell
		return 0
	}
	if len(arguments) != 2 || commands[arguments[0]] == nil {
		_, _ = io.WriteString(stderr, usage)
		return 2
	}
	if err := commands[arguments[0]](stackFile(arguments[1]), stdout); err != nil {
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

func printRequest(path string, out io.Writer) error {
	plan, err := accepted(path)
	if err != nil {
		return err
	}
	request, err := plan.Request()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(request)
}

// accepted is the plan of a stack file with which nothing is wrong.
func accepted(path string) (*chain.Plan, error) {
	plan, err := validate(path)
	if err != nil {
		return nil, fmt.Errorf("%s is refused, and nothing is changed:\n%w", path, err)
	}
	return plan, nil
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
