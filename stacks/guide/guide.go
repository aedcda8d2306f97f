package guide

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/stacks/config"
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

// outputsFile is what the guide's commands write for `waybill`.
const outputsFile = "outputs.json"

// writer writes a guide.
type writer struct {
	stack *record.Stack
	cloud record.Cloud
	form  Form
	text  bytes.Buffer
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
	switch stack.Customer.Side {
	case "customer":
		w.half("customer", "", 0, func() { w.ask(); w.use() })
	case "vendor":
		w.half("vendor", "", 0, w.answer)
	default:
		w.half("customer", "", 0, w.ask)
		asked := w.step
		w.half("vendor", "", 0, w.answer)
		w.half("customer", ", continued", asked, w.use)
	}
	if stack.Customer.Side != "vendor" {
		w.leave("customer", "Only when the customer gives the product up. Repeat step 1 first.", w.leaveClusters)
	}
	if stack.Customer.Side != "customer" {
		w.leave("vendor", "Only when the customer is to lose its access. Repeat step 1 first.", func() {})
	}
	_, err := io.WriteString(out, w.introduction()+strings.TrimRight(w.text.String(), "\n")+"\n")
	return err
}

// introduction says how the guide is read, and what its commands need.
func (w *writer) introduction() string {
	c := w.stack.Customer
	text := fmt.Sprintf("# %s for %s\n\n", c.Product.Name, c.Slug) +
		fmt.Sprintf("These steps create by hand what `pulumi up -s %s` creates, under the same names and with the same policies.\n", w.stack.Name) +
		"Run them from top to bottom, in the project's folder. Use one shell (bash or zsh) for a party's half, because later\n" +
		"commands use the variables that earlier ones set. Troubleshooting and off-boarding are for the day that needs them.\n\n"
	if w.form == Terraform {
		text += fmt.Sprintf("Terraform creates the cloud resources. Save its blocks as `.tf` files in the folder `terraform/%s`.\n\n", w.stack.Name)
	}
	used := map[string]bool{}
	for _, found := range programs.FindAllStringSubmatch(w.text.String(), -1) {
		used["`"+found[1]+"`"] = true
	}
	if text += "You need " + strings.Join(slices.Sorted(maps.Keys(used)), ", "); used["`waybill`"] {
		text += ". In the project's folder, `go build -o .build/bin/waybill .` builds\n`waybill`, and `export PATH=\"$PATH:$PWD/.build/bin\"` lets the shell find it"
	}
	return text + ".\n\n"
}

// programs are those that commands begin with.
var programs = regexp.MustCompile(`(?m)(?:^ *|\$\(|until )(az|aws|gcloud|kubectl|waybill|docker|jq|terraform) `)

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

// titled writes what follows a title; where nothing follows, it writes nothing.
func (w *writer) titled(title string, write func()) bool {
	before := w.text.Len()
	w.say("%s", title)
	begun := w.text.Len()
	if write(); w.text.Len() > begun {
		return true
	}
	w.text.Truncate(before)
	return false
}

// heading writes a step.
func (w *writer) heading(title string, write func()) {
	if w.titled(fmt.Sprintf("### %d. %s", w.step+1, title), write) {
		w.step++
	}
}

// half is one party's part, or with a suffix a later piece of it, after some steps. Each
// sets its variables anew.
func (w *writer) half(party, suffix string, steps int, write func()) {
	w.step, w.atVendor, w.isSet = steps, party == "vendor", map[string]bool{}
	w.titled(fmt.Sprintf("## The %s's half%s", party, suffix), write)
}

// leave is how what a party's half made is taken away.
func (w *writer) leave(party, when string, clusters func()) {
	w.atVendor, w.isSet = party == "vendor", map[string]bool{}
	w.titled(fmt.Sprintf("## Off-boarding of the %s's half\n\n%s", party, when), func() {
		clusters()
		w.remove()
	})
}

// waits says whether the other party's document is missing, as a whole.
func (w *writer) waits() bool {
	return slices.ContainsFunc(w.stack.Waiting, func(missing exchange.Waiting) bool { return len(missing.Environments) == 0 })
}

// file is where a document is kept.
func (w *writer) file(document string) string { return exchange.FileOf(w.stack.Customer, document) }

// keep says where a document of the other party's is kept, and how the stack finds it.
func (w *writer) keep(document, key string, from config.DocumentSource) string {
	if from.File == "" && from.Stack == "" {
		return fmt.Sprintf("Save it as `%s`, and name that file in\n`Pulumi.%s.yaml` as `%s.file`. Then print this guide again:", w.file(document), w.stack.Name, key)
	}
	return fmt.Sprintf("Save it as `%s`, and print this guide again:", w.file(document))
}

// again prints the guide with a document that has come, after the commands that hand it
// over.
func (w *writer) again(commands ...string) {
	words := "waybill guide " + w.stack.Name
	if w.form == Terraform {
		words += " --for " + string(Terraform)
	}
	if len(commands) > 0 {
		words += " --outputs " + outputsFile
	}
	w.run(append(commands, words)...)
	w.say("The new guide has more steps, before this one too. Follow it from the top: run what is new, and skip what exists.")
}

// resumed says how a step is done that was done in part while a document was missing.
func (w *writer) resumed(document string) {
	switch {
	case w.waits() || w.stack.Customer.Side == "both" || len(w.clouds()) == 0:
	case w.form == Terraform:
		w.say("If you followed this guide before the %s came, replace your `.tf` files: Terraform makes only what is new.", document)
	default:
		w.say("If you followed this guide before the %s came, run only what is new, and skip what exists.", document)
	}
}

// handOver writes documents into one file for `waybill`.
func (w *writer) handOver(documents ...string) []string {
	if len(documents) == 0 {
		return nil
	}
	var form, values []string
	for _, name := range documents {
		form, values = append(form, fmt.Sprintf("%q: %%s", name)), append(values, fmt.Sprintf(`"$(cat %s)"`, w.word(w.file(name))))
	}
	return []string{fmt.Sprintf(`printf '{%s}\n' %s > %s`, strings.Join(form, ", "), strings.Join(values, " "), outputsFile)}
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

// signIn signs in, or checks that the commands act where they are meant to.
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
			account := strings.Join(scalars(r.Value("allowedAccountIds")), " ")
			commands = append(commands, fmt.Sprintf("test \"$(aws sts get-caller-identity --query Account --output text %s)\" = %s ||\n"+
				"  { echo 'sign in to account %[2]s first' >&2; false; }", strings.Join(w.where(r.Name), " "), account))
		case "gcp":
			commands = append(commands, "gcloud auth login", fmt.Sprintf(
				"gcloud services enable artifactregistry.googleapis.com iam.googleapis.com iamcredentials.googleapis.com \\\n  sts.googleapis.com --project=%s",
				w.word(r.Text("project"))))
		}
	}
	if len(commands) > 0 {
		w.say("Sign in to the account that the commands act in.")
		w.run(commands...)
	}
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
	w.run(w.inFolder("init"), w.inFolder("apply"))
}

// inFolder is a command of Terraform's on the blocks that were saved.
func (w *writer) inFolder(words string) string {
	return "terraform -chdir=terraform/" + w.word(w.stack.Name) + " " + words
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
		w.run(w.inFolder("apply"), w.inFolder("output -json "+name+" > "+w.word(w.file(name))))
		return
	}
	w.run(w.heredoc(w.file(name), text))
}
