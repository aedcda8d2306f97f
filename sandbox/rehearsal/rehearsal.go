package rehearsal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"

	"waybill.example/waybill/sandbox/entra"
	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/world"
)

// Config is what a rehearsal meets.
type Config struct {
	// Clusters are the world's, in its order; none where the chain has no
	// cluster, as on ECS.
	Clusters []*controlplane.Cluster
	// Pipeline is the vendor's, with the world and the clouds: it says what is walked,
	// and has the neighbours: other tenants, identities and repositories.
	*Pipeline
	// Entra mints tokens that another caller or another time would get.
	Entra *entra.Server
	// Record is of what the clouds' servers answered.
	Record *Record
	// ShortPropagation is true where the operator says how long refreshers wait for a
	// right.
	ShortPropagation bool
	// Updates are when the updates since the start began, the last one last.
	Updates []time.Time
	// Network leads to the clouds' servers; the walks meet its faults too.
	Network *network.Network
	// Resources are those in the engine's state; none leaves the cases out that read
	// them.
	Resources []apitype.ResourceV3
	// Outputs of the stack are what the program claims: they say which identities
	// and repositories are tried, and never what is walked.
	Outputs map[string]any
}

// Hop is one step of the chain as it happened.
type Hop struct {
	Name string `json:"name"`
	// Environment whose chain it is; empty where the stack has one alone.
	Environment string `json:"environment,omitempty"`
	OK          bool   `json:"ok"`
	Detail      string `json:"detail"`
}

// The kinds of refusals.
const (
	// KindDeployment are those that a wrong deployment would not be met with.
	KindDeployment = "deployment"
	// KindServers try the clouds' own servers, which refuse whatever is deployed.
	KindServers = "servers"
)

// Refusal is a walk with one thing changed.
type Refusal struct {
	Case string `json:"case"`
	// Kind is KindDeployment or KindServers.
	Kind string `json:"kind"`
	// Environment whose chain it is; empty where the stack has one alone.
	Environment string `json:"environment,omitempty"`
	// Hop refused, in the words of Error. Where nobody refused, Hop is empty, and
	// Error what that allows, if it is known.
	Hop   string `json:"hop"`
	Error string `json:"error"`

	// Want is the hop that must refuse; OK is true where it did, in words of
	// its cloud's family.
	Want string `json:"-"`
	OK   bool   `json:"-"`
}

// Rehearsal is what a stack deployed, ready to be walked: a chain for each
// environment, and the workloads that become an identity of their own.
type Rehearsal struct {
	// First is the name of the case that is tried before the others; empty for none.
	First string

	ways      []way
	workloads []*workload
}

// way is how the chain of one environment is gone.
type way interface {
	// base is what every chain has.
	base() *chain
	// find finds in the cluster what the chain goes through there.
	find(ctx context.Context, outputs document) error
	// walk goes the chain as it is gone in production and reports each hop as it
	// ended; it stops at the first that failed.
	walk(ctx context.Context, report func(Hop)) error
	// attempt goes the same chain without patience, and past what a node has cached.
	// Its error is who refused it; nil if nobody did.
	attempt(ctx context.Context) error
	// cases are walks with one thing changed.
	cases() ([]testCase, error)
	// intrusions are another environment's tries to become this one.
	intrusions(other way) []testCase
}

// setting is what all chains of a rehearsal meet.
type setting struct {
	Config
	clusters []*cluster
}

// New reads what was deployed.
func New(ctx context.Context, config Config) (*Rehearsal, error) {
	clusters, err := openClusters(config.Clusters)
	if err != nil {
		return nil, err
	}
	s := &setting{config, clusters}
	environments, err := readEnvironments(config.World.Walk, config.Outputs)
	if err != nil {
		return nil, err
	}
	r := &Rehearsal{}
	for _, e := range environments {
		w, err := s.read(&e)
		if err == nil {
			err = w.find(ctx, e.outputs)
		}
		if err != nil {
			return nil, explain(e.name, err)
		}
		r.ways = append(r.ways, w)
	}
	r.workloads, err = readWorkloads(config.World.Walk, config.Outputs, r.ways)
	return r, err
}

// read reads the chain that the world has for an environment from its outputs.
func (s *setting) read(e *environment) (w way, err error) {
	c := &chain{
		setting: s, environment: e.name,
		namespace: e.place.Namespace, alsoIn: e.place.AlsoIn,
		registry: e.text("accessGrant.registry"), repository: e.text("accessGrant.repository"), image: e.text("image"),
		release: e.place.Release, services: addresses(e.outputs),
	}
	if at := slices.IndexFunc(s.clusters, func(one *cluster) bool { return one.Context() == e.place.Context }); at >= 0 {
		c.cluster = s.clusters[at]
	}
	switch chain := s.World.Walk.Chain; {
	case chain == world.ChainEntra:
		w = readEntra(c, e)
	case chain == world.ChainClusterIssuer:
		w = readDirect(c, e)
	case chain == world.ChainGKENodes:
		w = &nodes{chain: c, requestedAccount: e.text("accessRequest.nodeServiceAccounts"), requestedProject: e.text("accessRequest.project")}
	case s.Amazon == nil:
		return nil, errors.New("rehearsal: the chain goes through AWS, and the world has none of it (aws.accounts)")
	default:
		w = readAmazon(c, e)
	}
	return w, errors.Join(e.missing...)
}

// Walk goes every deployed chain as it is gone in production, and reports each
// hop as it ended; a chain ends at the first that failed. Where it has a pull
// secret, the refresher runs once, in a Job made from the deployed CronJob, and
// then the kubelet pulls the product's image with what the refresher wrote.
// Where the nodes pull, the kubelet pulls alone, and on ECS the agent starts a
// task. After its environment's chain each workload with an identity of its own
// becomes it.
func (r *Rehearsal) Walk(ctx context.Context, report func(Hop)) error {
	return r.each(func(w way) error {
		err := w.walk(ctx, func(hop Hop) {
			hop.Environment = w.base().environment
			report(hop)
		})
		for _, one := range r.workloads {
			if err != nil || one.way != w {
				continue
			}
			var hop Hop
			if hop, err = one.walk(ctx); err == nil {
				report(hop)
			}
		}
		return err
	})
}

// each does something for the chain of each environment, whose name its error has.
func (r *Rehearsal) each(do func(w way) error) error {
	for _, w := range r.ways {
		if err := do(w); err != nil {
			return explain(w.base().environment, err)
		}
	}
	return nil
}

// Suspended tries what a suspended customer had, once for each environment, and
// reports who refused it. Any hop may.
func (r *Rehearsal) Suspended(ctx context.Context, report func(Refusal)) error {
	return r.each(func(w way) error {
		refusal, err := testCase{"a pull while the customer is suspended", hopRegistry, anyWords, w.attempt}.try(ctx)
		if err != nil {
			return err
		}
		refusal.Environment, refusal.OK = w.base().environment, refusal.Hop != ""
		report(refusal)
		return nil
	})
}

// Refusals walks every case of every environment, those of a wrong deployment
// first, and reports each as it ended.
func (r *Rehearsal) Refusals(ctx context.Context, report func(Refusal)) error {
	return r.each(func(w way) error {
		cases, err := w.cases()
		if err != nil {
			return err
		}
		if w == r.ways[0] {
			cases = append(cases, w.base().deployedCases()...)
		}
		for _, other := range r.ways {
			if other != w {
				cases = append(cases, w.intrusions(other)...)
			}
		}
		for _, one := range r.workloads {
			if one.way == w {
				cases = append(cases, one.cases(r.workloads)...)
			}
		}
		slices.SortStableFunc(cases, func(a, b testCase) int { return strings.Compare(a.kind(), b.kind()) })
		if at := slices.IndexFunc(cases, func(c testCase) bool { return c.name == r.First }); at > 0 {
			cases = slices.Concat(cases[at:at+1], cases[:at], cases[at+1:])
		}
		for _, c := range cases {
			refusal, err := c.try(ctx)
			if err != nil {
				return err
			}
			refusal.Environment = w.base().environment
			if slices.Contains(w.base().World.Walk.Leftovers, c.name) {
				refusal.OK, refusal.Want = refusal.Hop == "", "nobody"
			}
			report(refusal)
		}
		return nil
	})
}
