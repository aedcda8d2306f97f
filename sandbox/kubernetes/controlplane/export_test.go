package controlplane

import (
	"context"
	"path/filepath"

	"k8s.io/client-go/rest"
)

// ProcessIDs are the IDs of the cluster's processes in the order of their start.
func (c *Cluster) ProcessIDs() []int {
	var ids []int
	for _, p := range c.processes {
		ids = append(ids, p.ID())
	}
	return ids
}

// LaunchEtcd starts etcd at the addresses that choose returns, client and peer,
// asking again when one is taken.
func LaunchEtcd(ctx context.Context, binary, dir string, choose func() []string) (*Cluster, error) {
	c := &Cluster{config: Config{Binary: binary, Dir: dir}}
	var listen string
	err := c.launch(ctx, "etcd", func() ([]string, error) {
		addresses := choose()
		listen = "http://" + addresses[0]
		return []string{"--data-dir", filepath.Join(dir, "etcd"), "--listen", listen, "--peer", "http://" + addresses[1]}, nil
	}, func(ctx context.Context) error { return healthy(ctx, &rest.Config{Host: listen}, "/health") })
	return c, err
}
