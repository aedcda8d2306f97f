// Package steps collects what an operation of Pulumi's engine does, from the
// events of the Automation API: each resource once, with the engine's own messages.
package steps

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Resource is what an operation did, or a preview would do, with one resource.
// It holds names only, never a value.
type Resource struct {
	Type string `json:"type"`
	Name string `json:"name"`
	// Parent is the name of the resource's parent; empty for the stack's children.
	Parent string `json:"parent"`
	// Operation is create, same, update, replace, delete or keep; an import is a create.
	// Keep is a delete that only the stack's state sees: the resource itself stays.
	Operation string `json:"operation"`
	// Properties are the paths of the properties that differ, sorted.
	Properties []string `json:"properties,omitempty"`
	// Imported is true where the operation took over what existed already.
	Imported bool `json:"imported,omitempty"`
	// Failed is true where the operation was tried and refused.
	Failed bool `json:"failed,omitempty"`
	// URN is the resource's unique name in the stack.
	URN string `json:"-"`
}

// Result is what an operation did.
type Result struct {
	// Resources in the order in which the engine first came to them: all but
	// the engine's own, and without those that are only read.
	Resources []Resource
	// Errors and Warnings are the engine's and the providers' own words.
	Errors, Warnings []string
}

// Changed are the resources that are not left as they were.
func (r *Result) Changed() []Resource {
	return slices.DeleteFunc(slices.Clone(r.Resources), func(x Resource) bool { return x.Operation == Same })
}

// Err is what the engine reported as errors; nil where it reported none.
func (r *Result) Err() error {
	if len(r.Errors) == 0 {
		return nil
	}
	return errors.New(strings.Join(r.Errors, "\n"))
}

// Collect runs an operation, which sends its events to the stream, and collects
// them; observe, which may be nil, is called with each resource as its step ends.
// The error is the operation's.
func Collect(operation func(stream chan events.EngineEvent) error, observe func(Resource)) (*Result, error) {
	stream, over := make(chan events.EngineEvent), make(chan struct{})
	c := &collector{index: map[string]int{}, observe: observe}
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for {
			select {
			case event, open := <-stream:
				if !open {
					return
				}
				c.take(event)
			case <-over:
				return
			}
		}
	}()
	err := operation(stream)
	// Every event is through by now. A CLI that fails before it comes to the
	// engine sends none, and then nobody closes the stream.
	close(over)
	<-collected
	return &c.result, err
}

type collector struct {
	result  Result
	index   map[string]int
	observe func(Resource)
}

func (c *collector) take(event events.EngineEvent) {
	switch {
	case event.ResOpFailedEvent != nil:
		if at, known := c.index[event.ResOpFailedEvent.Metadata.URN]; known {
			c.result.Resources[at].Failed = true
		}
	case event.ResourcePreEvent != nil:
		c.note(event.ResourcePreEvent.Metadata, false)
	case event.ResOutputsEvent != nil:
		c.note(event.ResOutputsEvent.Metadata, true)
	case event.DiagnosticEvent != nil:
		c.result.diagnose(event.DiagnosticEvent)
	}
}

func (c *collector) note(metadata apitype.StepEventMetadata, ended bool) {
	operation, known := operations[metadata.Op]
	if !known || slices.Contains(bookkeeping, metadata.Type) {
		return
	}
	at, known := c.index[metadata.URN]
	if !known {
		at = len(c.result.Resources)
		c.index[metadata.URN] = at
		c.result.Resources = append(c.result.Resources, Resource{
			Type: metadata.Type, Name: nameOf(metadata.URN), Parent: parentOf(metadata), URN: metadata.URN,
		})
	}
	resource := &c.result.Resources[at]
	resource.Imported = resource.Imported || metadata.Op == apitype.OpImport || metadata.Op == apitype.OpImportReplacement
	if metadata.Op == apitype.OpDelete && !ended && metadata.Old != nil && metadata.Old.RetainOnDelete {
		operation = Keep
	}
	// A replacement is several steps; it stays what it was first seen as. So does what
	// is kept.
	if resource.Operation != Replace && resource.Operation != Keep {
		resource.Operation = operation
	}
	if paths := properties(metadata); len(paths) > 0 && operation != Same {
		resource.Properties = paths
	}
	if ended && c.observe != nil {
		c.observe(*resource)
	}
}

// The operations of a Resource.
const (
	Create  = "create"
	Same    = "same"
	Update  = "update"
	Replace = "replace"
	Delete  = "delete"
	Keep    = "keep"
)

var operations = map[apitype.OpType]string{
	apitype.OpSame:              Same,
	apitype.OpRefresh:           Same,
	apitype.OpCreate:            Create,
	apitype.OpUpdate:            Update,
	apitype.OpDelete:            Delete,
	apitype.OpReplace:           Replace,
	apitype.OpCreateReplacement: Replace,
	apitype.OpDeleteReplaced:    Replace,
	apitype.OpImport:            Create,
	apitype.OpImportReplacement: Replace,
}

// bookkeeping are the types of what the engine keeps for itself, which is in no
// cloud: the stack, other stacks that it reads, and the provider that reads them.
var bookkeeping = []string{"pulumi:pulumi:Stack", "pulumi:pulumi:StackReference", "pulumi:providers:pulumi"}

// ofStack marks the URN of a stack.
const ofStack = "::pulumi:pulumi:Stack::"

func parentOf(metadata apitype.StepEventMetadata) string {
	state := metadata.New
	if state == nil {
		state = metadata.Old
	}
	if state == nil || state.Parent == "" || strings.Contains(state.Parent, ofStack) {
		return ""
	}
	return nameOf(state.Parent)
}

func properties(metadata apitype.StepEventMetadata) []string {
	if len(metadata.DetailedDiff) > 0 {
		return slices.Sorted(maps.Keys(metadata.DetailedDiff))
	}
	return slices.Sorted(slices.Values(metadata.Diffs))
}

func nameOf(urn string) string { return urn[strings.LastIndex(urn, "::")+2:] }

var (
	// colour is how the engine marks colours in its messages, and how a terminal
	// sees them.
	colour = regexp.MustCompile(`<\{%[^%]*%\}>|\x1b\[[0-9;]*m`)
	// programError is what the SDK wraps around the one error of a program.
	programError = regexp.MustCompile(`^error: an unhandled error occurred: (?:program failed:\s+)?1 error occurred:\s*\* `)
)

// Plain is a text of the engine's without its colours.
func Plain(text string) string { return strings.TrimSpace(colour.ReplaceAllString(text, "")) }

func (r *Result) diagnose(event *apitype.DiagnosticEvent) {
	if event.Ephemeral {
		return
	}
	text := programError.ReplaceAllString(Plain(event.Prefix+event.Message), "error: ")
	if event.URN != "" && !strings.Contains(event.URN, ofStack) {
		text = nameOf(event.URN) + ": " + text
	}
	switch event.Severity {
	case "error":
		r.Errors = append(r.Errors, text)
	case "warning":
		r.Warnings = append(r.Warnings, text)
	}
}
