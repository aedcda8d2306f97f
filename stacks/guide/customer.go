package guide

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
)

// customer writes the customer's half.
func (w *writer) customer() {
	w.prerequisites()
	if len(w.clouds()) > 0 {
		w.heading("Identity and trust")
		w.existingIssuers()
		w.create(false)
	}
	w.heading("The access request")
	w.say("The access request contains identifiers and no secret. Send it over a channel on which the vendor can verify you.")
	w.tellFile(exchange.RequestName)
	w.tellTrusts()
	w.granted()
	for _, e := range w.stack.Customer.Sorted() {
		w.objects(e)
	}
	if slices.ContainsFunc(w.clouds(), func(r record.Registration) bool { return rows[r.Type].runs }) {
		w.heading("Run the product")
		w.create(true)
	}
	w.verify()
	w.troubleshooting()
	w.leave()
}

// prerequisites are what the clusters must have.
func (w *writer) prerequisites() {
	w.heading("Before you begin")
	w.say("Sign in to the right account. Each check fails if the commands would act elsewhere.")
	w.signIn()
	c := w.stack.Customer
	for _, e := range c.Sorted() {
		if len(w.stack.Objects(e)) == 0 && e.Cluster.Context == "" {
			continue
		}
		var commands []string
		switch {
		case c.Platform == "aks" && e.Cluster.Name != "":
			cluster := fmt.Sprintf("--name %s --resource-group %s", w.word(e.Cluster.Name), w.word(e.Cluster.ResourceGroup))
			commands = append(commands,
				w.line("az aks update --enable-oidc-issuer "+cluster, w.where("azure")),
				w.line("az aks get-credentials --context "+w.word(e.Cluster.Context)+" "+cluster, w.where("azure")))
		case c.Platform == "eks" && e.Cluster.Name != "":
			where := w.where("aws-customer")
			if len(where) == 0 { // nothing else of the customer's is on AWS
				where = []string{"--region", c.AWS.Customer.Region}
			}
			name := w.word(e.Cluster.Name)
			commands = append(commands, w.line("aws eks update-kubeconfig --name "+name+" --alias "+w.word(e.Cluster.Context), where))
			if c.EKS.Trust == "podIdentity" {
				commands = append(commands, w.line("aws eks describe-addon --addon-name eks-pod-identity-agent --cluster-name "+name, where))
			}
		}
		commands = append(commands, w.kubectl(e, "")+" version")
		if e.Cluster.Issuer != "" {
			commands = append(commands, w.kubectl(e, "")+" get --raw /.well-known/openid-configuration")
			w.say("Cluster `%s` must print the issuer `%s`.", e.Cluster.Context, e.Cluster.Issuer)
		}
		w.run(commands...)
	}
}

var federated = regexp.MustCompile(`"Federated":\s*"([^"]+)"`)

// existingIssuers shows the OIDC providers that roles trust and the account has already.
func (w *writer) existingIssuers() {
	made := func(arn string) bool {
		return slices.ContainsFunc(w.clouds(), func(r record.Registration) bool {
			state, _ := w.cloud.Answer(r)
			return r.Kind() == "OpenIdConnectProvider" && scalar(state["arn"]) == arn
		})
	}
	seen := map[string]bool{}
	for _, r := range w.clouds() {
		for _, found := range federated.FindAllStringSubmatch(r.Text("assumeRolePolicy"), -1) {
			if arn := found[1]; !made(arn) && !seen[arn] {
				seen[arn] = true
				w.say("The account must already trust the cluster's issuer. If this command finds nothing, set `eks.oidcProvider.existing: false`:")
				w.run(broken(append([]string{"aws iam get-open-id-connect-provider", "--open-id-connect-provider-arn", w.word(arn)}, w.where(r.Provider)...)))
			}
		}
	}
}

// line is a command of words without spaces, with those that say where it acts.
func (w *writer) line(words string, where []string) string {
	return broken(append(strings.Fields(words), where...))
}

// kubectl is the command with an environment's cluster, and a namespace of it, or none.
func (w *writer) kubectl(e *config.Environment, namespace string) string {
	words := "kubectl --context " + w.word(w.provider("kubernetes"+e.Suffix()).Text("context"))
	if namespace != "" {
		words += " --namespace " + w.word(namespace)
	}
	return words
}

// tellTrusts keeps what the workloads become, which their objects hold.
func (w *writer) tellTrusts() {
	if w.marked(fmt.Sprint(w.stack.Outputs[exchange.TrustsName])) {
		w.say("The identities of the workloads:")
		w.tellFile(exchange.TrustsName)
	}
	if w.stack.Outputs["enterByHand"] != nil {
		w.say("The app registration's owner adds these federated credentials to it:")
		w.run(w.heredoc("enterByHand.json", indented(jsonOf(resource.NewPropertyValue(w.stack.Outputs["enterByHand"])))))
	}
}

// granted is what the vendor answers, and how it is kept.
func (w *writer) granted() {
	w.heading("The vendor's access grant")
	c := w.stack.Customer
	switch {
	case len(w.stack.Waiting) > 0:
		w.say("The access grant, `%s`. Check that it names the registry and the project or account that you know from the vendor.\n"+
			"Otherwise refuse it. %s Then print this guide again with `waybill guide %s%s`, and continue here.",
			grantFile, w.keepGrant(), w.stack.Name, w.outputsFlag())
	case c.Side == "customer":
		w.say("The access grant has arrived. %s", w.keepGrant())
	default:
		w.say("Continue after the vendor's half below, which writes the access grant, `%s`.", grantFile)
	}
	if w.outputsFlag() == "" {
		return
	}
	var form, values []string
	for _, name := range documents {
		given := w.stack.Outputs[name] != nil && (name != exchange.TrustsName || w.marked(fmt.Sprint(w.stack.Outputs[name])))
		waits := name == exchange.GrantName && (c.Side == "customer" && c.Exchange.Grant.File == "")
		if given || waits {
			form, values = append(form, fmt.Sprintf("%q: %%s", name)), append(values, fmt.Sprintf(`"$(cat %s.json)"`, name))
		}
	}
	w.say("The values of the clouds and the vendor that the objects need:")
	w.run(fmt.Sprintf(`printf '{%s}\n' %s > %s`, strings.Join(form, ", "), strings.Join(values, " "), outputsFile))
}

func (w *writer) keepGrant() string {
	if at := w.stack.Customer.Exchange.Grant.File; at != "" {
		return fmt.Sprintf("Save it as `%s`.", at)
	}
	return fmt.Sprintf("Save it as `%s`.", grantFile)
}

// outputsFlag tells `waybill` what the clouds have told; empty where the configuration
// says everything.
func (w *writer) outputsFlag() string {
	c := w.stack.Customer
	byStack := c.Side == "customer" && c.Exchange.Grant.File == ""
	for _, name := range documents {
		if byStack || w.marked(fmt.Sprint(w.stack.Outputs[name])) {
			return " --outputs " + outputsFile
		}
	}
	return ""
}

// objects writes what is applied in one environment, and its first refresh.
func (w *writer) objects(e *config.Environment) {
	all := w.stack.Objects(e)
	if len(all) == 0 {
		return
	}
	title := ""
	options := w.outputsFlag()
	if own := e.Own(); own != "" {
		title = " in " + own
	}
	if len(w.stack.Customer.Environments) > 1 {
		options += " --environment " + e.Name
	}
	w.heading("Kubernetes objects" + title)
	w.say("In cluster `%s`:", w.provider("kubernetes"+e.Suffix()).Text("context"))
	w.text.WriteString("| kind | name | what it is |\n|---|---|---|\n")
	for _, r := range all {
		if !strings.HasSuffix(r.Kind(), "Patch") || r.Kind() == "NamespacePatch" {
			name := r.Text("metadata.name")
			if namespace := r.Text("metadata.namespace"); slices.Contains(e.PullSecretAlsoIn, namespace) {
				name = namespace + "/" + name
			}
			fmt.Fprintf(&w.text, "| %s | %s | %s |\n", r.Kind(), cmp.Or(code(name), "named after its contents"), purpose(r))
		}
	}
	w.text.WriteString("\n")
	secret := slices.ContainsFunc(all, func(r record.Registration) bool {
		return strings.Contains(fmt.Sprint(record.Plain(resource.NewProperty(r.Inputs))), config.ProductConfigKey)
	})
	manifests, kubectl := "waybill manifests "+w.stack.Name+options, w.kubectl(e, "")
	var commands []string
	if slices.ContainsFunc(all, func(r record.Registration) bool {
		return r.Type == "kubernetes:core/v1:Secret" && r.Kind() == "Secret" && !secretOf(r)
	}) {
		w.say("Create the empty pull secret once, and never apply it again, because the refresher owns its contents.")
		commands = append(commands, manifests+" --once | "+kubectl+" create -f -")
	}
	if secret {
		w.say("The product's configuration is in `%s`. Keep that file on this machine.", "productConfig")
		commands = append(commands, manifests+" --secrets productConfig --out objects"+e.Suffix(), kubectl+" apply --server-side -k objects"+e.Suffix())
	} else {
		commands = append(commands, manifests+" | "+kubectl+" apply --server-side -f -")
	}
	w.run(commands...)
	w.firstRefresh(e, all, title)
}

// secretOf says whether a Secret holds the product's configuration.
func secretOf(r record.Registration) bool { return r.Text("type") != "kubernetes.io/dockerconfigjson" }

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// purposes say what objects are, by the component's part of their names and their kind.
var purposes = map[string]string{
	"Secret":              "the kubelet's credential for the registry; the refresher fills it",
	"CronJob":             "runs the refresher",
	"Job":                 "the first refresh",
	"Role":                "lets the refresher patch this one secret",
	"RoleBinding":         "gives the refresher that role",
	"NetworkPolicy":       "allows the refresher's egress, and no ingress",
	"Namespace":           "holds everything else",
	"NamespacePatch":      "labels that the namespace needs",
	"ConfigMap":           "the refresher's input",
	"ServiceAccount":      "the refresher's identity",
	"Deployment":          "the product",
	"Service":             "the product's address",
	"PodDisruptionBudget": "limits how many of the product's pods are evicted at once",
}

func purpose(r record.Registration) string {
	switch {
	case r.Kind() == "ServiceAccount" && !strings.HasPrefix(r.Name, "pull"):
		return "the product's identity"
	case r.Kind() == "Secret" && secretOf(r):
		return "the product's configuration"
	}
	return purposes[r.Kind()]
}

// labels are the labels that all of some objects have, as a selector.
func labels(of []record.Registration) string {
	var common resource.PropertyMap
	for _, r := range of {
		given := r.Value("metadata.labels")
		if !given.IsObject() || strings.HasSuffix(r.Kind(), "Patch") {
			continue
		}
		if common == nil {
			common = maps.Clone(given.ObjectValue())
		}
		maps.DeleteFunc(common, func(key resource.PropertyKey, value resource.PropertyValue) bool {
			return !given.ObjectValue()[key].DeepEquals(value)
		})
	}
	return strings.Join(pairs(resource.NewProperty(common), "%s=%s"), ",")
}

func ofKind(all []record.Registration, kind string) []record.Registration {
	return slices.DeleteFunc(slices.Clone(all), func(r record.Registration) bool { return r.Kind() != kind })
}

// firstRefresh waits for the first refresh, and shows what it says.
func (w *writer) firstRefresh(e *config.Environment, all []record.Registration, title string) {
	jobs := ofKind(all, "Job")
	if len(jobs) == 0 {
		return
	}
	w.heading("The first refresh" + title)
	w.say("The Job walks the chain and fills the pull secret; it gives up after about 15 minutes. Its log has a line per\n" +
		"hop. If it fails, the last line has the hop, the cloud's message and the likely cause.")
	selector, kubectl := w.word(labels(jobs)), w.kubectl(e, e.Namespace.Name)
	w.run(
		fmt.Sprintf("until %s get job --output 'jsonpath={.items[*].status.conditions[*].type}' \\\n  --selector %s | grep -Eq 'Complete|Failed'; do sleep 5; done", kubectl, selector),
		fmt.Sprintf("%s logs --tail -1 \\\n  --selector %s", kubectl, selector))
	w.say("The Job runs once. To run it again after a fix, delete it and apply the objects again:")
	w.run(fmt.Sprintf("%s delete job \\\n  --selector %s", kubectl, selector))
}

// verify shows what was made, and that every hop holds.
func (w *writer) verify() {
	w.heading("Verify each hop")
	w.show()
	for _, e := range w.stack.Customer.Sorted() {
		all, kubectl := w.stack.Objects(e), w.kubectl(e, e.Namespace.Name)
		var commands []string
		for _, cron := range ofKind(all, "CronJob") {
			w.say("`explain` walks the chain once, writes nothing, and shows every hop's issuer, subject, audience and verdict:")
			w.run(strings.NewReplacer("KUBECTL", kubectl, "CRONJOB", w.word(cron.Text("metadata.name"))).Replace(explain))
		}
		for _, secret := range ofKind(all, "Secret") {
			if !secretOf(secret) {
				commands = append(commands, fmt.Sprintf("%s get secret %s --output 'jsonpath={.metadata.annotations}'",
					w.kubectl(e, secret.Text("metadata.namespace")), w.word(secret.Text("metadata.name"))))
			}
		}
		for _, deployment := range ofKind(all, "Deployment") {
			commands = append(commands, fmt.Sprintf("%s rollout status deployment %s --timeout 5m", kubectl, w.word(deployment.Text("metadata.name"))))
		}
		if len(commands) > 0 {
			w.say("The last refresh and the expiry of the pull secret, and the state of the product:")
			w.run(commands...)
		}
	}
}

const explain = `KUBECTL create job explain --from=cronjob/CRONJOB --dry-run=client --output yaml |
  kubectl patch --local --filename - --type=json --output yaml --patch '[
    {"op": "remove", "path": "/metadata/ownerReferences"},
    {"op": "add", "path": "/spec/backoffLimit", "value": 0},
    {"op": "add", "path": "/spec/template/spec/containers/0/args", "value": ["explain"]}]' |
  KUBECTL create --filename -
until KUBECTL get job explain --output 'jsonpath={.status.conditions[*].type}' | grep -Eq 'Complete|Failed'; do sleep 1; done
KUBECTL logs job/explain
KUBECTL delete job explain`

// show shows a party's resources.
func (w *writer) show() {
	var commands []string
	for _, r := range w.clouds() {
		commands = append(commands, w.commands(r, rows[r.Type].show)...)
	}
	w.run(slices.Compact(commands)...)
}

// exits are what the refresher's exit codes say, and where to look.
var exits = []struct {
	hop, codes, look string
	clouds           []string // the providers with which a walk has the hop; none: all
}{
	{"", "2", "arguments, environment or credential configuration refused; no cloud was contacted: apply the objects exactly as printed", nil},
	{"kubernetes", "10", "the cluster's clock, and its API server's issuer", nil},
	{"entra", "11", "the federated credential: its issuer, subject and audience must equal those in the log, to the last slash", []string{"azure"}},
	{"sts", "12", "the provider's issuer, audience and condition, or the role's trust policy: compare them with the claims in the log", nil},
	{"iam", "13", "the service account's binding: it must name the subject in the log and the project's number", []string{"gcp"}},
	{"ecr", "16", "the role's policy: it must allow `ecr:GetAuthorizationToken`, and no other policy may deny it", []string{"aws"}},
	{"registry", "14", "the right to read the vendor's repository, for this account or role", nil},
	{"secret", "15", "the pull secret: it must exist and not be immutable, and the refresher's Role must name it", nil},
	{"", "17", "the registry: the token is written, but the vendor has to push the image", nil},
	{"", "20", "the network policy and the proxy: the hop in the log answered too late", nil},
}

// troubleshooting says where to look, by hop.
func (w *writer) troubleshooting() {
	c := w.stack.Customer
	if c.Platform == "ecs" {
		w.heading("Troubleshooting")
		w.say("If a task does not start, `stoppedReason` says why. `CannotPullContainerError` with 403 means that the vendor's repository\n" +
			"policy or the execution role's policy is wrong. With `not found` the image is missing.")
		for _, r := range w.clouds() {
			if r.Type == "aws:ecs/service:Service" {
				w.run(w.line(fmt.Sprintf("aws ecs list-tasks --desired-status STOPPED --cluster %s --service-name %s",
					w.word(r.Text("cluster")), w.word(r.Text("name"))), w.where(r.Provider)))
			}
		}
		return
	}
	pulls := slices.ContainsFunc(w.stack.Registrations, func(r record.Registration) bool { return r.Kind() == "CronJob" })
	if !pulls && len(w.stack.Waiting) == 0 {
		w.heading("Troubleshooting")
		w.say("The nodes pull, so there is no refresher. If a pod is in `ImagePullBackOff`, its events have the registry's message. 403 means\n" +
			"that the nodes' identity lacks the right to read, which the vendor grants. `not found` means that the image is missing.")
		for _, e := range c.Sorted() {
			w.run(w.kubectl(e, e.Namespace.Name) + " get events --field-selector reason=Failed")
		}
		return
	}
	w.heading("Troubleshooting")
	w.say("The refresher's exit code names the hop.")
	w.text.WriteString("| exit code | hop | look at |\n|---|---|---|\n")
	for _, exit := range exits {
		if exit.clouds == nil || slices.ContainsFunc(exit.clouds, w.walks) {
			fmt.Fprintf(&w.text, "| %s | %s | %s |\n", exit.codes, cmp.Or(code(exit.hop), "–"), exit.look)
		}
	}
	w.text.WriteString("\n")
}

// walks says whether the chain leads through a cloud.
func (w *writer) walks(cloud string) bool {
	c := w.stack.Customer
	onAWS := c.AWS.Vendor.Account != "" // the vendor, and with it the end of the chain
	switch cloud {
	case "azure":
		return c.Platform == "aks" && c.Azure.Trust != "cluster"
	case "aws":
		return onAWS
	}
	return !onAWS
}

// leave takes away what the customer made.
func (w *writer) leave() {
	w.heading("Off-boarding")
	for _, e := range w.stack.Customer.Sorted() {
		all := w.stack.Objects(e)
		if len(all) == 0 {
			continue
		}
		var commands []string
		for _, namespace := range append([]string{e.Namespace.Name}, e.PullSecretAlsoIn...) {
			var kinds []string
			for _, r := range all {
				if kind := strings.ToLower(r.Kind()); !strings.HasSuffix(kind, "patch") && r.Text("metadata.namespace") == namespace {
					kinds = append(kinds, kind)
				}
			}
			slices.Sort(kinds)
			commands = append(commands, fmt.Sprintf("%s delete %s \\\n  --selector %s",
				w.kubectl(e, namespace), strings.Join(slices.Compact(kinds), ","), w.word(labels(all))))
		}
		for _, namespace := range ofKind(all, "Namespace") {
			if !namespace.RPC.GetProtect() && !namespace.RPC.GetRetainOnDelete() {
				commands = append(commands, w.kubectl(e, "")+" delete namespace "+w.word(namespace.Text("metadata.name")))
			} else {
				w.say("Namespace `%s` stays, with everything else in it.", namespace.Text("metadata.name"))
			}
		}
		w.run(commands...)
	}
	w.remove()
}

// remove takes a party's resources away, the last first.
func (w *writer) remove() {
	var commands, stay []string
	w.isSet = map[string]bool{} // it is done in another shell, on another day
	mine := w.clouds()
	slices.Reverse(mine)
	slices.SortStableFunc(mine, func(a, b record.Registration) int {
		return cmp.Compare(rows[b.Type].opens, rows[a.Type].opens)
	})
	for _, r := range mine {
		if r.RPC.GetProtect() || r.RPC.GetRetainOnDelete() {
			stay = append(stay, fmt.Sprintf("`%s`", r.Name))
			continue
		}
		commands = append(commands, w.commands(r, rows[r.Type].remove)...)
	}
	switch {
	case len(commands) == 0:
	case w.form == Terraform:
		var targets []string
		for _, r := range mine {
			if !r.RPC.GetProtect() && !r.RPC.GetRetainOnDelete() {
				targets = append(targets, "-target="+address(r))
			}
		}
		w.needed = map[string]bool{}
		w.run("terraform destroy \\\n  " + strings.Join(targets, " \\\n  "))
	default:
		w.run(commands...)
	}
	if len(stay) > 0 {
		w.say("These are protected or possibly shared, and stay: %s.", strings.Join(stay, ", "))
	}
}

func jsonOf(value resource.PropertyValue) string {
	encoded, err := json.Marshal(value.Mappable())
	if err != nil {
		panic(err) // maps, lists and texts
	}
	return string(encoded)
}
