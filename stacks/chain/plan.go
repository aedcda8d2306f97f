package chain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// Plan is a stack's chain with the halves that the stack builds.
type Plan struct {
	s     *config.Settings
	chain chain
	// buildsCustomer and buildsVendor say which halves the stack builds.
	buildsCustomer, buildsVendor bool
	// received is what has come of the other party's document.
	received *exchange.Received
	customer customer
	vendor   vendor
}

// New picks the chain of a configuration and checks what the chain asks of it; nil
// where the configuration names no chain.
func New(s *config.Settings, problems *config.Problems) *Plan {
	for _, key := range picked {
		if problems.Has(key) {
			return nil
		}
	}
	if key, wish := noChain(s); key != "" {
		problems.Refuse(key, "%s", wish)
		return nil
	}
	p := &Plan{s: s, chain: chainOf(s), received: &exchange.Received{}}
	if p.chain == nil {
		return nil
	}
	p.buildsCustomer, p.buildsVendor = halves(&s.Customer)
	s.Check(p.reads(), p.elsewhere, problems)
	p.chain.check(s, problems)
	if p.buildsCustomer {
		p.chain.customer(s, nil, nil).check(problems)
	}
	return p
}

// elsewhere says who reads a key that the stack does not: its other side, another
// platform or another chain of its own.
func (p *Plan) elsewhere(key string) string {
	for _, side := range []string{"customer", "vendor", "both"} {
		other := &Plan{s: p.s, chain: p.chain}
		other.buildsCustomer, other.buildsVendor = halves(&config.Customer{Side: side})
		if other.reads().Has(key) {
			return "a stack of side " + side + " reads it"
		}
	}
	on := ReadBy(key)
	if slices.Contains(on, p.s.Platform) {
		return "another chain of " + p.s.Platform + " reads it"
	}
	return "it is read on " + strings.Join(on, ", ")
}

// reads are the keys that the stack's halves read.
func (p *Plan) reads() config.Reads {
	all := p.chain.reads()
	all.vendor = all.vendor.And(config.Reads{Uses: []string{"suspended"}})
	switch {
	case !p.buildsVendor:
		return all.customer.And(all.ofVendor).And(config.Reads{
			Uses: []string{"exchange.grant...", "exchange.accept...", "exchange.withdrawn"},
		})
	case !p.buildsCustomer:
		return all.vendor.And(all.ofCustomer).And(config.Reads{
			Uses: []string{"exchange.request...", "exchange.accept...", "exchange.withdrawn"},
		})
	}
	return all.customer.And(all.vendor)
}

// Remembers says whether the plan depends on what the stack exported last.
func (p *Plan) Remembers() bool {
	return !p.buildsCustomer || !p.buildsVendor || p.chain.reads().remembers || len(workloadTrusts(p.s)) > 0
}

// Receive reads the other party's document where the stack builds one half, and
// plans the halves. The project is in the folder root; last are the stack's outputs
// after its last update.
func (p *Plan) Receive(ctx *pulumi.Context, root string, last exchange.Outputs) (err error) {
	switch {
	case !p.buildsCustomer:
		p.received, err = exchange.ReceiveRequest(ctx, p.s, p.chain.rules(p.s), root, last)
	case !p.buildsVendor:
		p.received, err = exchange.ReceiveGrant(ctx, p.s, p.chain.rules(p.s), root, last)
	}
	if err != nil {
		return err
	}
	p.plan(last)
	return nil
}

func (p *Plan) plan(last exchange.Outputs) {
	if p.buildsCustomer {
		p.customer = p.chain.customer(p.s, p.received.Grant, last)
	}
	if p.buildsVendor {
		p.vendor = p.chain.vendor(p.s)
	}
}

// Validate checks the arguments of every component that the stack would register,
// with what has been received.
func (p *Plan) Validate(problems *config.Problems) {
	if p.customer == nil && p.vendor == nil { // nothing is received where a file is checked
		p.plan(nil)
	}
	if p.customer != nil {
		p.customer.validate(problems)
	}
	if p.vendor != nil {
		p.vendor.validate(p.pullers(), problems)
	}
}

// pullers are who pulls, as far as it is known before anything is registered.
func (p *Plan) pullers() pullers {
	if p.customer != nil {
		return p.customer.pullers()
	}
	return requested(p.received.Request)
}

// Register registers the halves: who pulls, then the right to read, then what runs.
// It exports both documents as far as they are known, and what the stack waits for.
func (p *Plan) Register(ctx *pulumi.Context) error {
	who, err := p.identify(ctx)
	if err != nil {
		return err
	}
	g, err := p.grant(ctx, who)
	if err != nil {
		return err
	}
	if p.customer != nil {
		if err := p.customer.deploy(ctx, g); err != nil {
			return err
		}
	}
	return p.received.ExportWaiting(ctx)
}

// LookUp registers the explicit providers and finds what exists already.
func (p *Plan) LookUp(ctx *pulumi.Context) error {
	if p.vendor != nil {
		if err := p.vendor.lookUp(ctx, p.pullers()); err != nil {
			return err
		}
	}
	if p.customer != nil {
		return p.customer.lookUp(ctx)
	}
	return nil
}

// identify gives who pulls and exports the access request; none while the stack
// waits for it.
func (p *Plan) identify(ctx *pulumi.Context) (pullers, error) {
	if p.customer == nil {
		if p.received.Request == nil {
			return nil, nil
		}
		return requested(p.received.Request), exchange.Export(ctx, exchange.RequestName, p.received.Request)
	}
	who, err := p.customer.identify(ctx)
	if err != nil {
		return nil, err
	}
	return who, exportRequest(ctx, p.chain, p.s, who)
}

// grant gives what may be read and exports the access grant; none while the stack
// waits for it. A grant to nobody is no access grant.
func (p *Plan) grant(ctx *pulumi.Context, who pullers) (*grant, error) {
	if p.vendor == nil {
		if p.received.Grant == nil {
			return nil, nil
		}
		return granted(p.received.Grant), exchange.Export(ctx, exchange.GrantName, p.received.Grant)
	}
	if p.s.Suspended {
		ctx.Export("suspended", pulumi.Bool(true))
	}
	g, err := p.vendor.grant(ctx, who)
	if err != nil || who == nil {
		return g, err
	}
	ctx.Export(exchange.GrantName, exchange.Fill(exchange.GrantName, &p.s.Customer, g.fields))
	return g, nil
}

// Request is the access request of a stack that need not be deployed: of the
// customer's, and of a chain where it follows from the configuration.
func (p *Plan) Request() (*exchange.AccessRequest, error) {
	if !p.buildsCustomer {
		return nil, fmt.Errorf("side %s: want the customer's stack, whose request it is", p.s.Side)
	}
	if err := p.chain.early(p.s); err != nil {
		return nil, err
	}
	p.plan(nil)
	return request(p.chain, p.s, p.customer.pullers()), nil
}
