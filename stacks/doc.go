// Package stacks is the program: one customer's stack, or one party's half of it.
//
// Run reads the configuration (package config), picks the customer's chain (package
// chain), reads the other party's document if the stack builds one half (package
// exchange), checks the arguments of every component, builds the explicit providers,
// looks up existing resources, and only then registers components. Wrong
// configuration registers nothing. After a refused look-up of a cluster or a
// namespace, only explicit providers are registered. A component makes its own
// look-ups before it registers its first resource.
package stacks
