package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"waybill.example/waybill/fleet/stackfiles"
)

// errInterrupted is an interrupt before anything was done.
var errInterrupted = errors.New("interrupted, and nothing is changed")

// confirm asks before stacks are changed. Where nobody can be asked, --yes has
// to have said it. The end of the context is no answer: errInterrupted.
func (f *fleet) confirm(ctx context.Context, command string, selected []stackfiles.Stack) error {
	if f.yes || len(selected) == 0 {
		return nil
	}
	if !term.IsTerminal(int(f.stdin.Fd())) {
		return fmt.Errorf("%s changes clouds and there is no terminal to ask on: want --yes", command)
	}
	fmt.Fprintf(f.stderr, "%s changes the clouds of these stacks:\n", command)
	for _, stack := range selected {
		fmt.Fprintf(f.stderr, "  %s (%s, side %s)\n", stack.Name, stack.Platform, stack.Side)
	}
	fmt.Fprint(f.stderr, "Go on? [y/N] ")
	return answered(ctx, f.stdin)
}

// answered waits for a yes. A read of a terminal cannot be ended; one that the
// interrupt overtakes ends with the command.
func answered(ctx context.Context, stdin io.Reader) error {
	yes := make(chan bool, 1)
	go func() {
		answer, err := bufio.NewReader(stdin).ReadString('\n')
		answer = strings.ToLower(strings.TrimSpace(answer))
		yes <- err == nil && (answer == "y" || answer == "yes")
	}()
	select {
	case <-ctx.Done():
		return errInterrupted
	case confirmed := <-yes:
		if ctx.Err() != nil {
			return errInterrupted
		}
		if !confirmed {
			return errors.New("not confirmed, and nothing is changed")
		}
		return nil
	}
}
