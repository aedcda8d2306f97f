package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/world"
)

// workload is a component of the product whose ServiceAccount becomes an
// identity of its own, apart from the one that pulls.
type workload struct {
	// name is PRODUCT_ENVIRONMENT_COMPONENT, the key of the output workloadTrusts.
	name string
	// way is the chain of its environment.
	way way
	// at is the hop where it becomes its identity.
	at string
	// namespace and account are its ServiceAccount's.
	namespace, account string
	// tenantID, clientID and audience are those of its identity in Entra; empty
	// where it has a role in AWS.
	tenantID, clientID, audience string
	roleARN                      string
}

// readWorkloads finds the workloads of the world in the output workloadTrusts,
// which must have each of them in each environment, and no other.
func readWorkloads(walk world.Walk, outputs document, ways []way) ([]*workload, error) {
	trusts := outputs.object("workloadTrusts")
	left := slices.Sorted(maps.Keys(trusts))
	var all []*workload
	var problems []error
	for _, way := range ways {
		base := way.base()
		name := cmp.Or(base.environment, defaultEnvironment)
		for _, wanted := range walk.Workloads {
			at := slices.IndexFunc(left, func(key string) bool {
				return strings.Contains(key, "_"+name+"_") && trusts.object(key).text("subject") == serviceAccount(base.namespace, wanted.Account)
			})
			if at < 0 {
				problems = append(problems, fmt.Errorf("rehearsal: the output workloadTrusts has none of %s in environment %s: want one of every workload that the world walks (walk.workloads)",
					serviceAccount(base.namespace, wanted.Account), name))
				continue
			}
			trust := trusts.object(left[at])
			all = append(all, &workload{
				name: left[at], way: way, at: wanted.Hop, namespace: base.namespace, account: wanted.Account,
				tenantID: trust.text("tenantId"), clientID: trust.text("clientId"), audience: trust.text("audience"), roleARN: trust.text("roleArn"),
			})
			left = slices.Delete(left, at, at+1)
			last := all[len(all)-1]
			if last.identity() == "" {
				problems = append(problems, fmt.Errorf("rehearsal: the output workloadTrusts.%s: want a clientId or a roleArn", last.name))
			}
			// The next update reads it to leave each workload its identity.
			if made := way.base().identityNamed(trust.text("identity")); last.clientID != "" && made != last.clientID && len(way.base().Resources) > 0 {
				problems = append(problems, fmt.Errorf("rehearsal: the output workloadTrusts.%s: identity %q has the client ID %q: want that of clientId, %s",
					last.name, trust.text("identity"), made, last.clientID))
			}
		}
	}
	for _, key := range left {
		problems = append(problems, fmt.Errorf("rehearsal: the output workloadTrusts.%s: want none that the world does not walk (walk.workloads)", key))
	}
	return all, errors.Join(problems...)
}

// identityNamed is the client ID of a managed identity of the stack's.
func (s *setting) identityNamed(name string) string {
	for _, r := range s.Resources {
		if string(r.Type) == "azure-native:managedidentity:UserAssignedIdentity" && r.Inputs["resourceName"] == name {
			client, _ := r.Outputs["clientId"].(string)
			return client
		}
	}
	return ""
}

// ofWorkload begins the detail of the hop at which a workload becomes its identity.
const ofWorkload = "workload "

// start is the workload's own token.
func (w *workload) start() start {
	return start{of: w.way.base(), namespace: w.namespace, account: w.account}
}

// walk lets the workload become its identity.
func (w *workload) walk(ctx context.Context) (Hop, error) {
	err := w.injected(ctx)
	if err == nil {
		err = w.become(ctx, w)
	}
	hop := Hop{Name: w.at, Environment: w.way.base().environment}
	var by *refused
	switch {
	case errors.As(err, &by):
		hop.Name, hop.Detail = by.hop, by.words
	case err != nil:
		return Hop{}, err
	default:
		hop.OK = true
		hop.Detail = describe([2]string{strings.TrimSpace(ofWorkload), w.name}, [2]string{"subject", serviceAccount(w.namespace, w.account)}, [2]string{"identity", w.identity()})
	}
	return hop, nil
}

// injected wants what makes Azure's webhook give the product's pods the token of an
// identity in Entra: the pods' label, and the ServiceAccount's annotation.
// https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
func (w *workload) injected(ctx context.Context) error {
	c := w.way.base()
	if w.clientID == "" || w.at != hopEntra {
		return nil
	}
	account, err := c.cluster.admin.CoreV1().ServiceAccounts(w.namespace).Get(ctx, w.account, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if client := account.Annotations["azure.workload.identity/client-id"]; client != w.clientID {
		return &refused{hopKubernetes, fmt.Sprintf("the webhook gives %s the client ID %q: want %s", w.account, client, w.clientID)}
	}
	// Without it, the webhook gives the pods the cluster's own tenant.
	if tenant := account.Annotations["azure.workload.identity/tenant-id"]; tenant != "" && tenant != w.tenantID {
		return &refused{hopKubernetes, fmt.Sprintf("the webhook gives %s the tenant ID %q: want %s", w.account, tenant, w.tenantID)}
	}
	for _, component := range c.components {
		pod := component.Spec.Template
		if pod.Spec.ServiceAccountName == w.account && pod.Labels["azure.workload.identity/use"] != "true" {
			return &refused{hopKubernetes, "the webhook passes the pods of " + component.Name + " over, which have no label azure.workload.identity/use"}
		}
	}
	return nil
}

func (w *workload) identity() string { return cmp.Or(w.roleARN, w.clientID) }

// become asks for the identity of another workload, or its own; nil if nobody
// refuses.
func (w *workload) become(ctx context.Context, other *workload) error {
	if a, ok := w.way.(*amazon); ok {
		return a.becomeRole(ctx, w, other.roleARN)
	}
	_, err := w.askEntra(ctx, other.tenantID, other.clientID)
	return err
}

// askEntra asks for a token of the exchange's scope for the workload's
// ServiceAccount.
func (w *workload) askEntra(ctx context.Context, tenantID, clientID string) (string, error) {
	c := w.way.base()
	s := w.start()
	s.audience = &w.audience
	assertion, err := c.subjectToken(ctx, s)
	if err != nil {
		return "", err
	}
	authority, known := authorities[w.audience]
	if !known {
		return "", fmt.Errorf("rehearsal: the output workloadTrusts.%s: audience %q: want one of %q", w.name, w.audience, slices.Sorted(maps.Keys(authorities)))
	}
	return c.askEntra(ctx, entraRequest{authority: authority, scope: w.audience + "/.default", tenantID: tenantID, clientID: clientID}, assertion)
}

// authorities are Entra's by the audience of the cloud's token exchange
// (docs/facts.md §2).
var authorities = map[string]string{
	"api://AzureADTokenExchange":      "https://login.microsoftonline.com/",
	"api://AzureADTokenExchangeUSGov": "https://login.microsoftonline.us/",
	"api://AzureADTokenExchangeChina": "https://login.chinacloudapi.cn/",
}

// cases are the workload becoming the next one that has another identity, and
// the workload trying to pull: as the refresher, and as itself.
func (w *workload) cases(all []*workload) []testCase {
	var cases []testCase
	at := slices.Index(all, w)
	for i := 1; i < len(all); i++ {
		other := all[(at+i)%len(all)]
		if other.identity() != w.identity() {
			cases = append(cases, testCase{w.name + " as " + other.name, w.at, w.words(), func(ctx context.Context) error { return w.become(ctx, other) }})
			break
		}
	}
	switch v := w.way.(type) {
	case *viaEntra:
		cases = append(cases,
			testCase{w.name + " as the refresher", hopEntra, entraMatch, func(ctx context.Context) error {
				return w.become(ctx, &workload{tenantID: v.tenantID, clientID: v.clientID})
			}},
			testCase{"the identity of " + w.name + " at the vendor", hopSTS, stsCondition, func(ctx context.Context) error {
				token, err := w.askEntra(ctx, w.tenantID, w.clientID)
				if err != nil {
					return err
				}
				return v.redeem(ctx, token, asked{})
			}})
	case *direct:
		cases = append(cases, testCase{w.name + " at the vendor", hopSTS, stsCondition, func(ctx context.Context) error {
			return v.try(ctx, w.start(), asked{})
		}})
	case *amazon:
		cases = append(cases, v.workloadCases(w)...)
	}
	return cases
}

// words are those for a token of which nothing is wrong but whose it is.
func (w *workload) words() *regexp.Regexp {
	if w.roleARN != "" {
		return roleOrService
	}
	return entraMatch
}
