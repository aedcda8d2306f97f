// Package record says what the program registers for a stack file, without an
// engine, a cloud or a cluster: what the Kubernetes objects and the guide of a
// customer that does not run Pulumi are made from. It runs the very program that
// `pulumi up` runs, against the Pulumi SDK's mocks.
//
// A value that only a cloud can tell is a resource.Computed whose element names where
// it comes from, and never a made-up one: Registration.Unknowns lists them. What the
// stack exported, or the customer told the vendor, makes them known (Options.Outputs).
// An object that Pulumi would give a random name has one that follows from its
// contents.
//
// The tests' recorder answers with the same Cloud, in which everything is known.
package record
