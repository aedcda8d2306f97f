package guide

import (
	"fmt"
	"slices"
	"strings"

	"waybill.example/waybill/stacks/exchange"
)

// vendor writes the vendor's half.
func (w *writer) vendor() {
	c := w.stack.Customer
	w.heading("Before you begin")
	w.say("Sign in to the right account.")
	w.signIn()

	w.heading("The customer's access request")
	switch {
	case len(w.stack.Waiting) > 0:
		at := requestFile
		if c.Exchange.Request.File != "" {
			at = c.Exchange.Request.File
		}
		w.say("The access request is still missing. When it arrives, save it as `%s`, and print this guide again:\n`waybill guide %s%s`.",
			at, w.stack.Name, w.requestFlag())
		if c.Exchange.Request.File == "" {
			w.run(fmt.Sprintf(`printf '{"%s": %%s}\n' "$(cat %s)" > %s`, exchange.RequestName, requestFile, outputsFile))
		}
		w.say("The steps below need no access request.")
	case c.Side == "both":
		w.say("The access request, `%s`, is from the customer's half. Accept it only over a channel on which you can verify\n"+
			"the customer. Compare its tenant, account or issuer with what you know.", requestFile)
	default:
		w.say("The access request has arrived. The steps below use its identities. Compare its tenant, account or issuer with what you know.")
	}

	w.heading("The repository and its readers")
	w.create(false)

	if image := w.images(); len(image) > 0 {
		w.heading("Push the release")
		w.say("Push the image that the customer runs. If your local image has another name, use `docker tag` first.")
		w.run(image...)
	}
	if w.stack.Outputs[exchange.GrantName] != nil {
		w.heading("The access grant")
		w.say("The access grant contains identifiers and no secret. Send it to the customer.")
		w.tellFile(exchange.GrantName)
	}
	w.heading("Verify")
	w.show()
	w.heading("Off-boarding")
	if w.form == Terminal {
		w.say("The first command ends the access.")
	}
	w.say("Issued tokens expire after an hour on Google Cloud, and after 12 hours on AWS.")
	w.remove()
}

// requestFlag tells `waybill` what the customer told.
func (w *writer) requestFlag() string {
	if w.stack.Customer.Exchange.Request.File != "" {
		return ""
	}
	return " --outputs " + outputsFile
}

// images are the commands that push what the customer runs, as far as the stack says it.
func (w *writer) images() []string {
	grant, _ := w.stack.Outputs[exchange.GrantName].(map[string]any)
	registry, _ := grant["registry"].(string)
	var pushes []string
	note := func(image string) {
		if strings.HasPrefix(image, registry+"/") && !strings.Contains(image, "@") {
			pushes = append(pushes, "docker push "+w.word(image))
		}
	}
	for _, r := range w.stack.Registrations {
		note(r.Text("spec.template.spec.containers[0].image"))
	}
	if image, known := w.stack.Outputs["image"].(string); known {
		note(image)
	}
	if registry == "" || len(pushes) == 0 {
		return nil
	}
	login := "gcloud auth configure-docker " + registry
	if where := w.where("aws-vendor"); len(where) > 0 {
		login = fmt.Sprintf("aws ecr get-login-password %s |\n  docker login --username AWS --password-stdin %s", strings.Join(where, " "), registry)
	}
	slices.Sort(pushes)
	return append([]string{login}, slices.Compact(pushes)...)
}
