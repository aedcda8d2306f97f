package fault

// Hop is one step of the chain that the refresher walks.
type Hop string

// The hops, in the order of a walk. Each trust leaves out those that belong to another cloud.
const (
	HopKubernetes Hop = "kubernetes"
	HopEntra      Hop = "entra"
	HopSTS        Hop = "sts"
	HopIAM        Hop = "iam"
	HopECR        Hop = "ecr"
	HopRegistry   Hop = "registry"
	HopSecret     Hop = "secret"
)

// The exit codes that belong to no hop. 1 is left to the Go runtime, so that a crash is never taken for a refusal.
const (
	ExitOK       = 0
	ExitRefused  = 2
	ExitMissing  = 17
	ExitDeadline = 20
)

// Exits are the exit codes with what they mean. Alerts and runbooks match on them: a code never changes its meaning,
// and a hop that joins takes the next free one, whatever its place in a walk.
var Exits = []struct {
	Code    int
	Hop     Hop // empty where no single hop ends the run
	Meaning string
}{
	{ExitOK, "", "done"},
	{ExitRefused, "", "arguments, environment or credential configuration refused; no cloud was contacted"},
	{10, HopKubernetes, "the projected ServiceAccount token is missing, expired or for another audience"},
	{11, HopEntra, "Entra refused to exchange it for the identity's token"},
	{12, HopSTS, "Google's token service refused the token; or AWS (STS, or the Pod Identity agent) did not give " +
		"it the role"},
	{13, HopIAM, "Google refused to issue the service account's token, or its lifetime is too short"},
	{14, HopRegistry, "the new token does not open the product's images"},
	{15, HopSecret, "the pull secret could not be patched"},
	{16, HopECR, "ECR issued no authorization token to the role, or one whose lifetime is too short"},
	{ExitMissing, "", "the token is written, but an image is not in the registry yet (only with --require-images)"},
	{ExitDeadline, "", "the deadline passed, or a signal came, during a hop; the log says which"},
}

// ExitCode is the code of a walk that the hop refused. An unknown name gives ExitRefused, since only a configuration
// can name one.
func (h Hop) ExitCode() int {
	for _, exit := range Exits {
		if h != "" && exit.Hop == h {
			return exit.Code
		}
	}
	return ExitRefused
}
