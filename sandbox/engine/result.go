package engine

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
)

// Resource is what an operation did, or a preview would do, with one resource.
type Resource struct {
	Type string `json:"type"`
	Name string `json:"name"`
	// Parent is the name of the resource's parent; empty for the stack's children.
	Parent string `json:"parent"`
	// Operation is create, same, update, replace or delete; an import is a create.
	Operation string `json:"operation"`
	// Imported is true where the operation took over what existed already.
	Imported bool `json:"imported,omitempty"`
	// Failed is true where the operation was tried and refused.
	Failed bool `json:"failed,omitempty"`

	urn string
}

// Step is one step of the engine as it ended.
type Step struct {
	Resource
	// Planned is true in a preview, where nothing was done.
	Planned bool
}

// Result is what an operation did.
type Result struct {
	// Resources in the order in which the engine first came to them. A
	// resource that is only read is none of them.
	Resources []Resource
	// Outputs of the stack; secret ones are "[secret]".
	Outputs map[string]any
	// Errors and Warnings are the engine's and the providers' own words.
	Errors, Warnings []string
}

// Changed are the resources that an operation did not leave as they were.
func (r *Result) Changed() []Resource {
	return slices.DeleteFunc(slices.Clone(r.Resources), func(x Resource) bool { return x.Operation == "same" })
}

// failure gives the errors that the engine reported; the raw error of the
// Automation API repeats the whole output.
func (r *Result) failure(err error) error {
	if len(r.Errors) == 0 {
		return fmt.Errorf("engine: %w", err)
	}
	return errors.New(strings.Join(r.Errors, "\n"))
}

// collect reads an operation's events until the stream is closed or the
// operation is over.
func collect(stream <-chan events.EngineEvent, over <-chan struct{}, observe func(Step)) *Result {
	result := &Result{}
	index := map[string]int{}
	note := func(metadata apitype.StepEventMetadata, planned, ended bool) {
		resource, ok := fromStep(metadata)
		if !ok {
			return
		}
		at, known := index[resource.urn]
		if !known {
			at = len(result.Resources)
			index[resource.urn] = at
			result.Resources = append(result.Resources, resource)
		}
		result.Resources[at].Imported = result.Resources[at].Imported || resource.Imported
		// A replacement is several steps; it stays what it was first seen as.
		if result.Resources[at].Operation != "replace" {
			result.Resources[at].Operation = resource.Operation
		}
		if ended && observe != nil {
			observe(Step{Resource: result.Resources[at], Planned: planned})
		}
	}
	take := func(event events.EngineEvent) {
		switch {
		case event.ResOpFailedEvent != nil:
			if at, known := index[event.ResOpFailedEvent.Metadata.URN]; known {
				result.Resources[at].Failed = true
			}
		case event.ResourcePreEvent != nil:
			note(event.ResourcePreEvent.Metadata, event.ResourcePreEvent.Planning, false)
		case event.ResOutputsEvent != nil:
			note(event.ResOutputsEvent.Metadata, event.ResOutputsEvent.Planning, true)
		case event.DiagnosticEvent != nil:
			result.diagnose(event.DiagnosticEvent)
		}
	}
	for {
		select {
		case event, open := <-stream:
			if !open {
				return result
			}
			take(event)
		case <-over:
			return result
		}
	}
}

// bookkeeping are the types of what the engine keeps for itself: the stack, other
// stacks that it reads, and the provider that reads them.
var bookkeeping = []string{"pulumi:pulumi:Stack", "pulumi:pulumi:StackReference", "pulumi:providers:pulumi"}

// fromStep translates a step; false for reads and for bookkeeping.
func fromStep(metadata apitype.StepEventMetadata) (Resource, bool) {
	operation, known := operations[metadata.Op]
	if !known || slices.Contains(bookkeeping, metadata.Type) {
		return Resource{}, false
	}
	state := metadata.New
	if state == nil {
		state = metadata.Old
	}
	resource := Resource{Type: metadata.Type, Name: urnName(metadata.URN), Operation: operation, urn: metadata.URN}
	resource.Imported = metadata.Op == apitype.OpImport || metadata.Op == apitype.OpImportReplacement
	if state != nil && state.Parent != "" && !strings.Contains(state.Parent, "::pulumi:pulumi:Stack::") {
		resource.Parent = urnName(state.Parent)
	}
	return resource, true
}

var operations = map[apitype.OpType]string{
	apitype.OpSame:              "same",
	apitype.OpRefresh:           "same",
	apitype.OpCreate:            "create",
	apitype.OpUpdate:            "update",
	apitype.OpDelete:            "delete",
	apitype.OpReplace:           "replace",
	apitype.OpCreateReplacement: "replace",
	apitype.OpDeleteReplaced:    "replace",
	apitype.OpImport:            "create",
	apitype.OpImportReplacement: "replace",
}

func urnName(urn string) string {
	return urn[strings.LastIndex(urn, "::")+2:]
}

var (
	// colorTag is how the engine marks colours in its messages.
	colorTag = regexp.MustCompile(`<\{%[^%]*%\}>`)
	// programError is what the SDK wraps around the one error of a program.
	programError = regexp.MustCompile(`^error: an unhandled error occurred: (?:program failed:\s+)?1 error occurred:\s*\* `)
	// providersVersion is what the engine says of a Kubernetes provider that was
	// built or found on PATH; the run has said which one it uses.
	providersVersion = regexp.MustCompile(`using pulumi-resource-kubernetes from |resource plugin kubernetes is expected to have version`)
)

func (r *Result) diagnose(event *apitype.DiagnosticEvent) {
	if event.Ephemeral || providersVersion.MatchString(event.Message) {
		return
	}
	text := strings.TrimSpace(colorTag.ReplaceAllString(event.Prefix+event.Message, ""))
	text = programError.ReplaceAllString(text, "error: ")
	if name := urnName("::" + event.URN); name != "" && !strings.Contains(event.URN, "::pulumi:pulumi:Stack::") {
		text = name + ": " + text
	}
	switch event.Severity {
	case "error":
		r.Errors = append(r.Errors, text)
	case "warning":
		r.Warnings = append(r.Warnings, text)
	}
}
