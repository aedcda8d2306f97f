package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"waybill.example/waybill/fleet/report"
	"waybill.example/waybill/fleet/stackfiles"
	"waybill.example/waybill/stacks"
)

// list prints the stacks, or the shards of several runners. A file that cannot
// be read is in the list: its runner is to fail, and no other.
func (f *fleet) list(context.Context) error {
	if f.shards < 0 || (f.shards > 0 && f.shard != "") {
		return fmt.Errorf("--shards %d with --shard %q: want a number of runners, and no shard with it", f.shards, f.shard)
	}
	selected, err := f.selected()
	if err != nil {
		return err
	}
	for _, stack := range selected {
		if stack.Problem != nil {
			fmt.Fprintf(f.stderr, "· %s: %v\n", stack.Name, stack.Problem)
		}
	}
	if f.shards > 0 {
		return f.listShards(selected)
	}
	if f.json {
		if selected == nil {
			selected = []stackfiles.Stack{}
		}
		return f.printJSON(selected)
	}
	table := tabwriter.NewWriter(f.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STACK\tCUSTOMER\tPLATFORM\tSIDE")
	for _, stack := range selected {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", stack.Name, stack.Customer, stack.Platform, stack.Side)
	}
	return table.Flush()
}

// share is a runner's entry in a CI matrix.
type share struct {
	Shard  string   `json:"shard"`
	Stacks []string `json:"stacks"`
}

func (f *fleet) listShards(selected []stackfiles.Stack) error {
	shares := []share{}
	for _, shard := range stackfiles.Deal(selected, f.shards) {
		one := share{Shard: shard.String()}
		for _, stack := range shard.Of(selected) {
			one.Stacks = append(one.Stacks, stack.Name)
		}
		shares = append(shares, one)
	}
	if f.json {
		return f.printJSON(shares)
	}
	for _, share := range shares {
		fmt.Fprintf(f.stdout, "%s  %s\n", share.Shard, strings.Join(share.Stacks, " "))
	}
	return nil
}

// verdict is what validate says of one stack file.
type verdict struct {
	stackfiles.Stack
	OK       bool     `json:"ok"`
	Problems []string `json:"problems"`
}

// validate checks the files and asks no cloud, no backend and no engine.
func (f *fleet) validate(ctx context.Context) error {
	selected, err := f.selected()
	if err != nil {
		return err
	}
	verdicts, wrong := []verdict{}, 0
	for _, stack := range selected {
		if ctx.Err() != nil {
			f.exit = report.ExitInterrupted
			return nil
		}
		v := verdict{Stack: stack, OK: true, Problems: []string{}}
		if err := cmp.Or(stacks.Validate(stack.Path), stack.Problem); err != nil {
			v.OK, v.Problems = false, lines(err)
			wrong++
			f.exit = report.ExitFailed
		}
		verdicts = append(verdicts, v)
	}
	if f.json {
		return f.printJSON(verdicts)
	}
	for _, v := range verdicts {
		if v.OK {
			continue
		}
		fmt.Fprintf(f.stdout, "Pulumi.%s.yaml:\n", v.Name)
		for _, problem := range v.Problems {
			fmt.Fprintln(f.stdout, " ", problem)
		}
	}
	_, err = fmt.Fprintf(f.stdout, "%d stack files, %d wrong\n", len(verdicts), wrong)
	return err
}

func (f *fleet) printJSON(value any) error {
	encoder := json.NewEncoder(f.stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// lines are those of an error, without their indentation.
func lines(err error) []string {
	var all []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}
