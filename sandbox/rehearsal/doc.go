// Package rehearsal walks a deployed chain from a pod to a pulled image, and
// then walks it again with one thing changed at a time: each such walk must be
// refused, at the hop that exists to refuse it and in that cloud's words.
//
// The chain goes through Entra and Google, or through AWS: there a refresher, the
// cluster's node or an ECS task walks it, as the outputs say.
//
// It reads what was deployed from the stack's outputs and from the cluster, and
// meets the clouds as any client would, by their protocols through the proxy.
// The walk that must succeed is the refresher's own, in a Job made from the
// deployed CronJob, and the kubelet's; the walks that must fail are done here,
// step by step, since no honest client would do them. On AWS, where two accounts'
// policies decide together, some cases change one of them for the length of a
// walk, in the cloud's store, and put it back.
package rehearsal
