package fault

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"

	"waybill.example/waybill/refresher/internal/awsname"
	"waybill.example/waybill/refresher/internal/wire"
)

// Row is one answer that waybill knows.
type Row struct {
	Name   string         // unique
	Hops   []Hop          // where it is met; empty: at every hop of the family
	Status []int          // HTTP status; empty: whatever it is
	Words  *regexp.Regexp // matched against the words; nil: the status says it
	Kind   Kind
	Cause  string // what it means
	Do     string // what to look at or change; nothing that loses a secret, an image or access
	Source string // where the answer is documented or recorded: a URL, or a section of docs/facts.md
}

// Family is who speaks. A family's words are explained by its own rows, and by no other's.
type Family string

// The families.
const (
	FamilyEntra      Family = "entra"
	FamilyGoogle     Family = "google"
	FamilyAmazon     Family = "aws"
	FamilyAgent      Family = "pod-identity" // the EKS Pod Identity agent, on the node
	FamilyKubernetes Family = "kubernetes"   // the API server, and who is asked before it admits
	FamilyNetwork    Family = "network"      // no answer, a proxy's, or something else's in the cloud's place
)

// Rows are what waybill knows. In a family the first row that fits wins, so one for particular words stands before one
// for general words. The kinds follow how long a change is on its way: minutes for federated credentials (docs/facts.md
// §2), two to seven minutes for Google's IAM (https://cloud.google.com/iam/docs/access-change-propagation), and seconds
// for AWS's (docs/facts.md §4).
var Rows = map[Family][]Row{
	FamilyEntra:      entraRows,
	FamilyGoogle:     googleRows,
	FamilyAmazon:     amazonRows,
	FamilyAgent:      agentRows,
	FamilyKubernetes: kubernetesRows,
	FamilyNetwork:    networkRows,
}

// Unknown is the cause of an answer that no row fits. It is no guess.
const Unknown = "unknown: waybill does not know this answer"

// causeBusy is the cause of an answer that no row fits, and whose status says that it passes.
const causeBusy = "the status says that the service is busy or failing"

// Docs that several rows stand on.
const (
	facts = "docs/facts.md "
	learn = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes"
	// lookup is Microsoft's own, for the codes that its list lacks.
	lookup = "https://login.microsoftonline.com/error?code="
)

// re keeps the rows readable.
var re = regexp.MustCompile

// fits reports whether the row explains what was met. What passes by its status is explained by no row that says it
// stays.
func (r Row) fits(name Hop, status int, words string) bool {
	return (len(r.Hops) == 0 || slices.Contains(r.Hops, name)) &&
		(len(r.Status) == 0 || slices.Contains(r.Status, status)) &&
		(r.Words == nil || r.Words.MatchString(words)) &&
		(r.Kind == Passing || !busy(status))
}

// busy reports whether a status says that trying again later is right: RFC 9110 §15.5.9 and §15.6, RFC 6585 §4.
func busy(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests ||
		status == http.StatusRequestTimeout
}

// speaker tells the family whose words an exchange brought.
func speaker(name Hop, e wire.Exchange) Family {
	switch {
	case awsname.IsAgent(e.Host) && (e.Err != nil || e.Status >= http.StatusBadRequest):
		return FamilyAgent
	case e.Err != nil, e.Status < http.StatusBadRequest, isPage(e.Body) && !busy(e.Status):
		return FamilyNetwork
	case name == HopEntra:
		return FamilyEntra
	case name == HopSecret:
		return FamilyKubernetes
	case awsname.Answers(e.Host):
		return FamilyAmazon
	default:
		return FamilyGoogle
	}
}

// isPage reports whether a body is a page for people. No hop of the chain answers with one, but for Google's front end,
// whose pages are told by their apology.
func isPage(body []byte) bool {
	begin := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 1024)]))
	return (bytes.HasPrefix(begin, []byte("<!doctype html")) || bytes.HasPrefix(begin, []byte("<html"))) &&
		!bytes.Contains(body, []byte("That’s an error."))
}

// explain fills in the fault from the row that fits its words, or says that none does.
func (f *Fault) explain(family Family, words string) {
	for _, r := range Rows[family] {
		if r.fits(f.Hop, f.Status, words) {
			f.Row, f.Kind, f.Cause, f.Do = r.Name, r.Kind, r.Cause, r.Do
			return
		}
	}
	f.Kind, f.Cause = Lasting, Unknown
	switch {
	case busy(f.Status):
		f.Kind, f.Cause = Passing, causeBusy
	case f.Status == 0:
		f.Kind = Passing
	case f.Status == http.StatusForbidden && (family == FamilyAmazon || f.Hop == HopIAM || f.Hop == HopRegistry):
		// Permission systems settle over minutes, whatever words they choose.
		f.Kind = Settling
	}
}
