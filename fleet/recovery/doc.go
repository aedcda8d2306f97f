// Package recovery mends a stack whose update was killed.
//
// A killed engine leaves three things: the lock; resources that it was making,
// which may exist in a cloud and are in the state as pending only; and
// resources that it was changing or deleting, whose state may be old. A next
// update would make the first again, and a cloud refuses what exists already.
//
// So the lock is taken away; what was being made is put into the state under
// the ID that it has if it exists, which its type and inputs tell; and a refresh
// of these resources reads the clouds: what exists is filled in, what does not
// drops out of the state. An update then makes the rest. What has an ID that
// nobody can derive, because the cloud chose it, is named to the operator, who
// looks it up; nothing is changed until then.
//
// The engine's own `pulumi refresh --import-pending-creates` is not used: in
// v3.259.0 it takes the operation out of the state and puts no resource into it,
// so that the next update makes what exists once more [run].
package recovery
