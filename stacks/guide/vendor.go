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
	w.say("Sign in where the commands are to act.")
	w.signIn()

	w.heading("What the customer told")
	switch {
	case len(w.stack.Waiting) > 0:
		at := requestFile
		if c.Exchange.Request.File != "" {
			at = c.Exchange.Request.File
		}
		w.say("The access request has not come. When it has, keep it as `%s`, and print this guide again:\n`waybill guide %s%s`.",
			at, w.stack.Name, w.requestFlag())
		if c.Exchange.Request.File == "" {
			w.run(fmt.Sprintf(`printf '{"%s": %%s}\n' "$(cat %s)" > %s`, exchange.RequestName, requestFile, outputsFile))
		}
		w.say("What follows needs no access request.")
	case c.Side == "both":
		w.say("The access request, `%s`, from the customer's half. Take only one that came on a channel on which you know\n"+
			"the customer, and compare its tenant, account or issuer with what you know.", requestFile)
	default:
		w.say("The access request has come, and what follows is made for who it names. Compare its tenant, account or issuer with what you know.")
	}

	w.heading("The repository, and who may read it")
	w.create(false)

	if image := w.images(); len(image) > 0 {
		w.heading("Push the release")
		w.say("What the customer runs, which has that name here; `docker tag` gives it to an image that has another.")
		w.run(image...)
	}
	if w.stack.Outputs[exchange.GrantName] != nil {
		w.heading("Answer")
		w.say("The access grant: identifiers, never secrets. Send it to the customer.")
		w.tellFile(exchange.GrantName)
	}
	w.heading("Verify")
	w.show()
	w.heading("Off-boarding")
	if w.form == Terminal {
		w.say("The first command ends the access.")
	}
	w.say("What tokens have been made still opens the registry until they expire: an hour on Google\n" +
		"Cloud, twelve on AWS.")
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
