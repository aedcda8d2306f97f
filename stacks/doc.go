// Package stacks composes the components into one customer's stack.
//
// Run reads the configuration (one object, waybill:customer, and one key for
// each secret), checks all of it, builds the explicit providers, looks up what
// exists already, and only then registers the components of the customer's
// platform. Wrong configuration registers nothing; a refused look-up of a cluster
// or a namespace leaves nothing but explicit providers. What a component looks up
// by itself, it does before its own first resource.
package stacks
