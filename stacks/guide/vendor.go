package guide

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/stacks/exchange"
	"waybill.example/waybill/stacks/record"
)

// answer writes the vendor's half.
func (w *writer) answer() {
	w.heading("Before you begin", w.signIn)
	if !w.waits() {
		w.heading("The customer's access request", w.asked)
	}
	w.heading("The repository and its readers", func() {
		w.resumed("access request")
		w.create(false)
	})
	w.heading("Push the release", w.push)
	w.heading("The access grant", func() {
		if w.stack.Outputs[exchange.GrantName] != nil {
			w.say("The access grant contains identifiers and no secret. Send it to the customer.")
			w.tellFile(exchange.GrantName)
		}
	})
	w.heading("Verify", w.show)
	if w.waits() {
		w.heading("The customer's access request", w.asked)
	}
}

// asked is what the customer asks.
func (w *writer) asked() {
	const compare = "Compare its tenant, account or issuer with what you know, and refuse it if they differ."
	at, from := w.file(exchange.RequestName), w.stack.Customer.Exchange.Request
	switch {
	case w.waits():
		w.say("Wait for the customer's access request. %s\n%s", compare, w.keep(exchange.RequestName, "exchange.request", from))
		if from.Stack != "" { // a reference between the stacks, which nobody has deployed
			w.again(w.handOver(exchange.RequestName)...)
		} else {
			w.again()
		}
	case w.stack.Customer.Side == "both":
		w.say("The customer's half wrote the access request, `%s`. Accept it only over a channel on which you can\n"+
			"verify the customer. %s", at, compare)
	default:
		w.say("The access request has arrived: keep it as `%s`. The steps below use its identities.\n%s", at, compare)
	}
}

// push is how the images that the customer runs come into its repository, or where the
// repository only shows another, into that one.
func (w *writer) push() {
	c := w.stack.Customer
	grant, _ := w.stack.Outputs[exchange.GrantName].(map[string]any)
	host, _ := grant["registry"].(string)
	repository, _ := grant["repository"].(string)
	if host == "" || repository == "" {
		return
	}
	from, into := host+"/"+repository, host+"/"+repository
	w.say("Push what the customer runs. If a local image has another name, give it this one with `docker tag` first.")
	if upstream := strings.Split(c.GCP.Repository.Upstream, "/"); len(upstream) == 6 { // projects/P/locations/L/repositories/R
		host = gcp.RegistryHost(upstream[3])
		into = host + "/" + gcp.ProjectPath(upstream[1]) + "/" + upstream[5]
		w.say("The customer's repository shows the images of `%s` and takes none itself. Skip what is there.", into)
	}
	var tagged, pinned []string
	for _, image := range w.images(from) {
		path, digest, isPinned := strings.Cut(into+strings.TrimPrefix(image, from), "@")
		if isPinned {
			pinned = append(pinned, fmt.Sprintf("`%s` with the digest `%s`", path, digest))
			continue
		}
		tagged = append(tagged, "docker push "+w.word(path))
	}
	if len(tagged)+len(pinned) == 0 { // the customer's stack says which
		if c.GCP.Project != "" {
			into += "/" + c.Product.Image
		}
		w.say("Set `RELEASE` to the tag that the customer runs, `product.tag` of its stack.")
		tagged = []string{"docker push " + w.word(into) + `:"${RELEASE:?want the tag}"`}
	}
	if len(pinned) > 0 {
		w.say("Images that the customer names by their digests need any tag: %s.", strings.Join(pinned, ", "))
	}
	login := "gcloud auth configure-docker --quiet " + host
	if where := w.where("aws-vendor"); len(where) > 0 {
		login = fmt.Sprintf("aws ecr get-login-password %s |\n  docker login --username AWS --password-stdin %s", strings.Join(where, " "), host)
	}
	w.run(append([]string{login}, tagged...)...)
}

// images are those of a repository that the stack's registrations name: what runs, and
// what a new token is tried on.
func (w *writer) images(repository string) []string {
	reference := regexp.MustCompile(regexp.QuoteMeta(repository) + `[a-z0-9._/-]*(:[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64})+`)
	var all []string
	for _, r := range w.stack.Registrations {
		all = append(all, reference.FindAllString(fmt.Sprint(record.Plain(resource.NewProperty(r.Inputs))), -1)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
