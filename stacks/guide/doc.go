// Package guide writes the steps by which people build a chain by hand: with the
// clouds' command lines, or with Terraform for what is in the clouds. Every name, ID,
// policy and condition comes from what the program registers, so that the guide says
// what `pulumi up` does, and what is made by it can be adopted later.
//
// The table in rows.go renders each type of resource. A type that has no row, or an
// input that its row does not name, is an error: a guide is whole or is not printed.
//
// A value that only a cloud can tell is a shell variable, which a command sets before
// it is used; in Terraform it is a reference.
package guide
