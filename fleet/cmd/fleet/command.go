package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"waybill.example/waybill/fleet/pool"
	"waybill.example/waybill/fleet/report"
	"waybill.example/waybill/fleet/stackfiles"
)

// fleet runs one command. What it says on the way goes to stderr, what it found
// to stdout.
type fleet struct {
	stdin, stdout, stderr *os.File
	// environment is for the Pulumi CLI and the providers.
	environment map[string]string
	// abort is closed by the second interrupt.
	abort <-chan struct{}

	root           string
	match, exclude []string
	shard          string
	shards         int
	parallel       int
	json           bool
	markdown       string
	init, yes      bool
	ids            map[string]string

	// exit is the exit status of a command that ran to its end.
	exit int
}

func newCommand(f *fleet) *cobra.Command {
	root := &cobra.Command{
		Use:   "fleet",
		Short: "Preview, update and check the stacks of many customers",
		Long: "Works on every stack of the project, or on those that match. The Pulumi program is\n" +
			"built in. Backend, secrets provider and cloud credentials come from the\n" +
			"environment, as for pulumi itself.\n\n" +
			"Exit status: 0 nothing changed, 2 something changed, would change or has drifted,\n" +
			"1 a stack failed, 130 interrupted.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&f.root, "root", ".", "the project's `folder`")
	root.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document on stdout and nothing else")

	list := f.command("list", "List the stacks, for people or for a CI matrix", f.list)
	list.Flags().IntVar(&f.shards, "shards", 0, "print the shards for this `many` runners instead of the stacks")
	validate := f.command("validate", "Check every stack file, and report every problem", f.validate)
	preview := f.command("preview", "Show what fleet up would change", f.preview)
	up := f.command("up", "Update every stack", f.up)
	drift := f.command("drift", "Compare every stack's state with the clouds", f.drift)
	for _, each := range []*cobra.Command{list, validate, preview, up, drift} {
		each.Flags().StringArrayVar(&f.match, "match", nil, "only stacks whose name matches the `pattern`, such as 'acme-*'; may be repeated")
		each.Flags().StringArrayVar(&f.exclude, "exclude", nil, "skip stacks whose name matches the `pattern`; may be repeated")
	}
	for _, each := range []*cobra.Command{list, preview, up, drift, validate} {
		each.Flags().StringVar(&f.shard, "shard", "", "only the share of one runner, `index/count`")
	}
	for _, each := range []*cobra.Command{preview, up, drift} {
		each.Flags().IntVar(&f.parallel, "parallel", 0, fmt.Sprintf("`how many` stacks at a time; default: two per processor, limited by memory (%d on this machine)", pool.Size()))
	}
	preview.Flags().BoolVar(&f.init, "init", false, "create stacks that the backend does not have; default: preview them in a temporary backend")
	up.Flags().BoolVar(&f.init, "init", false, "create stacks that the backend does not have; default: they fail, because the backend may be the wrong one")
	mend := &cobra.Command{
		Use: "recover STACK", Short: "Repair a stack whose update was killed: unlock it, import what exists, update",
		Example: "  fleet recover acme\n  fleet recover umbrella --id role-association=a-0123456789abcdef0",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.recover(cmd.Context(), args[0]) },
	}
	mend.Flags().StringToStringVar(&f.ids, "id", nil, "the `name=ID` of a resource whose ID the cloud chose; an empty ID means that it does not exist; may be repeated")
	for _, each := range []*cobra.Command{up, mend} {
		each.Flags().BoolVar(&f.yes, "yes", false, "skip the confirmation; required without a terminal")
	}
	for _, each := range []*cobra.Command{preview, up, drift, mend} {
		each.Flags().StringVar(&f.markdown, "markdown", "", "write Markdown for a pull request's comment to the `file`; - is stdout, instead of the table")
	}
	list.Example = "  fleet list --json --shards 4"
	validate.Example = "  fleet validate --match 'acme-*'"
	preview.Example = "  fleet preview --shard 1/4 --markdown comment.md"
	up.Example = "  fleet up --match acme\n  fleet up --yes --exclude 'test-*' --parallel 2"
	drift.Example = "  fleet drift --json"
	root.AddCommand(list, validate, preview, up, drift, mend)
	return root
}

func (f *fleet) command(use, short string, run func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context()) },
	}
}

// selected are the stacks that a command is about.
func (f *fleet) selected() ([]stackfiles.Stack, error) {
	shard, err := stackfiles.ParseShard(f.shard)
	if err != nil {
		return nil, err
	}
	stacks, err := stackfiles.Find(f.root)
	if err != nil {
		return nil, err
	}
	if stacks, err = stackfiles.Select(stacks, f.match, f.exclude); err != nil {
		return nil, err
	}
	return shard.Of(stacks), nil
}

// print shows a report as it was asked for, and takes over its exit status.
func (f *fleet) print(r *report.Report) error {
	f.exit = r.Exit
	switch {
	case f.markdown == "-":
		return r.WriteMarkdown(f.stdout)
	case f.markdown != "":
		file, err := os.Create(f.markdown)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := r.WriteMarkdown(file); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	if f.json {
		return r.WriteJSON(f.stdout)
	}
	return r.WriteTable(f.stdout)
}
