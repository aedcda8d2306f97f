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
	// Environments are those that a document that has come does not name yet; none where
	// no document has come.
	Environments []string `json:"environments,omitempty"`
}

// Lacks says whether it is what an environment waits for.
func (w Waiting) Lacks(environment string) bool {
	return len(w.Environments) == 0 || slices.Contains(w.Environments, environment)
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
	arrived, err := d.receive(ctx, now, &AccessRequest{}, func() error {
		d.refuseNames(d.compare(now.names()))
		rules.CheckRequest(now, d)
		return nil
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
	before := &AccessGrant{}
	arrived, err := d.receive(ctx, now, before, func() (err error) {
		if rules.GrantNames {
			err = d.checkGranted(ctx, now.names(), before.names())
		}
		rules.CheckGrant(now, d)
		if rules.GrantNames { // what is ignored is not remembered
			now.Environments = slices.DeleteFunc(now.Environments, func(e GrantEnvironment) bool { return s.Environments[e.Name] == nil })
		}
		return err
	})
	if arrived {
		d.received.Grant = now
	}
	return d.received, err
}

// receive reads the document and checks it, last against what the stack was last
// built on; false while it has not come.
func (d *Delivery) receive(ctx *pulumi.Context, now, before document, check func() error) (bool, error) {
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
func (d *Delivery) judge(now, before document, had bool, check func() error) (err error) {
	if d.settings.Exchange.Withdrawn {
		d.Add("is there, and exchange.withdrawn is true: want one of them")
	}
	if !had { // what comes after a withdrawal is compared with what was withdrawn
		if had, err = d.last.Read(withdrawnName, before); err != nil {
			return err
		}
	}
	d.checkHeader(now.head())
	if err := check(); err != nil {
		return err
	}
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
	d.wait()
}

// wait notes what the stack waits for: the document, or environments in it.
func (d *Delivery) wait(environments ...string) {
	d.received.waiting = append(d.received.waiting, Waiting{
		Document: d.name, From: d.from, Command: d.command(), Next: d.next(d.settings.Stack), Environments: environments,
	})
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

// compare compares the environments of a document with the configured ones, and refuses
// one that stands there twice.
func (d *Delivery) compare(names []string) (missing, extra []string) {
	for i, name := range names {
		if first := slices.Index(names, name); first < i {
			d.Add("environments[%d].name %q: repeats environments[%d]", i, name, first)
		} else if d.settings.Environments[name] == nil {
			extra = append(extra, fmt.Sprintf("environments[%d].name %q", i, name))
		}
	}
	for _, e := range d.settings.Sorted() {
		if !slices.Contains(names, e.Name) {
			missing = append(missing, e.Name)
		}
	}
	return missing, extra
}

// refuseNames wants the environments that are configured, and no other: a new one needs
// a line in the configuration and does not come with a document.
func (d *Delivery) refuseNames(missing, extra []string) {
	var configured []string
	for _, e := range d.settings.Sorted() {
		configured = append(configured, e.Name)
	}
	for _, name := range extra {
		d.Add("%s: want one of the configured %s", name, strings.Join(configured, ", "))
	}
	for _, name := range missing {
		d.Add("environments: %q is missing: want every configured one; the %s adds one first, and removes one first", name, d.from)
	}
}

// checkGranted lets an environment wait that the vendor has granted nothing yet, and
// ignores one that is not the customer's any more. What was granted does not go because
// a document leaves it out.
func (d *Delivery) checkGranted(ctx *pulumi.Context, names, before []string) error {
	missing, extra := d.compare(names)
	if len(missing) == len(d.settings.Environments) {
		d.refuseNames(missing, extra)
		return nil
	}
	var waits []string
	for _, name := range missing {
		if slices.Contains(before, name) {
			d.Add("environments: %q is missing, and the last update was built on it: want it back, or no environments.%[1]s in the configuration", name)
			continue
		}
		waits = append(waits, name)
	}
	if len(waits) > 0 {
		d.wait(waits...)
	}
	if len(extra) > 0 {
		return ctx.Log.Warn(fmt.Sprintf("%s: not configured here, and ignored: %s", d.origin(), strings.Join(extra, ", ")), nil)
	}
	return nil
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
