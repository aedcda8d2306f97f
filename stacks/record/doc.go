// Package record says what the program registers for a stack file, without an engine, a
// cloud or a cluster. Packages manifests and guide use it for customers without Pulumi.
// It runs the same program as `pulumi up`, against the Pulumi SDK's mocks.
//
// A value that only a cloud knows is a resource.Computed whose element names its
// source, never an invented value. Registration.Unknowns lists these values. The
// stack's outputs, or the values that the customer sent to the vendor, make them known
// (Options.Outputs). An object that Pulumi would name at random gets a name that
// follows from its contents.
//
// The tests' recorder uses the same Cloud, with every value known.
package record
