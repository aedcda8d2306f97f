package stacks

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"waybill.example/waybill/stacks/chain"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
)

const usage = `usage: waybill COMMAND STACK [OPTIONS]

STACK is the name in Pulumi.STACK.yaml, here or in examples/. Nothing is deployed.

  access-request  prints the customer's document for the vendor, as JSON. On AKS through
                  Entra the customer deploys first, because Entra chooses the principal's ID
  guide           prints instructions to build the chain by hand, as Markdown, with every
                  value filled in
  manifests       prints the customer's Kubernetes objects as YAML, in the order to apply
                  them, for a customer without Pulumi
  validate        reports every problem of the stack file, one per line: also of the other
                  party's document, if it is a file, and of the names under adopt

Options of guide:
  --for terminal      use the clouds' command lines (the default)
  --for terraform     use Terraform for the cloud resources
  --outputs FILE      see manifests

Options of manifests:
  --environment NAME  the environment, if the stack has several
  --outputs FILE      the stack's outputs, as printed by
                      "pulumi stack output --json -s STACK"; or written by hand:
                      {"accessRequest": ...} with the values sent to the vendor
  --secrets FILE      the product's configuration file, which the stack file holds
                      encrypted; written only with --out
  --once              print what to create once, before the first apply, and never to
                      apply: the empty pull secret and its namespace
  --out DIR           write one file per object, kustomization.yaml for
                      "kubectl apply --server-side -k DIR", and once.yaml

Examples:
  waybill validate acme
  waybill access-request oscorp-customer > examples/oscorp.accessRequest.json
  waybill guide oscorp-customer --for terraform > guide.md
  waybill manifests initech --once | kubectl create -f -
  waybill manifests initech | kubectl apply --server-side -f -

"waybill --version" prints the version. Without arguments this is the Pulumi program, which
"pulumi up -s STACK" starts.
`

// commands are what the program does besides deploying, by name. Each is given a
// stack's file and what follows the stack's name.
var commands = map[string]func(path string, arguments []string, stdout, stderr io.Writer) error{
	"access-request": alone(printRequest),
	"guide":          printGuide,
	"manifests":      printManifests,
	"validate":       alone(printProblems),
}

// alone is a command that takes nothing after the stack.
func alone(command func(path string, stdout io.Writer) error) func(string, []string, io.Writer, io.Writer) error {
	return func(path string, arguments []string, stdout, _ io.Writer) error {
		if len(arguments) > 0 {
			return usageError{fmt.Errorf("%s: want nothing after the stack", arguments[0])}
		}
		return command(path, stdout)
	}
}

// usageError is a call that cannot be understood.
type usageError struct{ error }

// Command does what the program does besides deploying, and gives the exit
// status: 0, 1 for a refusal, 2 for a call that cannot be understood.
func Command(arguments []string, stdout, stderr io.Writer) int {
	asks := func(argument string) bool { return argument == "-h" || argument == "--help" }
	switch {
	case slices.ContainsFunc(arguments, asks), slices.Equal(arguments, []string{"help"}):
		_, _ = io.WriteString(stdout, usage) // nobody is left to tell
		return 0
	case slices.Equal(arguments, []string{"--version"}), slices.Equal(arguments, []string{"version"}):
		fmt.Fprintln(stdout, "waybill", version())
		return 0
	}
	err := command(arguments, stdout, stderr)
	if errors.As(err, &usageError{}) {
		fmt.Fprintf(stderr, "error: %s\nSee \"waybill help\".\n", err)
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

func command(arguments []string, stdout, stderr io.Writer) error {
	if len(arguments) == 0 {
		return usageError{errors.New("want a command and a stack")}
	}
	name, names := arguments[0], strings.Join(slices.Sorted(maps.Keys(commands)), ", ")
	run := commands[name]
	switch {
	case run == nil && len(arguments) > 1 && commands[arguments[1]] != nil:
		return usageError{fmt.Errorf("want the command before the stack: waybill %s %s", arguments[1], name)}
	case run == nil:
		return usageError{fmt.Errorf("%q: want one of %s", name, names)}
	case len(arguments) == 1 || strings.HasPrefix(arguments[1], "-"):
		return usageError{fmt.Errorf("%s: want a stack after the command", name)}
	}
	path, err := stackFile(arguments[1])
	if err != nil {
		return err
	}
	return run(path, arguments[2:], stdout, stderr)
}

// version is the program's: the module's, or the commit that it was built from.
func version() string {
	info, found := debug.ReadBuildInfo()
	if !found {
		return "(unknown)"
	}
	return info.Main.Version
}

// stackFile is the file of a stack, here or in examples/; the file's own name does as well.
func stackFile(stack string) (string, error) {
	stack = config.StackOf(stack)
	var there []string
	for _, folder := range []string{".", "examples"} {
		path := filepath.Join(folder, "Pulumi."+stack+".yaml")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		found, err := filepath.Glob(filepath.Join(folder, "Pulumi.*.yaml"))
		if err != nil {
			return "", err
		}
		for _, path := range found {
			there = append(there, config.StackOf(path))
		}
	}
	if len(there) == 0 {
		return "", fmt.Errorf("stack %q: no such file as Pulumi.%s.yaml, and no other stack's file here or in examples/", stack, stack)
	}
	return "", fmt.Errorf("stack %q: no such file as Pulumi.%s.yaml here or in examples/: want one of %s", stack, stack, strings.Join(there, ", "))
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
	plan, _, err := validate(path)
	return plan, inFile(path, err)
}

// inFile says in which file the problems are.
func inFile(path string, problems error) error {
	if problems == nil {
		return nil
	}
	return fmt.Errorf("%s is refused, and nothing is changed:\n%w", path, problems)
}

// printProblems gives a stack's problems as its error, and says what the stack waits for.
func printProblems(path string, out io.Writer) error {
	waiting, err := rehearse(path)
	for _, w := range waiting {
		document := w.Document
		if len(w.Environments) > 0 {
			document += " with " + strings.Join(w.Environments, ", ")
		}
		fmt.Fprintf(out, "waits for the %s of the %s, who runs `%s`: %s\n", document, w.From, w.Command, w.Next)
	}
	return inFile(path, err)
}

// options reads what follows a command's stack: the flags that define adds, and nothing else.
func options(command string, arguments []string, define func(*flag.FlagSet)) error {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	define(flags)
	if err := flags.Parse(arguments); err != nil {
		return usageError{err}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("%s: want options only after the stack", flags.Arg(0))}
	}
	return nil
}

// outputsOption reads what is known of the cloud resources.
func outputsOption(flags *flag.FlagSet, into *record.Options) {
	flags.Func("outputs", "", func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &into.Outputs)
	})
}

// Validate reports everything that is wrong with a stack file, a line each: unknown
// top-level keys, the other party's document where that is a file which has come, and
// names under adopt that the stack does not have. It deploys and decrypts nothing.
// Pulumi.yaml is beside the file or in the folder above.
func Validate(path string) error {
	_, err := rehearse(path)
	return err
}

// rehearse is Validate, and gives the files that the stack waits for.
func rehearse(path string) ([]exchange.Waiting, error) {
	_, settings, err := validate(path)
	if err != nil || settings.Side == "both" && len(settings.Adopt) == 0 { // the rest is known
		return nil, err
	}
	stack, err := record.Of(path, In, record.Options{})
	if refused := (refusedError{}); errors.As(err, &refused) {
		return nil, refused.problems
	}
	if err != nil || settings.Exchange.Request.Stack != "" || settings.Exchange.Grant.Stack != "" { // an update reads those
		return nil, err
	}
	return stack.Waiting, nil
}

// validate checks the configuration by itself.
func validate(path string) (*chain.Plan, *config.Settings, error) {
	var problems config.Problems
	settings, err := config.File(path, &problems)
	if err != nil {
		return nil, nil, err
	}
	plan := newPlan(settings, &problems)
	if problems.Err() == nil {
		plan.Validate(&problems)
	}
	return plan, settings, problems.Err()
}
