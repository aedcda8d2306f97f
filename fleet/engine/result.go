package engine

import (
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
	// Operation is create, same, update, replace or delete.
	Operation string `json:"operation"`
	// Properties are the paths of the properties that differ, sorted.
	Properties []string `json:"properties,omitempty"`
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
	return slices.DeleteFunc(slices.Clone(r.Resources), func(x Resource) bool { return x.Operation == same })
}

// collect reads an operation's events until their end, or until it is over.
func collect(stream <-chan events.EngineEvent, over <-chan struct{}, observe func(Resource)) *Result {
	c := &collector{result: &Result{}, index: map[string]int{}, observe: observe}
	for {
		select {
		case event, open := <-stream:
			if !open {
				return c.result
			}
			c.take(event)
		case <-over:
			return c.result
		}
	}
}

type collector struct {
	result  *Result
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
	if !known || ownOfEngine[metadata.Type] {
		return
	}
	at, known := c.index[metadata.URN]
	if !known {
		at = len(c.result.Resources)
		c.index[metadata.URN] = at
		c.result.Resources = append(c.result.Resources, Resource{Type: metadata.Type, Name: nameOf(metadata.URN), URN: metadata.URN})
	}
	resource := &c.result.Resources[at]
	// A replacement is several steps; it stays what it was first seen as.
	if resource.Operation != replace {
		resource.Operation = operation
	}
	if paths := properties(metadata); len(paths) > 0 && operation != same {
		resource.Properties = paths
	}
	if ended && c.observe != nil {
		c.observe(*resource)
	}
}

// The operations of a Resource.
const (
	create  = "create"
	same    = "same"
	update  = "update"
	replace = "replace"
	remove  = "delete"
)

var operations = map[apitype.OpType]string{
	apitype.OpSame:              same,
	apitype.OpRefresh:           same,
	apitype.OpCreate:            create,
	apitype.OpUpdate:            update,
	apitype.OpDelete:            remove,
	apitype.OpReplace:           replace,
	apitype.OpCreateReplacement: replace,
	apitype.OpDeleteReplaced:    replace,
	apitype.OpImport:            create,
	apitype.OpImportReplacement: replace,
}

// ownOfEngine are the stack itself and the provider of stack references, which
// are in no cloud and no operator's business.
var ownOfEngine = map[string]bool{"pulumi:pulumi:Stack": true, "pulumi:providers:pulumi": true}

func properties(metadata apitype.StepEventMetadata) []string {
	if len(metadata.DetailedDiff) > 0 {
		return slices.Sorted(maps.Keys(metadata.DetailedDiff))
	}
	return slices.Sorted(slices.Values(metadata.Diffs))
}

func nameOf(urn string) string { return urn[strings.LastIndex(urn, "::")+2:] }

var (
	// colorTag is how the engine marks colours in its messages, and colorCode
	// how a terminal sees them.
	colorTag = regexp.MustCompile(`<\{%[^%]*%\}>|\x1b\[[0-9;]*m`)
	// programError is what the SDK wraps around the one error of a program.
	programError = regexp.MustCompile(`^error: an unhandled error occurred: 1 error occurred:\s*\* `)
)

func (r *Result) diagnose(event *apitype.DiagnosticEvent) {
	if event.Ephemeral {
		return
	}
	text := strings.TrimSpace(colorTag.ReplaceAllString(event.Prefix+event.Message, ""))
	text = programError.ReplaceAllString(text, "error: ")
	if event.URN != "" && !strings.Contains(event.URN, "::pulumi:pulumi:Stack::") {
		text = nameOf(event.URN) + ": " + text
	}
	switch event.Severity {
	case "error":
		r.Errors = append(r.Errors, text)
	case "warning":
		r.Warnings = append(r.Warnings, text)
	}
}
