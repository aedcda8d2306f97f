package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/reference"
	"waybill.example/waybill/stacks/schema"
)

// Received is what has come of the other party's documents. Where one stack builds
// both halves, nothing comes.
type Received struct {
	// Request is the customer's, on the vendor's side, and Grant the vendor's, on
	// the customer's side; nil while the stack waits for it.
	Request *AccessRequest
	Grant   *AccessGrant
	waiting []Waiting
	// withdrawn is the document that the stack was built on before it was taken
	// back; nil for none.
	withdrawn any
}

// Refused is the error of a document that is not believed: a line a problem.
type Refused struct{ error }

func (r Refused) Unwrap() error { return r.error }

// Waiting is one thing that a half waits for, as the output waitingFor says it.
type Waiting struct {
	// Document is accessRequest or accessGrant, From the party that writes it.
	Document string `json:"document"`
	From     string `json:"from"`
	// Command is what that party runs to supply it.
	Command string `json:"command"`
	// Next is what this stack's operator does with the answer.
	Next string `json:"next"`
}

// Rules are what a chain asks of the two documents.
type Rules struct {
	// Request and Grant are the kinds of document, as their schemas call them.
	Request, Grant string
	// Early says that the access request follows from the customer's configuration,
	// before anything is deployed.
	Early bool
	// GrantNames says that the grant has a part for each environment.
	GrantNames bool
	// CheckRequest and CheckGrant hold a document to the trust anchors.
	CheckRequest func(*AccessRequest, *Delivery)
	CheckGrant   func(*AccessGrant, *Delivery)
}

// Delivery is one document on its way in, and what is wrong with it.
type Delivery struct {
	// name of the document, key of its source in the configuration, from whom.
	name, key, from string
	source          config.DocumentSource
	schema          string
	rules           Rules
	settings        *config.Settings
	// root is the project's folder.
	root     string
	last     Outputs
	received *Received
	problems []error
}

// ReceiveRequest reads the customer's document, checks it against the trust anchors
// and against what the stack last built on, and reports every problem. The project
// is in the folder root.
func ReceiveRequest(ctx *pulumi.Context, s *config.Settings, rules Rules, root string, last Outputs) (*Received, error) {
	d := &Delivery{
		name: RequestName, key: "exchange.request", from: "customer", source: s.Exchange.Request,
		schema: schema.Request + "#/$defs/" + rules.Request, rules: rules, settings: s, root: root, last: last, received: &Received{},
	}
	now := &AccessRequest{}
	arrived, err := d.receive(ctx, now, &AccessRequest{}, func() {
		d.checkNames(now.names())
		rules.CheckRequest(now, d)
	})
	if arrived {
		d.received.Request = now
	}
	return d.received, err
}

// ReceiveGrant is ReceiveRequest for the vendor's document.
func ReceiveGrant(ctx *pulumi.Context, s *config.Settings, rules Rules, root string, last Outputs) (*Received, error) {
	d := &Delivery{
		name: GrantName, key: "exchange.grant", from: "vendor", source: s.Exchange.Grant,
		schema: schema.Grant + "#/$defs/" + rules.Grant, rules: rules, settings: s, root: root, last: last, received: &Received{},
	}
	now := &AccessGrant{}
	arrived, err := d.receive(ctx, now, &AccessGrant{}, func() {
		if rules.GrantNames {
			d.checkNames(now.names())
		}
		rules.CheckGrant(now, d)
	})
	if arrived {
		d.received.Grant = now
	}
	return d.received, err
}

// receive reads the document and checks it, last against what the stack was last
// built on; false while it has not come.
func (d *Delivery) receive(ctx *pulumi.Context, now, before document, check func()) (bool, error) {
	arrived, err := d.take(ctx, now)
	if err != nil {
		return false, err
	}
	had, err := d.last.Read(d.name, before)
	if err != nil {
		return false, err
	}
	if arrived {
		err = d.judge(now, before, had, check)
	} else {
		d.missing(had)
	}
	if err == nil && len(d.problems) > 0 {
		err = Refused{errors.Join(d.problems...)}
	}
	if withdrawn := d.received.withdrawn; withdrawn != nil && err == nil {
		ctx.Export(withdrawnName, pulumi.ToOutput(withdrawn))
	}
	return arrived && err == nil, err
}

// judge notes what is wrong with a document that has come.
func (d *Delivery) judge(now, before document, had bool, check func()) (err error) {
	if d.settings.Exchange.Withdrawn {
		d.Add("is there, and exchange.withdrawn is true: want one of them")
	}
	if !had { // what comes after a withdrawal is compared with what was withdrawn
		if had, err = d.last.Read(withdrawnName, before); err != nil {
			return err
		}
	}
	d.checkHeader(now.head())
	check()
	if had {
		d.checkChanges(before.identities(), now.identities())
	}
	return nil
}

// Add notes one problem of the document.
func (d *Delivery) Add(format string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("  %s: %s", d.origin(), fmt.Sprintf(format, args...)))
}

// Anchored wants a value of the document to be the one that was configured from an
// authenticated channel.
func (d *Delivery) Anchored(key, value, anchorKey, anchor string) {
	if value != anchor {
		d.Disagrees(key, value, anchorKey, anchor)
	}
}

// Disagrees notes a value of the document that a trust anchor rules out.
func (d *Delivery) Disagrees(key, value, anchorKey, anchor string) {
	d.Add("%s %q disagrees with the trust anchor %s, %q", key, value, anchorKey, anchor)
}

// origin names the document in errors.
func (d *Delivery) origin() string {
	switch {
	case d.source.File != "":
		return d.key + " " + d.source.File
	case d.source.Stack != "":
		return d.key + " of stack " + d.source.Stack
	}
	return d.key
}

// take reads the document into target; false while it has not come. What is wrong
// with its form ends the update here: nothing else of it can be judged.
func (d *Delivery) take(ctx *pulumi.Context, target any) (arrived bool, err error) {
	text, err := d.text(ctx)
	if err != nil || text == nil {
		return false, err
	}
	ignored, problems := parse(text, d.name, d.schema, target)
	for _, problem := range problems {
		d.Add("%s", problem)
	}
	if len(problems) > 0 {
		return false, Refused{errors.Join(d.problems...)}
	}
	if len(ignored) > 0 {
		return true, ctx.Log.Warn(fmt.Sprintf("%s: is of a newer version; ignored: %s", d.origin(), strings.Join(ignored, ", ")), nil)
	}
	return true, nil
}

// text is the document as it came, nil while it has not.
func (d *Delivery) text(ctx *pulumi.Context) ([]byte, error) {
	switch {
	case d.source.File != "":
		path := d.source.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(d.root, path)
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.key, err)
		}
		return text, nil
	case d.source.Stack != "":
		outputs, err := reference.Outputs(ctx, d.from, d.source.Stack, d.name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.origin(), err)
		}
		details := outputs[d.name]
		if details.SecretValue != nil {
			return nil, fmt.Errorf("%s: the output %s is a secret: want identifiers in the clear, none is secret", d.origin(), d.name)
		}
		if details.Value == nil {
			return nil, nil
		}
		return json.Marshal(details.Value)
	}
	return nil, nil
}

// missing notes that the stack waits, or refuses: what was built on a document does
// not go because the document is mislaid.
func (d *Delivery) missing(had bool) {
	if had && !d.settings.Exchange.Withdrawn {
		d.Add("is missing, and the last update was built on it: want it back, or exchange.withdrawn true to take back what was built on it")
		return
	}
	for _, name := range []string{withdrawnName, d.name} {
		if value := d.last[name]; value != nil {
			d.received.withdrawn = value
		}
	}
	d.received.waiting = append(d.received.waiting, Waiting{Document: d.name, From: d.from, Command: d.command(), Next: d.next(d.settings.Stack)})
}

// command supplies the document.
func (d *Delivery) command() string {
	if d.source.Stack != "" {
		return "pulumi up -s " + d.source.Stack
	}
	theirs := strings.ToUpper(d.from) + "S-STACK" // whose name only they know
	if d.name == RequestName && d.rules.Early {
		return "go run . access-request " + theirs + " > " + FileOf(&d.settings.Customer, d.name)
	}
	return fmt.Sprintf("pulumi stack output %s --json -s %s > %s", d.name, theirs, FileOf(&d.settings.Customer, d.name))
}

// next is what the operator of this stack does once the other party has run the
// command.
func (d *Delivery) next(stack string) string {
	up := fmt.Sprintf("`pulumi up -s %s`", stack)
	switch {
	case d.source.Stack != "":
		return up
	case d.source.File != "":
		return fmt.Sprintf("put it at %s, then %s", d.source.File, up)
	}
	return fmt.Sprintf("put it at %s, name it in Pulumi.%s.yaml as %s.file, then %s", FileOf(&d.settings.Customer, d.name), stack, d.key, up)
}

func (d *Delivery) checkHeader(h header) {
	if h.Customer != d.settings.Slug {
		d.Add("customer %q: want %q, whose stack this is", h.Customer, d.settings.Slug)
	}
	if h.Platform != d.settings.Platform {
		d.Add("platform %q: want %q, as configured", h.Platform, d.settings.Platform)
	}
}

// checkNames wants the environments that are configured, each once: a new one needs
// a line in the configuration and does not come with a document.
func (d *Delivery) checkNames(names []string) {
	var wanted []string
	for _, e := range d.settings.Sorted() {
		wanted = append(wanted, e.Name)
	}
	for i, name := range names {
		switch first := slices.Index(names, name); {
		case first < i:
			d.Add("environments[%d].name %q: repeats environments[%d]", i, name, first)
		case !slices.Contains(wanted, name):
			d.Add("environments[%d].name %q: want one of the configured %s", i, name, strings.Join(wanted, ", "))
		}
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			d.Add("environments: %q is missing: want every configured one", name)
		}
	}
}

// checkChanges refuses an identity that was another at the last update, unless the
// configuration accepts it: who may pull does not change by a document alone. The
// preview shows the change.
func (d *Delivery) checkChanges(last, now []fact) {
	for _, f := range now {
		before := []string{}
		for _, l := range last {
			if l.environment == f.environment && l.key == f.key {
				before = append(before, l.value)
			}
		}
		if len(before) == 0 || slices.Contains(before, f.value) || slices.Contains(d.settings.Exchange.Accept, f.value) {
			continue
		}
		where := f.key
		if f.environment != "" {
			where = "environment " + f.environment + ": " + f.key
		}
		d.Add("%s is %q and was %s at the last update: want it unchanged, or in exchange.accept once the %s has confirmed it",
			where, f.value, strings.Join(before, ", "), d.from)
	}
}
