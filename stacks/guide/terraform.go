package guide

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/stacks/record"
)

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// identifier is a name in Terraform.
func identifier(name string) string { return notInNames.ReplaceAllString(name, "_") }

// address is a resource's.
func address(r record.Registration) string { return rows[r.Type].terraform + "." + identifier(r.Name) }

// snake is an input's name as Terraform has it.
func snake(name string) string {
	var text strings.Builder
	for i, c := range name {
		if unicode.IsUpper(c) && i > 0 {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(c))
	}
	return text.String()
}

// attributes are the inputs that are maps in Terraform and no blocks.
var attributes = []string{"tags", "labels", "attributeMapping"}

// block is a block of Terraform's with the inputs of a registration.
func (w *writer) block(kind, of string, r record.Registration, names map[string]string) string {
	w.inTerraform = true
	defer func() { w.inTerraform = false }()
	var body strings.Builder
	if kind != "provider" {
		if alias := w.alias(r.Provider); alias != "" {
			fmt.Fprintf(&body, "  provider = %s\n", alias)
		}
	}
	inputs := record.Plain(resource.NewProperty(r.Inputs)).ObjectValue()
	for _, key := range inputs.StableKeys() {
		name, renamed := names[string(key)]
		if renamed && name == "" {
			continue
		}
		if name == "parent_id" { // azurerm has a credential's parent by its ID
			fmt.Fprintf(&body, "  parent_id = %s\n", w.parent(r))
			continue
		}
		w.argument(&body, "  ", string(key), cmp.Or(name, snake(string(key))), inputs[key])
	}
	text := body.String()
	if kind == "resource" {
		if r.Type == "azure-native:managedidentity:UserAssignedIdentity" && inputs["location"].IsNull() {
			text += "  location = data.azurerm_resource_group." + identifier(r.Text("resourceGroupName")) + ".location\n"
		}
		var left []string
		for _, path := range r.RPC.GetIgnoreChanges() {
			if !inputs[resource.PropertyKey(path)].IsNull() {
				left = append(left, snake(path))
			}
		}
		if len(left) > 0 {
			text += "  lifecycle {\n    ignore_changes = [" + strings.Join(left, ", ") + "]\n  }\n"
		}
		var after []string
		for _, other := range w.stack.Registrations {
			if slices.Contains(r.DependsOn, other.URN) && other.URN != r.URN && rows[other.Type].terraform != "" &&
				!strings.Contains(text, address(other)+".") {
				after = append(after, address(other))
			}
		}
		if len(after) > 0 {
			text += "  depends_on = [" + strings.Join(after, ", ") + "]\n"
		}
	}
	labels := strconv.Quote(of)
	if kind != "provider" {
		labels += " " + strconv.Quote(identifier(r.Name))
	}
	return kind + " " + labels + " {\n" + text + "}"
}

// argument writes an input as an argument, or as a block, or as blocks.
func (w *writer) argument(out *strings.Builder, indent, key, name string, v resource.PropertyValue) {
	switch {
	case v.IsArray() && len(v.ArrayValue()) > 0 && v.ArrayValue()[0].IsObject():
		for _, item := range v.ArrayValue() {
			w.argument(out, indent, key, name, item)
		}
	case v.IsObject() && !slices.Contains(attributes, key):
		fmt.Fprintf(out, "%s%s {\n", indent, name)
		for _, inner := range v.ObjectValue().StableKeys() {
			w.argument(out, indent+"  ", string(inner), snake(string(inner)), v.ObjectValue()[inner])
		}
		fmt.Fprintf(out, "%s}\n", indent)
	case v.IsObject():
		fmt.Fprintf(out, "%s%s = {\n", indent, name)
		for _, inner := range v.ObjectValue().StableKeys() {
			fmt.Fprintf(out, "%s  %q = %s\n", indent, inner, w.expression(v.ObjectValue()[inner]))
		}
		fmt.Fprintf(out, "%s}\n", indent)
	case v.IsString() && (strings.HasPrefix(v.StringValue(), "{") || strings.HasPrefix(v.StringValue(), "[")):
		fmt.Fprintf(out, "%s%s = <<JSON\n%s\nJSON\n", indent, name, w.template(indented(v.StringValue())))
	default:
		fmt.Fprintf(out, "%s%s = %s\n", indent, name, w.expression(v))
	}
}

// expression is a text, a number, a truth or a list of them.
func (w *writer) expression(v resource.PropertyValue) string {
	switch {
	case v.IsArray():
		var items []string
		for _, item := range v.ArrayValue() {
			items = append(items, w.expression(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case v.IsString():
		return `"` + w.template(escape(v.StringValue(), `\"`)) + `"`
	}
	return scalar(v)
}

// template is a text in which Terraform finds nothing but the references for marks.
func (w *writer) template(text string) string {
	return w.filled(strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text))
}

// parent is the identity that a federated credential belongs to.
func (w *writer) parent(credential record.Registration) string {
	for _, r := range w.stack.Registrations {
		if r.Type == "azure-native:managedidentity:UserAssignedIdentity" && r.Text("resourceName") == credential.Text("resourceName") &&
			r.Text("resourceGroupName") == credential.Text("resourceGroupName") {
			return address(r) + ".id"
		}
	}
	return strconv.Quote(fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.ManagedIdentity/userAssignedIdentities/%s",
		w.provider(credential.Provider).Text("subscriptionId"), credential.Text("resourceGroupName"), credential.Text("resourceName")))
}

// alias is the explicit provider of a resource on AWS, where there may be two.
func (w *writer) alias(provider string) string {
	if w.provider(provider).Kind() == "aws" {
		return "aws." + identifier(provider)
	}
	return ""
}

// terraform is what Terraform makes for registrations: providers, data sources, resources.
func (w *writer) terraform(registrations []record.Registration) string {
	var blocks []string
	for _, r := range registrations {
		row := rows[r.Type]
		blocks = append(blocks, w.block("resource", row.terraform, r, row.arguments))
		if r.Type == "azure-native:managedidentity:UserAssignedIdentity" && r.Value("location").IsNull() {
			group := record.Registration{Name: r.Text("resourceGroupName"), Provider: r.Provider, Inputs: resource.PropertyMap{
				"name": resource.NewProperty(r.Text("resourceGroupName")),
			}}
			w.sources[w.block("data", "azurerm_resource_group", group, nil)] = true
		}
	}
	for mark := range w.needed {
		if from := w.variables[strings.TrimSuffix(mark, " host")].from; from != "" {
			w.sources[from] = true
		}
	}
	w.needed = map[string]bool{}
	return strings.Join(blocks, "\n\n")
}

// required are the providers that the blocks are written for, by Pulumi's names: of
// Google's and Amazon's the major versions that Pulumi's bridge.
var required = map[string]string{
	"azure-native": requires("azurerm", "4.0"), "gcp": requires("google", "5.0"), "aws": requires("aws", "5.0"),
}

func requires(provider, version string) string {
	return fmt.Sprintf("terraform {\n  required_providers {\n    %s = {\n      source  = \"hashicorp/%[1]s\"\n      version = \"~> %s\"\n    }\n  }\n}", provider, version)
}

// providerBlock is an explicit provider of Pulumi's as Terraform has it.
func (w *writer) providerBlock(r record.Registration) string {
	switch r.Kind() {
	case "azure-native":
		return strings.Replace(w.block("provider", "azurerm", r, nil), "{\n", "{\n  features {}\n", 1)
	case "gcp":
		return w.block("provider", "google", r, nil)
	}
	return strings.Replace(w.block("provider", "aws", r, nil), "{\n", fmt.Sprintf("{\n  alias = %q\n", identifier(r.Name)), 1)
}
