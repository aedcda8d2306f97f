package network

// SetMaxBody sets the largest request body, in bytes, before Start.
func (n *Network) SetMaxBody(size int64) { n.maxBody = size }
