// Command sandbox deploys a stack to the sandbox, previews and destroys it
// there, forgets the sandbox, leaves it running for other clients, draws the
// deployed chain, and breaks the program to see who notices. `make up`,
// `make preview`, `make down`, `make reset`, `make serve`, `make diagram` and
// `make mutants` call it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// errFailed ends the command with status 1 after its report was printed.
var errFailed = errors.New("failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand(os.Stdout, os.Stderr).ExecuteContext(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && interrupted {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "interrupted")
		}
		os.Exit(128 + int(syscall.SIGINT))
	}
	if err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "error:", err)
		}
		os.Exit(1)
	}
}

func newCommand(stdout, stderr *os.File) *cobra.Command {
	r := &runner{stdout: stdout, stderr: stderr}
	root := &cobra.Command{
		Use:           "sandbox",
		Short:         "Deploy a stack to embedded clouds and a real Kubernetes control plane",
		Long:          "Deploys a stack of this project to embedded clouds and a real Kubernetes control\nplane, on one machine and without an account. The clouds follow the documented\nrules; the sandbox claims no more.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&r.options.Root, "root", ".", "the project's `folder`")
	flags.StringVar(&r.options.Stack, "stack", "dev", "the `name` in Pulumi.<name>.yaml")
	flags.StringVar(&r.options.World, "world", "", "the world's `file`; default: the stack's in sandbox/worlds")
	flags.StringVar(&r.options.State, "state", "", "the state `directory`; default: the world's in .sandbox")
	flags.StringVar(&r.options.Executable, "program", "", "the program's `file`; default: .build/bin/waybill")
	flags.StringVar(&r.options.Refresher, "refresher", "", "the `folder` of the refresher's image; default: .build/refresher-image")
	flags.StringVar(&r.options.Propagation, "propagation", "", "how long refreshers retry a refusal, such as 5s; default: as configured")
	flags.StringVar(&r.first, "first", "", "with up: try the `case` of this name first, and stop at the first one that is not refused as it has to be")
	flags.BoolVar(&r.json, "json", false, "print one JSON document on stdout and nothing else")
	for _, c := range []struct {
		use, short, example string
		run                 func(context.Context) error
	}{
		{"up", "Deploy the stack, walk its chain, and try what must be refused", "sandbox up --stack acme\nsandbox up --json | jq .outputs.accessGrant", r.up},
		{"preview", "Show what up would change", "sandbox preview --stack acme", r.preview},
		{"down", "Delete what the stack created", "sandbox down --stack acme", r.down},
		{"reset", "Delete the stack's sandbox, and keep the builds", "sandbox reset --stack acme", r.reset},
		{"serve", "Keep the sandbox running, and print the environment for other clients", "sandbox serve --stack acme > environment", r.serve},
		{"diagram", "Walk the deployed chain, and print it as Mermaid", "sandbox diagram --stack acme > chain.mmd", r.diagram},
	} {
		root.AddCommand(&cobra.Command{
			Use: c.use, Short: c.short, Example: indented(c.example), Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
		})
	}
	root.AddCommand(r.mutantsCommand(), &cobra.Command{
		Use: "installed TOOL", Short: "Fail if make has to build a tool of Pulumi", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error { return r.installed(cmd.Context(), args[0]) },
	})
	return root
}

// indented are the lines of an example, as help pages show them.
func indented(example string) string { return "  " + strings.ReplaceAll(example, "\n", "\n  ") }
