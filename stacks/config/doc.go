// Package config reads a stack's configuration: the object waybill:customer, and one
// key per secret. It checks the object against its published schema, and reports every
// problem at once, with the key, the value and the wish.
//
// Package chain has the checks that only one chain needs. Each chain lists the keys
// that it reads (Reads); every other key is refused.
package config
