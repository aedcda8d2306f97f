package guide

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
)

// Form says how what is in the clouds is made.
type Form string

// The forms of a guide.
const (
	Terminal  Form = "terminal"
	Terraform Form = "terraform"
)

// Forms are the forms that there are.
var Forms = []Form{Terminal, Terraform}

// The files that the guide's commands write and read.
const (
	requestFile = exchange.RequestName + ".json"
	grantFile   = exchange.GrantName + ".json"
	outputsFile = "outputs.json"
)

// writer writes a guide.
type writer struct {
	stack *record.Stack
	cloud record.Cloud
	form  Form
	text  strings.Builder
	step  int

	// marks are what only a cloud can tell, the longest first; variables what stands in
	// their places, and toldBy where the access request says them.
	marks     []string
	variables map[string]variable
	toldBy    map[string]string
	// needed are the marks whose variables are used and perhaps not set yet; isSet are
	// the variables that the half has set.
	needed map[string]bool
	isSet  map[string]bool
	// atVendor says whose half is written, inTerraform that a text is Terraform's.
	atVendor, inTerraform bool
	// sources are Terraform's data sources, placed the blocks that are printed: both halves
	// may be one configuration.
	sources, placed map[string]bool
}

// Print writes the guide of a stack, which was recorded with marks.
func Print(out io.Writer, stack *record.Stack, form Form) error {
	w := &writer{
		stack: stack, form: form, variables: map[string]variable{}, toldBy: map[string]string{},
		needed: map[string]bool{}, isSet: map[string]bool{}, sources: map[string]bool{}, placed: map[string]bool{},
		cloud: stack.Cloud,
	}
	if err := w.check(); err != nil {
		return err
	}
	if err := w.findOut(); err != nil {
		return err
	}
	c := stack.Customer
	w.say("# %s for %s", c.Product.Name, c.Slug)
	w.say("These steps create by hand what `pulumi up -s %s` creates, in order. All names and policies are those that the program\n"+
		"registers. Each variable is set before it is used, so run a half in a single shell, from the project's folder.", stack.Name)
	if form == Terraform {
		w.say("Terraform creates the cloud resources. Save a half's blocks as `.tf` files in one folder. If one party builds both halves, use\n" +
			"the same folder for both.")
	}
	if c.Side != "vendor" {
		w.half("customer", w.customer)
	}
	if c.Side != "customer" {
		w.half("vendor", w.vendor)
	}
	_, err := io.WriteString(out, strings.TrimRight(w.text.String(), "\n")+"\n")
	return err
}

// check refuses what has no rendering.
func (w *writer) check() error {
	var problems []error
	for _, r := range w.stack.Registrations {
		if !r.Custom() || strings.HasPrefix(r.Type, "kubernetes:") || strings.HasPrefix(r.Type, "pulumi:") {
			continue
		}
		row, found := rows[r.Type]
		if !found {
			problems = append(problems, fmt.Errorf("%s %s: has no rendering", r.Type, r.Name))
			continue
		}
		rendered := row.remove.inputs
		for _, c := range row.create {
			rendered = append(slices.Clone(rendered), c.inputs...)
		}
		for _, path := range paths(r.Inputs) {
			covered := slices.ContainsFunc(rendered, func(in input) bool { return in.key == path || strings.HasPrefix(path, in.key+".") })
			if _, ignored := row.ignored[path]; !covered && !ignored {
				problems = append(problems, fmt.Errorf("%s %s: its input %s has no rendering", r.Type, r.Name, path))
			}
		}
	}
	return errors.Join(problems...)
}

// paths are the paths of inputs, and of what is in objects one below.
func paths(inputs resource.PropertyMap) []string {
	var all []string
	for _, key := range inputs.StableKeys() {
		value := record.Plain(inputs[key])
		if !value.IsObject() {
			all = append(all, string(key))
			continue
		}
		for _, inner := range value.ObjectValue().StableKeys() {
			all = append(all, string(key)+"."+string(inner))
		}
	}
	return all
}

// findOut says how each mark is found out. Marks that nothing shows are left out; a text
// that holds one is refused where it is printed.
func (w *writer) findOut() error {
	w.marks = slices.SortedFunc(maps.Keys(w.stack.Marks), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	if request, found := w.stack.Outputs[exchange.RequestName]; found {
		w.tell(request, "")
	}
	for _, mark := range w.marks {
		v, err := w.variableOf(w.stack.Marks[mark])
		if err != nil && w.uses(mark) {
			return err
		}
		w.variables[mark] = v
	}
	return nil
}

// uses says whether the guide holds a mark: a resource in a cloud, or a document.
func (w *writer) uses(mark string) bool {
	for _, r := range w.stack.Registrations {
		if rows[r.Type].is != "" && strings.Contains(fmt.Sprint(r.Inputs), mark) {
			return true
		}
	}
	return slices.ContainsFunc(documents, func(name string) bool { return strings.Contains(fmt.Sprint(w.stack.Outputs[name]), mark) })
}

// documents are the outputs that are told to others, and to `waybill manifests`.
var documents = []string{exchange.RequestName, exchange.GrantName, exchange.TrustsName}

// say writes a paragraph.
func (w *writer) say(format string, values ...any) { fmt.Fprintf(&w.text, format+"\n\n", values...) }

// heading begins a step.
func (w *writer) heading(title string) {
	w.step++
	w.say("### %d. %s", w.step, title)
}

// half is one party's part.
func (w *writer) half(party string, write func()) {
	w.step, w.atVendor, w.isSet = 0, party == "vendor", map[string]bool{}
	w.say("## The %s's half", party)
	write()
}

// run writes commands, after those that set what they use.
func (w *writer) run(commands ...string) {
	if len(commands) > 0 {
		w.fence("sh", strings.Join(append(w.declared(), commands...), "\n"))
	}
}

func (w *writer) fence(language, text string) { w.say("```%s\n%s\n```", language, text) }

// provider is the registration of an explicit provider.
func (w *writer) provider(name string) record.Registration {
	for _, r := range w.stack.Registrations {
		if r.Name == name && strings.HasPrefix(r.Type, "pulumi:providers:") {
			return r
		}
	}
	return record.Registration{}
}

// where are the words that say where a provider's commands act.
func (w *writer) where(provider string) []string {
	r := w.provider(provider)
	var words []string
	for _, in := range list(
		input{"subscriptionId", flag("--subscription")}, input{"region", flag("--region")}, input{"profile", flag("--profile")},
	) {
		if value := r.Value(in.key); !value.IsNull() {
			words = append(words, in.as(&shell{writer: w}, value)...)
		}
	}
	return words
}

// clouds are a party's resources in clouds.
func (w *writer) clouds() []record.Registration {
	var all []record.Registration
	for _, r := range w.stack.Registrations {
		if rows[r.Type].is != "" && !r.Read && ofVendor(r.Provider) == w.atVendor {
			all = append(all, r)
		}
	}
	return all
}

// ofVendor says whether an explicit provider acts for the vendor.
func ofVendor(provider string) bool { return provider == "gcp" || provider == "aws-vendor" }

// signIn checks that the commands act where they are meant to.
func (w *writer) signIn() {
	var commands []string
	for _, r := range w.stack.Registrations {
		if !strings.HasPrefix(r.Type, "pulumi:providers:") || ofVendor(r.Name) != w.atVendor {
			continue
		}
		switch r.Kind() {
		case "azure-native":
			commands = append(commands,
				"az cloud set --name "+azureClouds[r.Text("environment")],
				"az login --tenant "+w.word(r.Text("tenantId")),
				"az account set --subscription "+w.word(r.Text("subscriptionId")))
		case "aws":
			commands = append(commands, fmt.Sprintf(`test "$(aws sts get-caller-identity --query Account --output text %s)" = %s`,
				strings.Join(w.where(r.Name), " "), strings.Join(scalars(r.Value("allowedAccountIds")), " ")))
		case "gcp":
			commands = append(commands, "gcloud auth login", fmt.Sprintf(
				"gcloud services enable artifactregistry.googleapis.com iam.googleapis.com iamcredentials.googleapis.com \\\n  sts.googleapis.com --project=%s",
				w.word(r.Text("project"))))
		}
	}
	w.run(commands...)
}

// azureClouds are the CLI's names of Azure's clouds
// (https://learn.microsoft.com/cli/azure/manage-clouds-azure-cli).
var azureClouds = map[string]string{"public": "AzureCloud", "usgovernment": "AzureUSGovernment", "china": "AzureChinaCloud"}

// create writes how a party's resources are made.
func (w *writer) create(runs bool) {
	var mine []record.Registration
	for _, r := range w.clouds() {
		if rows[r.Type].runs == runs {
			mine = append(mine, r)
		}
	}
	if len(mine) == 0 {
		return
	}
	if w.form == Terraform {
		w.terraformStep(mine)
		return
	}
	for _, r := range mine {
		w.say("%s (`%s`):", rows[r.Type].is, r.Name)
		w.run(w.commands(r, rows[r.Type].create...)...)
	}
}

// terraformStep writes registrations as Terraform has them, with what they need.
func (w *writer) terraformStep(mine []record.Registration) {
	var blocks []string
	place := func(name, block string) {
		if !w.placed[name] {
			w.placed[name] = true
			blocks = append(blocks, block)
		}
	}
	for _, r := range w.stack.Registrations {
		if strings.HasPrefix(r.Type, "pulumi:providers:") && slices.ContainsFunc(mine, func(of record.Registration) bool { return of.Provider == r.Name }) {
			place(r.Kind(), required[r.Kind()])
			place(r.Name, w.providerBlock(r))
		}
	}
	resources := w.terraform(mine)
	for _, source := range slices.Sorted(maps.Keys(w.sources)) {
		place(source, source)
	}
	w.fence("hcl", strings.Join(append(blocks, resources), "\n\n"))
	w.run("terraform init", "terraform apply")
}

// tellFile writes a document for the other party.
func (w *writer) tellFile(name string) {
	value := resource.NewPropertyValue(w.stack.Outputs[name])
	text := indented(jsonOf(value))
	if w.form == Terraform && w.marked(text) {
		w.inTerraform = true
		text = w.template(text)
		w.inTerraform = false
		w.needed = map[string]bool{}
		w.fence("hcl", fmt.Sprintf("output %q {\n  value = %s\n}", name, strings.ReplaceAll(text, "\n", "\n  ")))
		w.run("terraform apply", fmt.Sprintf("terraform output -json %s > %s.json", name, name))
		return
	}
	w.run(w.heredoc(name+".json", text))
}
