// Package recovery repairs a stack whose update was killed.
//
// A killed engine leaves three things: the lock; resources that it was creating,
// which may exist in a cloud but are only pending in the state; and resources
// that it was changing or deleting, whose state may be old. The next update would
// create the former again, and the cloud would refuse.
//
// So the lock is removed. Resources that were being created are written into the
// state, under the ID that follows from type and inputs. A refresh of these
// resources completes those that exist and drops the others. An update then
// creates the rest. If the cloud chose an ID, nobody can derive it: the operator
// is told to look it up, and nothing is changed until then.
//
// The engine's own `pulumi refresh --import-pending-creates` is not used: in
// v3.259.0 it takes the operation out of the state and puts no resource into it,
// so that the next update makes what exists once more [run].
package recovery
