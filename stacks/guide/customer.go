package guide

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
)

// ask writes the customer's half as far as it needs nothing of the vendor's.
func (w *writer) ask() {
	w.heading("Before you begin", w.prerequisites)
	w.heading("Identity and trust", func() {
		w.resumed("access grant")
		w.existingIssuers()
		w.create(false)
	})
	w.heading("The access request", func() {
		w.say("The access request contains identifiers and no secret. Send it over a channel on which the vendor can verify you.")
		w.tellFile(exchange.RequestName)
		w.tellTrusts()
	})
}

// use writes the rest of the customer's half, which needs the vendor's access grant.
func (w *writer) use() {
	w.heading("The vendor's access grant", w.granted)
	if w.waits() {
		return
	}
	for _, e := range w.stack.Customer.Sorted() {
		if !slices.ContainsFunc(w.stack.Waiting, func(missing exchange.Waiting) bool { return missing.Lacks(e.Name) }) {
			w.objects(e)
		}
	}
	w.heading("Run the product", func() { w.create(true) })
	w.heading("Verify each hop", w.verify)
	w.heading("Troubleshooting", w.troubleshooting)
}

// prerequisites are what the clusters must have.
func (w *writer) prerequisites() {
	w.signIn()
	c := w.stack.Customer
	seen := map[string]bool{}
	for _, e := range c.Sorted() {
		context := e.Cluster.Context
		if context == "" && len(w.stack.Objects(e)) == 0 || seen[context] {
			continue
		}
		seen[context] = true
		var commands []string
		switch {
		case c.Platform == "aks" && e.Cluster.Name != "":
			cluster := fmt.Sprintf("--name %s --resource-group %s", w.word(e.Cluster.Name), w.word(e.Cluster.ResourceGroup))
			commands = append(commands,
				w.line("az aks update --enable-oidc-issuer "+cluster, w.where("azure")),
				w.line("az aks get-credentials --context "+w.word(context)+" "+cluster, w.where("azure")))
		case c.Platform == "eks" && e.Cluster.Name != "":
			where := w.where("aws-customer")
			if len(where) == 0 { // nothing else of the customer's is on AWS
				where = []string{"--region", c.AWS.Customer.Region}
			}
			name := w.word(e.Cluster.Name)
			commands = append(commands, w.line("aws eks update-kubeconfig --name "+name+" --alias "+w.word(context), where))
			if c.EKS.Trust == "podIdentity" {
				commands = append(commands, w.line("aws eks describe-addon --addon-name eks-pod-identity-agent --cluster-name "+name, where))
			}
		default:
			w.say("The kubeconfig needs the context `%s`.", context)
		}
		commands = append(commands, w.kubectl(e, "")+" version")
		if e.Cluster.Issuer != "" {
			commands = append(commands, w.kubectl(e, "")+" get --raw /.well-known/openid-configuration")
			w.say("Cluster `%s` must print the issuer `%s`.", context, e.Cluster.Issuer)
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
				w.say("The account must already trust the cluster's issuer. If this command finds nothing, set `eks.oidcProvider.existing: false`\n" +
					"in the stack file, and print this guide again:")
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
	if w.fromClouds(exchange.TrustsName) {
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
	switch {
	case w.waits():
		w.say("Wait for the vendor's access grant. Check that it names the registry and the project or account that you know from the\n"+
			"vendor, and refuse it if they differ. %s", w.keep(exchange.GrantName, "exchange.grant", w.stack.Customer.Exchange.Grant))
		w.again(w.handOver(w.told()...)...)
		return
	case w.stack.Customer.Side == "customer":
		w.say("The access grant has arrived: keep it as `%s`.", w.file(exchange.GrantName))
	}
	if slices.ContainsFunc(w.stack.Customer.Sorted(), func(e *config.Environment) bool { return len(w.stack.Objects(e)) > 0 }) && len(w.told()) > 0 {
		w.say("The values of the clouds and the vendor that the objects need:")
		w.run(w.handOver(w.told()...)...)
	}
}

// told are the documents that `waybill` is told with --outputs; none where the
// configuration leads to everything.
func (w *writer) told() []string {
	c := w.stack.Customer
	byHand := c.Side == "customer" && c.Exchange.Grant.Stack != "" // a reference between stacks that nobody has deployed
	var all []string
	if w.stack.Outputs[exchange.RequestName] != nil {
		all = append(all, exchange.RequestName)
	}
	if byHand || c.Side == "both" && w.stack.Outputs[exchange.GrantName] != nil {
		all = append(all, exchange.GrantName)
	}
	if w.fromClouds(exchange.TrustsName) {
		all = append(all, exchange.TrustsName)
	}
	if byHand || slices.ContainsFunc(all, w.fromClouds) {
		return all
	}
	return nil
}

// fromClouds says whether a document holds what only a cloud can tell, or has told.
func (w *writer) fromClouds(document string) bool {
	said := w.stack.Outputs[document]
	return said != nil && (w.stack.Known[document] != nil || w.marked(fmt.Sprint(said)))
}

// objects writes what is applied in one environment, and its first refresh.
func (w *writer) objects(e *config.Environment) {
	all := w.stack.Objects(e)
	if len(all) == 0 {
		return
	}
	title := ""
	options := ""
	if len(w.told()) > 0 {
		options = " --outputs " + outputsFile
	}
	if own := e.Own(); own != "" {
		title = " in " + own
	}
	if len(w.stack.Customer.Environments) > 1 {
		options += " --environment " + e.Name
	}
	w.heading("Kubernetes objects"+title, func() {
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
			w.say("Create the empty pull secret once, and never apply it again, because the refresher owns its contents. `AlreadyExists`\n" +
				"does no harm.")
			commands = append(commands, manifests+" --once | "+kubectl+" create -f -")
		}
		if secret {
			w.say("Save the product's configuration as `productConfig`. Keep that file on this machine, and delete it afterwards.")
			commands = append(commands, manifests+" --secrets productConfig --out objects"+e.Suffix(), kubectl+" apply --server-side -k objects"+e.Suffix())
		} else {
			commands = append(commands, manifests+" | "+kubectl+" apply --server-side -f -")
		}
		w.run(commands...)
	})
	w.heading("The first refresh"+title, func() { w.firstRefresh(e, ofKind(all, "Job")) })
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

// selector picks some objects by those of waybill's labels that they all have. A label
// of the customer's own may be younger than an object.
func (w *writer) selector(of []record.Registration) string {
	var all []string
	for _, label := range []string{"component", "instance", "name", "part-of"} { // in the order of the objects
		label = "app.kubernetes.io/" + label
		values := map[string]bool{}
		for _, r := range of {
			if given := r.Value("metadata.labels"); given.IsObject() && !strings.HasSuffix(r.Kind(), "Patch") {
				values[scalar(given.ObjectValue()[resource.PropertyKey(label)])] = true
			}
		}
		if len(values) == 1 {
			for value := range values {
				all = append(all, label+"="+value)
			}
		}
	}
	return w.word(strings.Join(all, ","))
}

func ofKind(all []record.Registration, kind string) []record.Registration {
	return slices.DeleteFunc(slices.Clone(all), func(r record.Registration) bool { return r.Kind() != kind })
}

// firstRefresh waits for the first refresh, and shows what it says.
func (w *writer) firstRefresh(e *config.Environment, jobs []record.Registration) {
	if len(jobs) == 0 {
		return
	}
	w.say("The Job walks the chain and fills the pull secret; it gives up after about 15 minutes. Its log has a line per\n" +
		"hop. If it fails, the last line has the hop, the cloud's message and the likely cause.")
	selector, kubectl := w.selector(jobs), w.kubectl(e, e.Namespace.Name)
	w.run(
		fmt.Sprintf("until %s get job --output 'jsonpath={.items[*].status.conditions[*].type}' \\\n  --selector %s | grep -Eq 'Complete|Failed'; do sleep 5; done", kubectl, selector),
		fmt.Sprintf("%s logs --tail -1 \\\n  --selector %s", kubectl, selector))
}

// verify shows what was made, and that every hop holds.
func (w *writer) verify() {
	w.show()
	for _, e := range w.stack.Customer.Sorted() {
		all, kubectl := w.stack.Objects(e), w.kubectl(e, e.Namespace.Name)
		for _, cron := range ofKind(all, "CronJob") {
			w.say("`explain` walks the chain once, writes nothing, and shows every hop's issuer, subject, audience and verdict:")
			w.run(strings.NewReplacer("KUBECTL", kubectl, "CRONJOB", w.word(cron.Text("metadata.name"))).Replace(explain))
		}
		var secrets, products []string
		for _, secret := range ofKind(all, "Secret") {
			if !secretOf(secret) {
				secrets = append(secrets, fmt.Sprintf("%s get secret %s --output 'jsonpath={.metadata.annotations}'",
					w.kubectl(e, secret.Text("metadata.namespace")), w.word(secret.Text("metadata.name"))))
			}
		}
		for _, deployment := range ofKind(all, "Deployment") {
			products = append(products, fmt.Sprintf("%s rollout status deployment %s --timeout 5m", kubectl, w.word(deployment.Text("metadata.name"))))
		}
		if len(secrets) > 0 {
			w.say("The last refresh, and the expiry of the pull secret:")
			w.run(secrets...)
		}
		if len(products) > 0 {
			w.say("The product must become available:")
			w.run(products...)
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
	if len(commands) > 0 {
		w.say("Each resource must be found:")
		w.run(slices.Compact(commands)...)
	}
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
	{"registry", "14", "the right to read the vendor's repository, for this account or role: the vendor grants it, and may have suspended it", nil},
	{"secret", "15", "the pull secret: it must exist and not be immutable, and the refresher's Role must name it", nil},
	{"", "17", "the registry: the token is written, but the vendor has to push the image", nil},
	{"", "20", "the network policy and the proxy: the hop in the log answered too late", nil},
}

// troubleshooting says where to look, by hop.
func (w *writer) troubleshooting() {
	c := w.stack.Customer
	if c.Platform == "ecs" {
		w.say("If a task does not start, ECS says why for an hour. `CannotPullContainerError` with 403 means that the vendor's repository\n" +
			"policy or the execution role's policy is wrong. With `not found` the image is missing.")
		for _, r := range w.clouds() {
			if r.Type == "aws:ecs/service:Service" {
				cluster, where := w.word(r.Text("cluster")), strings.Join(w.where(r.Provider), " ")
				w.run(fmt.Sprintf("for task in $(aws ecs list-tasks --desired-status STOPPED --cluster %s \\\n"+
					"  --service-name %s %s --query 'taskArns[]' --output text); do\n"+
					"  aws ecs describe-tasks --cluster %[1]s --tasks \"$task\" %[3]s --query 'tasks[].stoppedReason'\ndone", cluster, w.word(r.Text("name")), where))
			}
		}
		return
	}
	if !slices.ContainsFunc(w.stack.Registrations, func(r record.Registration) bool { return r.Kind() == "CronJob" }) {
		w.say("The nodes pull, so there is no refresher. If a pod is in `ImagePullBackOff`, its events have the registry's message. 403 means\n" +
			"that the nodes' identity lacks the right to read, which the vendor grants. `not found` means that the image is missing.")
		for _, e := range c.Sorted() {
			w.run(w.kubectl(e, e.Namespace.Name) + " get events --field-selector reason=Failed")
		}
		return
	}
	w.say("The refresher's exit code names the hop.")
	w.text.WriteString("| exit code | hop | look at |\n|---|---|---|\n")
	for _, exit := range exits {
		if exit.clouds == nil || slices.ContainsFunc(exit.clouds, w.walks) {
			fmt.Fprintf(&w.text, "| %s | %s | %s |\n", exit.codes, cmp.Or(code(exit.hop), "–"), exit.look)
		}
	}
	w.text.WriteString("\n")
	w.say("The first refresh runs once. After a fix, or if somebody has deleted the pull secret, delete its Job and repeat the steps\n" +
		"from the objects on:")
	for _, e := range c.Sorted() {
		if jobs := ofKind(w.stack.Objects(e), "Job"); len(jobs) > 0 {
			w.run(fmt.Sprintf("%s delete job \\\n  --selector %s", w.kubectl(e, e.Namespace.Name), w.selector(jobs)))
		}
	}
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

// leaveClusters takes away what the customer has applied.
func (w *writer) leaveClusters() {
	if w.waits() { // nothing yet
		return
	}
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
				w.kubectl(e, namespace), strings.Join(slices.Compact(kinds), ","), w.selector(all)))
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
}

// Ends are what is true of tokens once the right to read is gone, by where the registry
// is. docs/parties.md says the same.
const (
	endOnGoogle = "Artifact Registry checks the policy at each pull. A token that was issued before lives for up to\n" +
		"an hour, but is refused once the change has propagated, usually within minutes."
	endOnAmazon = "ECR checks the policies at each pull. A token that was issued before lives for up to 12 hours, but\n" +
		"is refused once the change has propagated, usually within minutes."
)

// remove takes a party's resources away, the last first, and the right to read before
// everything else.
func (w *writer) remove() {
	var ends, others []record.Registration
	var stay []string
	mine := w.clouds()
	slices.Reverse(mine)
	for _, r := range mine {
		switch {
		case r.RPC.GetProtect() || r.RPC.GetRetainOnDelete():
			stay = append(stay, code(r.Name))
		case w.atVendor && rows[r.Type].opens:
			ends = append(ends, r)
		default:
			others = append(others, r)
		}
	}
	if len(ends) > 0 {
		end := endOnGoogle
		if w.walks("aws") {
			end = endOnAmazon
		}
		w.say("End the access first. %s", end)
		w.destroy(ends)
	}
	if len(others) > 0 {
		w.say("Delete what served only this customer:")
		w.destroy(others)
	}
	if len(stay) > 0 {
		w.say("These are protected or possibly shared, and stay: %s.", strings.Join(stay, ", "))
	}
}

// destroy takes resources away.
func (w *writer) destroy(all []record.Registration) {
	var commands, targets []string
	for _, r := range all {
		commands = append(commands, w.commands(r, rows[r.Type].remove)...)
		targets = append(targets, "-target="+address(r))
	}
	if w.form == Terraform {
		w.needed = map[string]bool{}
		commands = []string{w.inFolder("destroy \\\n  ") + strings.Join(targets, " \\\n  ")}
	}
	w.run(commands...)
}

func jsonOf(value resource.PropertyValue) string {
	encoded, err := json.Marshal(value.Mappable())
	if err != nil {
		panic(err) // maps, lists and texts
	}
	return string(encoded)
}
