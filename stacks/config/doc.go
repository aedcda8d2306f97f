// Package config reads a stack's configuration: one object, waybill:customer, and
// one key for each secret. It checks the object against its published schema, and
// says everything that is wrong at once, with the key, the value and the wish.
//
// What only one chain can judge, the chain judges: see package chain. The keys
// that a chain reads are a list of its own (Reads), and every other key is refused.
package config
