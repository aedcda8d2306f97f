// Package provider serves Pulumi resource providers from inside the sandbox.
//
// [Serve] is the shell: it listens on a loopback port that the system chooses,
// for the engine to attach to with PULUMI_DEBUG_PROVIDERS=name:port, and keeps
// one provider instance per connection. The engine opens one connection for
// each explicit provider resource (docs/building.md), so that the
// configuration of one never reaches the other.
//
// [Definition] is the base for table-driven providers: a list of resource
// types and functions, each described by the arguments struct of the
// provider's own SDK and by handlers that talk to an embedded cloud. The base
// refuses unknown types, unknown properties, values of a wrong kind, missing
// required properties, and properties and made-up names that the sandbox does not
// model, all at once; computes differences and replacements;
// leaves what a cloud decides unknown in previews; and keeps secrets secret.
//
// It does not serve schemas, components, parameterized packages or listing.
package provider
