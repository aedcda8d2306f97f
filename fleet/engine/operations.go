package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
)

// Preview plans an update and changes nothing. Observe is called with each
// step as it ends, here as in the other operations; nil for nobody.
func (s *Stack) Preview(ctx context.Context, observe func(Resource)) (*Result, error) {
	return operate(observe, func(stream chan events.EngineEvent) error {
		_, err := s.stack.Preview(ctx, optpreview.EventStreams(stream), optpreview.SuppressProgress(), optpreview.ConfigFile(s.configFile()))
		return err
	})
}

// Up deploys the stack.
func (s *Stack) Up(ctx context.Context, observe func(Resource)) (*Result, error) {
	return operate(observe, s.unlessDone("up", func(stream chan events.EngineEvent) error {
		_, err := s.stack.Up(ctx, optup.EventStreams(stream), optup.SuppressProgress(), optup.ConfigFile(s.configFile()), optup.ShowSecrets(false))
		return err
	}))
}

// Drift compares the stack's state with the clouds and changes neither.
func (s *Stack) Drift(ctx context.Context, observe func(Resource)) (*Result, error) {
	return operate(observe, func(stream chan events.EngineEvent) error {
		_, err := s.stack.PreviewRefresh(ctx, optrefresh.EventStreams(stream), optrefresh.SuppressProgress(), optrefresh.ConfigFile(s.configFile()))
		return err
	})
}

// Refresh reads the clouds into the stack's state, for some resources only or
// for all where none is named.
func (s *Stack) Refresh(ctx context.Context, urns []string, observe func(Resource)) (*Result, error) {
	return operate(observe, s.unlessDone("refresh", func(stream chan events.EngineEvent) error {
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
func operate(observe func(Resource), operation func(chan events.EngineEvent) error) (*Result, error) {
	stream, over := make(chan events.EngineEvent), make(chan struct{})
	collected := make(chan *Result)
	go func() { collected <- collect(stream, over, observe) }()
	err := operation(stream)
	// Every event is through by now. A CLI that fails before it comes to the
	// engine sends none, and then nobody closes the stream.
	close(over)
	result := <-collected
	if err == nil {
		return result, nil
	}
	return result, result.failure(err)
}

// failure gives the errors that the engine reported, and what the CLI said
// where it never came to the engine; the raw error of the Automation API
// repeats the whole output.
func (r *Result) failure(err error) error {
	if auto.IsSelectStack404Error(err) {
		return ErrNotInBackend
	}
	if len(r.Errors) > 0 {
		return errors.New(strings.Join(r.Errors, "\n"))
	}
	parts := apiError.FindStringSubmatch(err.Error())
	switch {
	case parts == nil:
		return err
	case parts[2] == killed:
		return fmt.Errorf("the Pulumi CLI was killed, and what it had in flight is in no state: run `fleet recover` (%s)", parts[1])
	}
	return refusal(parts[3], errors.New(parts[1]))
}

// apiError is the Automation API's error: what failed, the CLI's exit status,
// its output, and its own words. Killed is the status of one that did not exit.
var apiError = regexp.MustCompile(`(?s)^([^\n]*)\ncode: (-?\d+)\nstdout: .*\nstderr: (.*)$`)

const killed = "-1"
