package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"

	"waybill.example/waybill/internal/steps"
)

// Preview plans an update and changes nothing. Observe is called with each
// step as it ends, here as in the other operations; nil for nobody.
func (s *Stack) Preview(ctx context.Context, observe func(steps.Resource)) (*steps.Result, error) {
	return s.operate(observe, func(stream chan events.EngineEvent) error {
		_, err := s.stack.Preview(ctx, optpreview.EventStreams(stream), optpreview.SuppressProgress(), optpreview.ConfigFile(s.configFile()))
		return err
	})
}

// Up deploys the stack.
func (s *Stack) Up(ctx context.Context, observe func(steps.Resource)) (*steps.Result, error) {
	return s.operate(observe, s.unlessDone("up", func(stream chan events.EngineEvent) error {
		_, err := s.stack.Up(ctx, optup.EventStreams(stream), optup.SuppressProgress(), optup.ConfigFile(s.configFile()), optup.ShowSecrets(false))
		return err
	}))
}

// Drift compares the stack's state with the clouds and changes neither.
func (s *Stack) Drift(ctx context.Context, observe func(steps.Resource)) (*steps.Result, error) {
	return s.operate(observe, func(stream chan events.EngineEvent) error {
		_, err := s.stack.PreviewRefresh(ctx, optrefresh.EventStreams(stream), optrefresh.SuppressProgress(), optrefresh.ConfigFile(s.configFile()))
		return err
	})
}

// Refresh reads the clouds into the stack's state, for some resources only or
// for all where none is named.
func (s *Stack) Refresh(ctx context.Context, urns []string, observe func(steps.Resource)) (*steps.Result, error) {
	return s.operate(observe, s.unlessDone("refresh", func(stream chan events.EngineEvent) error {
		_, err := s.stack.Refresh(ctx, optrefresh.EventStreams(stream), optrefresh.SuppressProgress(), optrefresh.ConfigFile(s.configFile()),
			optrefresh.Target(urns), optrefresh.ShowSecrets(false))
		return err
	}))
}

// unlessDone gives an operation, which runs a subcommand of the CLI, no error
// where the CLI has ended well: what the Automation API reads afterwards, outputs
// and history, nobody asked for, and an interrupt may keep it from that.
func (s *Stack) unlessDone(subcommand string, operation func(chan events.EngineEvent) error) func(chan events.EngineEvent) error {
	return func(stream chan events.EngineEvent) error {
		delete(s.command.exits, subcommand)
		err := operation(stream)
		if code, ended := s.command.exits[subcommand]; ended && code == 0 {
			return nil
		}
		return err
	}
}

// operate runs one operation and collects its events.
func (s *Stack) operate(observe func(steps.Resource), operation func(chan events.EngineEvent) error) (*steps.Result, error) {
	result, err := steps.Collect(operation, observe)
	if err == nil {
		return result, nil
	}
	return result, s.failure(result, err)
}

// failure gives the errors that the engine reported, and what the CLI said
// where it never came to the engine; the raw error of the Automation API
// repeats the whole output.
func (s *Stack) failure(r *steps.Result, err error) error {
	if auto.IsSelectStack404Error(err) {
		return ErrNotInBackend
	}
	if said := r.Err(); said != nil {
		return said
	}
	parts := apiError.FindStringSubmatch(err.Error())
	switch {
	case parts == nil:
		return err
	case parts[2] == killed:
		return fmt.Errorf("the Pulumi CLI was killed, and what it had in flight is in no state: run `fleet recover %s` (%s)", s.name, parts[1])
	}
	return refusal(s.name, parts[3], errors.New(parts[1]))
}

// apiError is the Automation API's error: what failed, the CLI's exit status,
// its output, and its own words. Killed is the status of one that did not exit.
var apiError = regexp.MustCompile(`(?s)^([^\n]*)\ncode: (-?\d+)\nstdout: .*\nstderr: (.*)$`)

const killed = "-1"
