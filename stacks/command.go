package stacks

import (
	"cmp"
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
  validate        reports every problem of the stack file, one per line

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

"waybill --help" prints this, "waybill --version" the version.
Without arguments this is the Pulumi program, which "pulumi up -s STACK" starts.
`

// commands are what the program does besides deploying, by name. Each is given a
// stack's file and what follows the stack's name.
var commands = map[string]func(path string, arguments []string, stdout, stderr io.Writer) error{
	"access-request": alone(printRequest),
	"guide":          printGuide,
	"manifests":      printManifests,
	"validate": alone(func(path string, _ io.Writer) error {
		_, err := accepted(path)
		return err
	}),
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
	err := command(arguments, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usageError{}):
		fmt.Fprintf(stderr, "error: %s\n`waybill --help` has the commands and their options\n", err)
		return 2
	}
	fmt.Fprintln(stderr, "error:", err)
	return 1
}

// command runs the command that the arguments name. Help is given wherever it is asked for.
func command(arguments []string, stdout, stderr io.Writer) error {
	known := strings.Join(slices.Sorted(maps.Keys(commands)), ", ")
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(arguments, word) })
	}
	if len(arguments) == 0 {
		return usageError{fmt.Errorf("want a command and a stack: one of %s", known)}
	}
	switch run := commands[arguments[0]]; {
	case arguments[0] == "help" || has("-h", "-help", "--help"):
		_, err := io.WriteString(stdout, usage)
		return err
	case arguments[0] == "version" || has("-version", "--version"):
		_, err := fmt.Fprintln(stdout, "waybill", version())
		return err
	case run == nil:
		return usageError{fmt.Errorf("%q: want one of %s", arguments[0], known)}
	case len(arguments) == 1:
		return usageError{fmt.Errorf("%s: want a stack behind it: one of %s", arguments[0], stackNames())}
	default:
		path, err := stackFile(arguments[1])
		if err != nil {
			return err
		}
		return run(path, arguments[2:], stdout, stderr)
	}
}

// version is the commit's or the release's that the program was built from, as Go writes it.
func version() string {
	if info, found := debug.ReadBuildInfo(); found && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// folders hold the stacks' files.
var folders = []string{".", "examples"}

// stackFile is the file of a stack, by the stack's name or by the file's.
func stackFile(stack string) (string, error) {
	name := "Pulumi." + config.StackOf(stack) + ".yaml"
	for _, folder := range append([]string{filepath.Dir(stack)}, folders...) {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("stack %q: there is no %s, here or in examples/: want one of %s", stack, name, stackNames())
}

// stackNames are the stacks that have files.
func stackNames() string {
	var names []string
	for _, folder := range folders {
		files, _ := filepath.Glob(filepath.Join(folder, "Pulumi.*.yaml")) // the pattern is a good one
		for _, file := range files {
			names = append(names, config.StackOf(file))
		}
	}
	return cmp.Or(strings.Join(names, ", "), "those that have one")
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
