// Package guide writes instructions to build a chain by hand: with the clouds' command
// lines, or with Terraform for the cloud resources. Every name, ID, policy and condition
// comes from the program's registrations. So a guide does what `pulumi up` does, and its
// resources can be adopted later.
//
// The table in rows.go renders each type of resource. A type without a row, or an input
// that its row does not name, is an error: a guide is complete or is not printed.
//
// A value that only a cloud knows is a shell variable, which a command sets before its
// first use; in Terraform it is a reference.
package guide
