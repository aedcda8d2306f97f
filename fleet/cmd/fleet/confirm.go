package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/term"

	"waybill.example/waybill/fleet/stackfiles"
)

// confirm asks before stacks are changed. Where nobody can be asked, --yes has
// to have said it.
func (f *fleet) confirm(command string, selected []stackfiles.Stack) error {
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
	answer, err := bufio.NewReader(f.stdin).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || (answer != "y" && answer != "yes") {
		return errors.New("not confirmed, and nothing is changed")
	}
	return nil
}
