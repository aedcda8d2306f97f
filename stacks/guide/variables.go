package guide

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
)

// lookUp says how people find what the program looks up.
type lookUp struct {
	// call is the command; by names the argument that tells one answer from others.
	call call
	by   string
	// source is Terraform's data source.
	source string
	// parts are what is asked of the answer, by the mark's path: the variable's name, the
	// command's query and the data source's attribute.
	parts map[string]part
}

type part struct{ variable, query, attribute string }

// identityParts are what Azure chooses of an identity.
var identityParts = map[string]part{
	"clientId":    {"CLIENT_ID", "--query clientId --output tsv", "client_id"},
	"principalId": {"PRINCIPAL_ID", "--query principalId --output tsv", "principal_id"},
}

var lookUps = map[string]lookUp{
	"azure-native:containerservice:getManagedCluster": {
		call: of("az aks show", identity), by: "resourceName", source: "azurerm_kubernetes_cluster",
		parts: map[string]part{
			"oidcIssuerProfile.issuerURL": {"ISSUER", "--query oidcIssuerProfile.issuerUrl --output tsv", "oidc_issuer_url"},
		},
	},
	"azure-native:managedidentity:getUserAssignedIdentity": {
		call: of("az identity show", identity), by: "resourceName", source: "azurerm_user_assigned_identity", parts: identityParts,
	},
	"aws:eks/getCluster:getCluster": {
		call: of("aws eks describe-cluster", list(input{"name", flag("--name")})), by: "name", source: "aws_eks_cluster",
		parts: map[string]part{
			"identities[0].oidcs[0].issuer": {"ISSUER", "--query cluster.identity.oidc.issuer --output text", "identity[0].oidc[0].issuer"},
		},
	},
	"gcp:organizations/getProject:getProject": {
		call: of("gcloud projects describe", list(input{"projectId", argument})), by: "projectId", source: "google_project",
		parts: map[string]part{"number": {"PROJECT_NUMBER", "--format='value(projectNumber)'", "number"}},
	},
}

// chosen are the outputs that a cloud chooses, by type and output.
var chosen = map[string]map[string]part{
	"azure-native:managedidentity:UserAssignedIdentity": identityParts,
	"aws:eks/podIdentityAssociation:PodIdentityAssociation": {
		"associationId": {"ID", "--query 'associations[0].associationId' --output text", "association_id"},
	},
	"aws:ecs/taskDefinition:TaskDefinition": {
		"arn": {"ARN", "--query taskDefinition.taskDefinitionArn --output text", "arn"},
	},
}

// variable is a mark in a guide.
type variable struct {
	name string
	// command prints the value, reference is Terraform's.
	command, reference string
	// from are the data source's lines, or those of nothing.
	from string
}

var upper = regexp.MustCompile(`[^A-Z0-9]+`)

// variableName is a name of the shell's made of parts.
func variableName(parts ...string) string {
	return strings.Trim(upper.ReplaceAllString(strings.ToUpper(strings.Join(parts, "_")), "_"), "_")
}

// variableOf says how a mark is found out.
func (w *writer) variableOf(mark record.Mark) (variable, error) {
	if mark.Resource != "" {
		r := w.stack.Named(mark.Resource)
		p, found := chosen[r.Type][mark.Path]
		if !found {
			return variable{}, fmt.Errorf("%s %s: its %s has no command that shows it", r.Type, r.Name, mark.Path)
		}
		return variable{
			name: variableName(r.Name, p.variable), command: w.commands(r, rows[r.Type].show)[0] + " " + p.query,
			reference: address(r) + "." + p.attribute,
		}, nil
	}
	look, found := lookUps[mark.Token]
	p, asked := look.parts[mark.Path]
	if !found || !asked {
		return variable{}, fmt.Errorf("%s: its %s has no command that shows it", mark.Token, mark.Path)
	}
	r := record.Registration{Type: mark.Token, Inputs: mark.Args, Provider: mark.Provider}
	r.Name = identifier(r.Text(look.by))
	return variable{
		name: variableName(r.Name, p.variable), command: w.commands(r, look.call)[0] + " " + p.query,
		reference: fmt.Sprintf("data.%s.%s.%s", look.source, r.Name, p.attribute),
		from:      w.block("data", look.source, r, map[string]string{"resourceName": "name", "projectId": "project_id"}),
	}, nil
}

// marked says whether a text holds what only a cloud can tell.
func (w *writer) marked(text string) bool {
	return slices.ContainsFunc(w.marks, func(mark string) bool { return strings.Contains(text, mark) })
}

// filled is a text with a variable in the place of every mark, or a reference. It notes
// what the text needs.
func (w *writer) filled(text string) string {
	for _, mark := range w.marks {
		if !strings.Contains(text, mark) {
			continue
		}
		v := w.variables[mark]
		whole, host := "${"+v.name+"}", "${"+v.name+"_HOST}"
		if w.form == Terraform && w.inTerraform {
			whole, host = "${"+v.reference+"}", `${trimprefix(`+v.reference+`, "https://")}`
		}
		w.needed[mark] = true
		if full := w.stack.Marks[mark].Text; full != mark {
			text = strings.ReplaceAll(text, full, whole)
			if strings.Contains(text, mark) {
				w.needed[mark+" host"] = true
			}
		} else {
			host = whole
		}
		text = strings.ReplaceAll(text, mark, host)
	}
	return text
}

// declared are the commands that set the variables which were needed since the last
// call and are not set yet. What the customer's document says, the vendor reads there.
func (w *writer) declared() []string {
	var lines []string
	for _, mark := range slices.Sorted(maps.Keys(w.needed)) {
		v := w.variables[strings.TrimSuffix(mark, " host")]
		name, command := v.name, v.command
		if strings.HasSuffix(mark, " host") {
			lines = append(lines, w.set(v.name, command)...)
			if !w.isSet[v.name+"_HOST"] {
				w.isSet[v.name+"_HOST"] = true
				lines = append(lines, fmt.Sprintf(`%s_HOST="${%s#https://}"`, v.name, v.name))
			}
			continue
		}
		if path := w.toldBy[mark]; path != "" && w.atVendor {
			command = fmt.Sprintf("jq --raw-output '%s' %s", path, w.word(w.file(exchange.RequestName)))
		}
		lines = append(lines, w.set(name, command)...)
	}
	w.needed = map[string]bool{}
	return lines
}

func (w *writer) set(name, command string) []string {
	if w.isSet[name] {
		return nil
	}
	w.isSet[name] = true
	return []string{fmt.Sprintf("%s=$(%s)", name, command)}
}

// markOf is the mark of a registration's output, or its value where it is known.
func (w *writer) markOf(name, output string) string {
	for key, mark := range w.stack.Marks {
		if mark.Resource == name && mark.Path == output {
			return key
		}
	}
	return ""
}

// tell notes where a document says a value that only the customer's cloud can tell.
func (w *writer) tell(value any, path string) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			w.tell(value[key], path+"."+key)
		}
	case []any:
		for i, item := range value {
			w.tell(item, fmt.Sprintf("%s[%d]", path, i))
		}
	case string:
		for key, mark := range w.stack.Marks {
			if value == mark.Text {
				w.toldBy[key] = path
			}
		}
	}
}
