package stacks

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

	"waybill.example/waybill/components/aws"
)

// exchanged is what has come of the other party's documents.
type exchanged struct {
	// request is the customer's, on the vendor's side; grant is the vendor's, on
	// the customer's side. Each is nil while the stack waits for it, and where
	// one stack builds both halves.
	request *AccessRequest
	grant   *AccessGrant
	// waiting says what is missing.
	waiting []waiting
	// last are the stack's own outputs after its last update.
	last outputs
	// withdrawn is the document that the stack was built on before it was taken
	// back; nil for none.
	withdrawn any
}

// waiting is one thing that a half waits for, as the output waitingFor says it.
type waiting struct {
	// Document is accessRequest or accessGrant, From the party that writes it.
	Document string `json:"document"`
	From     string `json:"from"`
	// Command supplies it.
	Command string `json:"command"`
}

// outputs are a stack's outputs by name.
type outputs map[string]any

// read decodes an output into target; false where there is none.
func (o outputs) read(name string, target any) (bool, error) {
	value, found := o[name]
	if !found || value == nil {
		return false, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, target)
}

// receive reads the other party's document, checks it against the trust anchors
// and against what the stack last built on, and reports every problem.
func receive(ctx *pulumi.Context, s *settings, root string, last func() (outputs, error)) (err error) {
	if s.Side == "both" && !s.hasWorkloadTrusts() {
		return nil
	}
	if s.received.last, err = last(); err != nil {
		return err
	}
	var problems []error
	switch s.Side {
	case sideVendor:
		request, last := &AccessRequest{}, &AccessRequest{}
		d := &delivery{
			name: accessRequestName, key: "exchange.request", from: sideCustomer, source: s.Exchange.Request,
			schema: requestSchema, kind: s.kind(), settings: s, root: root,
		}
		arrived, err := d.receive(ctx, request, last, func() { d.checkRequestAnchors(request) })
		if err != nil {
			return err
		}
		if problems = d.problems; arrived {
			s.received.request = request
		}
	case sideCustomer:
		grant, last := &AccessGrant{}, &AccessGrant{}
		d := &delivery{
			name: accessGrantName, key: "exchange.grant", from: sideVendor, source: s.Exchange.Grant,
			schema: grantSchema, kind: grantKind(s.kind()), settings: s, root: root,
		}
		arrived, err := d.receive(ctx, grant, last, func() { d.checkGrantAnchors(grant) })
		if err != nil {
			return err
		}
		if problems = d.problems; arrived {
			s.received.grant = grant
		}
	}
	if len(problems) > 0 {
		return refusal(ctx, errors.Join(problems...))
	}
	if withdrawn := s.received.withdrawn; withdrawn != nil {
		ctx.Export(withdrawnName, pulumi.Any(withdrawn))
	}
	return nil
}

// grantKind is the kind of grant that answers a kind of chain's request.
func grantKind(kind string) string {
	if kind == kindEntra || kind == kindCluster {
		return kindGoogle
	}
	return kind
}

// delivery is one document on its way in.
type delivery struct {
	// name of the document, key of its source in the configuration, from whom.
	name, key, from string
	source          DocumentSource
	schema, kind    string
	settings        *settings
	root            string
	problems        []error
}

// receive reads the document and checks it, last against what the stack was last
// built on; false while it has not come.
func (d *delivery) receive(ctx *pulumi.Context, now, last document, anchors func()) (arrived bool, err error) {
	if arrived, err = d.take(ctx, now); err != nil {
		return false, err
	}
	hadLast, err := d.settings.received.last.read(d.name, last)
	if err != nil {
		return false, err
	}
	if !arrived {
		d.missing(hadLast)
		return false, nil
	}
	if d.settings.Exchange.Withdrawn {
		d.add("is there, and exchange.withdrawn is true: want one of them")
	}
	if !hadLast { // what comes after a withdrawal is compared with what was withdrawn
		if hadLast, err = d.settings.received.last.read(withdrawnName, last); err != nil {
			return false, err
		}
	}
	d.checkHeader(now.head())
	if d.kind == kindGoogle || d.name == accessRequestName {
		d.checkNames(now.names())
	}
	anchors()
	if hadLast {
		d.checkChanges(last.identities(), now.identities())
	}
	return true, nil
}

func (d *delivery) add(format string, args ...any) {
	d.problems = append(d.problems, fmt.Errorf("  %s: %s", d.origin(), fmt.Sprintf(format, args...)))
}

// origin names the document in errors.
func (d *delivery) origin() string {
	switch {
	case d.source.File != "":
		return d.key + " " + d.source.File
	case d.source.Stack != "":
		return d.key + " of stack " + d.source.Stack
	}
	return d.key
}

// take reads the document into target; false while it has not come. What is
// wrong with its form ends the update here: nothing else of it can be judged.
func (d *delivery) take(ctx *pulumi.Context, target any) (arrived bool, err error) {
	text, err := d.text(ctx)
	if err != nil || text == nil {
		return false, err
	}
	for _, problem := range parseDocument(text, d.schema, d.kind, target) {
		d.add("%s", problem)
	}
	if len(d.problems) > 0 {
		return false, refusal(ctx, errors.Join(d.problems...))
	}
	return true, nil
}

// text is the document as it came, nil while it has not.
func (d *delivery) text(ctx *pulumi.Context) ([]byte, error) {
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
		reference, err := pulumi.NewStackReference(ctx, d.from, &pulumi.StackReferenceArgs{Name: pulumi.String(d.source.Stack)})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.origin(), err)
		}
		details, err := reference.GetOutputDetails(d.name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.origin(), err)
		}
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

// missing notes that the stack waits, or refuses: what was built on a document
// does not go because the document is mislaid.
func (d *delivery) missing(hadLast bool) {
	if hadLast && !d.settings.Exchange.Withdrawn {
		d.add("is missing, and the last update was built on it: want it back, or exchange.withdrawn true to take back what was built on it")
		return
	}
	for _, name := range []string{withdrawnName, d.name} {
		if value := d.settings.received.last[name]; value != nil {
			d.settings.received.withdrawn = value
		}
	}
	d.settings.received.waiting = append(d.settings.received.waiting, waiting{Document: d.name, From: d.from, Command: d.command()})
}

// command supplies the document.
func (d *delivery) command() string {
	if d.source.Stack != "" {
		return "pulumi up -s " + d.source.Stack
	}
	file := d.source.File
	if file == "" {
		file = fmt.Sprintf("exchange/%s.%s.json", d.settings.Slug, d.name)
	}
	stack := "STACK"
	if d.name == accessRequestName && d.settings.Platform != platformAKS {
		// It follows from the customer's configuration.
		return fmt.Sprintf("go run . access-request %s > %s", stack, file)
	}
	return fmt.Sprintf("pulumi stack output %s --json -s %s > %s", d.name, stack, file)
}

func (d *delivery) checkHeader(h header) {
	if h.Customer != d.settings.Slug {
		d.add("customer %q: want %q, whose stack this is", h.Customer, d.settings.Slug)
	}
	if h.Platform != d.settings.Platform {
		d.add("platform %q: want %q, as configured", h.Platform, d.settings.Platform)
	}
}

// checkNames wants the environments that are configured, each once: a new one
// needs a line in the configuration and does not come with a document.
func (d *delivery) checkNames(names []string) {
	var wanted []string
	for _, e := range d.settings.environments() {
		wanted = append(wanted, e.Name)
	}
	for i, name := range names {
		switch first := slices.Index(names, name); {
		case first < i:
			d.add("environments[%d].name %q: repeats environments[%d]", i, name, first)
		case !slices.Contains(wanted, name):
			d.add("environments[%d].name %q: want one of the configured %s", i, name, strings.Join(wanted, ", "))
		}
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			d.add("environments: %q is missing: want every configured one", name)
		}
	}
}

// anchored wants a value of the document to be the one that was configured from
// an authenticated channel.
func (d *delivery) anchored(key, value, anchorKey, anchor string) {
	if value != anchor {
		d.add("%s %q disagrees with the trust anchor %s, %q", key, value, anchorKey, anchor)
	}
}

func (d *delivery) checkRequestAnchors(r *AccessRequest) {
	c := &d.settings.Customer
	switch d.kind {
	case kindEntra:
		d.anchored("tenantId", r.TenantID, "azure.tenantId", c.Azure.TenantID)
		d.checkShared(r)
	case kindAmazon:
		d.anchored("account", r.Account, "aws.customer.account", c.AWS.Customer.Account)
		d.anchored("region", r.Region, "aws.customer.region", c.AWS.Customer.Region)
	case kindNodes:
		d.anchored("project", r.Project, "gke.project", c.GKE.Project)
	}
	environments := c.environments()
	for i, e := range r.Environments {
		key := fmt.Sprintf("environments[%d].", i)
		at := slices.IndexFunc(environments, func(configured environment) bool { return configured.Name == e.Name })
		if d.kind == kindCluster && at >= 0 {
			d.anchored(key+"issuer", e.Issuer, c.issuerKey(at), environments[at].issuer())
		}
		for j, role := range e.RoleARNs {
			if account := strings.Split(role, ":")[4]; account != c.AWS.Customer.Account {
				d.add("%sroleArns[%d] %q disagrees with the trust anchor aws.customer.account, %q", key, j, role, c.AWS.Customer.Account)
			}
		}
		for j, email := range e.NodeServiceAccounts {
			if !strings.HasSuffix(email, "@"+accountDomain(c.GKE.Project)) {
				d.add("%snodeServiceAccounts[%d] %q disagrees with the trust anchor gke.project, %q", key, j, email, c.GKE.Project)
			}
		}
	}
}

// checkShared refuses one principal for two environments: each could become the
// other, and their bindings would be one.
func (d *delivery) checkShared(r *AccessRequest) {
	for i, e := range r.Environments {
		for j, earlier := range r.Environments[:i] {
			if e.PrincipalID == earlier.PrincipalID {
				d.add("environments[%d].principalId %q: is environments[%d]'s: want one of its own", i, e.PrincipalID, j)
			}
		}
	}
}

func (d *delivery) checkGrantAnchors(g *AccessGrant) {
	c := &d.settings.Customer
	if d.kind == kindAmazon {
		vendor := c.AWS.Vendor
		d.anchored("account", g.Account, "aws.vendor.account", vendor.Account)
		d.anchored("region", g.Region, "aws.vendor.region", vendor.Region)
		d.anchored("registry", g.Registry, "aws.vendor", aws.RepositoryRef{Account: vendor.Account, Region: vendor.Region}.Host())
		return
	}
	d.anchored("registry", g.Registry, "gcp.location", c.GCP.Location+"-docker.pkg.dev")
	project := strings.ReplaceAll(c.GCP.Project, ":", "/")
	if !strings.HasPrefix(g.Repository, project+"/") {
		d.add("repository %q disagrees with the trust anchor gcp.project, %q", g.Repository, c.GCP.Project)
	}
	if d.kind == kindNodes {
		return
	}
	d.anchored("projectNumber", g.ProjectNumber, "gcp.projectNumber", c.GCP.ProjectNumber)
	if !strings.HasSuffix(g.ServiceAccount, "@"+accountDomain(c.GCP.Project)) {
		d.add("serviceAccount %q disagrees with the trust anchor gcp.project, %q", g.ServiceAccount, c.GCP.Project)
	}
}

// accountDomain is what the emails of a project's service accounts end in; a
// project of a domain, example.com:name, is turned around.
func accountDomain(project string) string {
	if domain, name, found := strings.Cut(project, ":"); found {
		return name + "." + domain + ".iam.gserviceaccount.com"
	}
	return project + ".iam.gserviceaccount.com"
}

// checkChanges refuses an identity that was another at the last update, unless
// the configuration accepts it: who may pull does not change by a document
// alone. The preview shows the change.
func (d *delivery) checkChanges(last, now []fact) {
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
		d.add("%s is %q and was %s at the last update: want it unchanged, or in exchange.accept once the %s has confirmed it",
			where, f.value, strings.Join(before, ", "), d.from)
	}
}

// issuerKey is where the configuration anchors an environment's issuer.
func (c *Customer) issuerKey(i int) string {
	at := c.placeOf(i)
	if c.Platform == platformOther {
		return at.environment + "kubernetes.issuer"
	}
	return at.cluster + ".issuer"
}

// ownOutputs are what the stack exported when it was last updated; none where
// it never was. The engine answers a stack's reference to itself so.
func ownOutputs(ctx *pulumi.Context) (outputs, error) {
	name := fmt.Sprintf("%s/%s/%s", ctx.Organization(), ctx.Project(), ctx.Stack())
	reference, err := pulumi.NewStackReference(ctx, "self", &pulumi.StackReferenceArgs{Name: pulumi.String(name)})
	if err != nil {
		return nil, fmt.Errorf("the last outputs of %s: %w", name, err)
	}
	all := outputs{}
	for _, output := range remembered {
		details, err := reference.GetOutputDetails(output)
		if err != nil {
			return nil, fmt.Errorf("the last outputs of %s: %w", name, err)
		}
		if details.Value != nil {
			all[output] = details.Value
		}
	}
	return all, nil
}

// remembered are the outputs that the next update is held to.
var remembered = []string{accessRequestName, accessGrantName, workloadTrustsName, withdrawnName}

// withdrawnName is the output that keeps a document that was taken back, so that
// its successor is compared with it.
const withdrawnName = "withdrawn"

// keepOutputs exports again what the next update is held to. The SDK registers the
// outputs of a program that failed as well, so that a refusal would make the
// stack forget what it was built on, and the next update would believe the
// document that this one refused.
func keepOutputs(ctx *pulumi.Context, last func() (outputs, error)) error {
	kept, err := last()
	if err != nil {
		return err
	}
	for name, value := range kept {
		ctx.Export(name, pulumi.Any(value))
	}
	return nil
}

// exportWaiting tells what the stack waits for; nothing where it is complete.
func exportWaiting(ctx *pulumi.Context, s *settings) error {
	if len(s.received.waiting) == 0 {
		return nil
	}
	list := pulumi.Array{}
	for _, w := range s.received.waiting {
		output, err := asOutput(w)
		if err != nil {
			return err
		}
		list = append(list, pulumi.Any(output))
	}
	ctx.Export("waitingFor", list)
	return nil
}

// exportDocument exports a document that is known as a whole.
func exportDocument(ctx *pulumi.Context, name string, document any) error {
	output, err := asOutput(document)
	if err != nil {
		return err
	}
	ctx.Export(name, pulumi.Any(output))
	return nil
}
