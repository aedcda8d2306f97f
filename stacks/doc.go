// Package stacks is the program: one customer's stack, or one party's half of it.
//
// Run reads the configuration (package config), picks the customer's chain (package
// chain), reads the other party's document where the stack builds one half (package
// exchange), checks the arguments of every component, builds the explicit providers,
// looks up what exists already, and only then registers components. Wrong
// configuration registers nothing; a refused look-up of a cluster or a namespace
// leaves nothing but explicit providers. What a component looks up by itself, it
// does before its own first resource.
package stacks
