// Package rehearsal walks a deployed chain from a pod to a pulled image, and
// then walks it again with one thing changed at a time: each such walk must be
// refused, at the hop that exists to refuse it and in that cloud's words.
//
// A stack has a chain for each of its environments, whose cluster may be another
// one of the world. It goes through Entra and Google, through Google alone, whose
// provider trusts the cluster's issuer, or through AWS; a refresher walks it, the
// cluster's nodes, or an ECS task, as the world says. No environment may become
// another, and no workload with an identity of its own one that pulls.
//
// What is walked is the world's to say: its environments, workloads and way to the
// image, each of which the stack's outputs must tell of. It reads what was deployed
// from the outputs and from the clusters, and meets the clouds as any client would,
// by their protocols through the proxy. The walk that must succeed is the
// refresher's own, in a Job made from the deployed CronJob, and the kubelet's; a
// hop is ticked by what its server granted ([Record]), and never by what the
// refresher says. The vendor's images are there because its [Pipeline] pushed them; the walks that must fail are done here,
// step by step, since no honest client would do them. Where policies
// decide together, as those of two accounts on AWS do, some cases change one of
// them for the length of a walk, in the cloud's store, and put it back. Cases that no
// deployment could make fail, since the clouds' servers refuse them by themselves,
// are of a kind of their own.
package rehearsal
