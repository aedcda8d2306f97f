package controlplane

// ProcessIDs are the IDs of the cluster's processes in the order of their start.
func (c *Cluster) ProcessIDs() []int {
	var ids []int
	for _, p := range c.processes {
		ids = append(ids, p.command.Process.Pid)
	}
	return ids
}
