package engine

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func said(severity, text string) events.EngineEvent {
	return events.EngineEvent{EngineEvent: apitype.EngineEvent{DiagnosticEvent: &apitype.DiagnosticEvent{Severity: severity, Message: text}}}
}

// send is an operation that ends as given after these events.
func send(ends error, sent ...events.EngineEvent) func(chan events.EngineEvent) error {
	return func(stream chan events.EngineEvent) error {
		for _, event := range sent {
			stream <- event
		}
		close(stream)
		return ends
	}
}

func TestAFailureIsInTheEnginesOwnWords(t *testing.T) {
	raw := func(code, stderr string) error {
		return errors.New("failed to run update: exit status 255\ncode: " + code + "\nstdout: a lot\nof lines\nstderr: " + stderr + "\n")
	}
	for name, c := range map[string]struct {
		sent []events.EngineEvent
		ends error
		want string
	}{
		"the engine reports":               {[]events.EngineEvent{said("warning", "w"), said("error", "<{%reset%}>refused<{%reset%}>")}, raw("255", "x"), "refused"},
		"the program reports":              {[]events.EngineEvent{said("error", "error: an unhandled error occurred: 1 error occurred:\n\t* no good")}, raw("255", ""), "error: no good"},
		"the CLI never reaches the engine": {nil, raw("255", "\x1b[31merror: no passphrase\x1b[0m"), "error: no passphrase"},
		"the CLI says nothing":             {nil, raw("255", ""), "failed to run update: exit status 255"},
		"the CLI is killed":                {nil, raw("-1", ""), "the Pulumi CLI was killed, and what it had in flight is in no state: run `fleet recover acme` (failed to run update: exit status 255)"},
		"the stack is locked":              {nil, raw("255", "error: the stack is currently locked by 1 lock(s)."), "error: the stack is currently locked by 1 lock(s).\nif nobody works on the stack, an update was killed: whoever deploys it runs `fleet recover acme`"},
		"the stack is in no backend":       {nil, raw("255", "error: no stack named 'acme' found"), ErrNotInBackend.Error()},
		"another error":                    {nil, errors.New("no such file"), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&Stack{name: "acme"}).operate(nil, send(c.ends, c.sent...))
			require.EqualError(t, err, c.want)
			assert.Equal(t, name == "the stack is in no backend", errors.Is(err, ErrNotInBackend))
		})
	}
}
