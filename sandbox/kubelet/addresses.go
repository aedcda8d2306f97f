package kubelet

import (
	"net/netip"
	"sync"
)

// addresses gives every pod an address of its own. They are made up, of a range
// that clusters like to use, and reach nothing.
type addresses struct {
	mu    sync.Mutex
	taken map[netip.Addr]bool
}

func newAddresses() *addresses { return &addresses{taken: map[netip.Addr]bool{}} }

// take is the address that is wanted, where a pod has one already, or the
// lowest that is free.
func (a *addresses) take(wanted string) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	address, err := netip.ParseAddr(wanted)
	if err != nil {
		for address = netip.AddrFrom4([4]byte{10, 244, 0, 2}); a.taken[address]; {
			address = address.Next()
		}
	}
	a.taken[address] = true
	return address
}

func (a *addresses) giveBack(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.taken, address)
}
