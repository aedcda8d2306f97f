// Package rehearsal walks a deployed chain from a pod to a pulled image, and
// then walks it again with one thing changed at a time: each such walk must be
// refused, at the hop that exists to refuse it and in that cloud's words
// (docs/sandbox.md, "What a run proves").
//
// The walk that must succeed is the refresher's own, in a Job made from the deployed
// CronJob, and the kubelet's; a hop is ticked by what its server granted ([Record]).
// The walks that must fail are done here, step by step, since no honest client would
// do them. Where policies decide together, as those of two accounts on AWS do, some
// cases change one of them for the length of a walk, in the cloud's store, and put it
// back. Cases that no deployment could make fail are of a kind of their own.
package rehearsal
