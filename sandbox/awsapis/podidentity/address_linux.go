package podidentity

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
)

const (
	loopback = "lo"
	// label marks an address that a sandbox added; it must begin with the name
	// of the interface.
	label = loopback + ":waybill"
)

// addAddress gives the loopback interface the agent's address. The address that
// a killed sandbox left there is used again; one that somebody else gave it is
// used, and left there.
func addAddress() (remove func() error, err error) {
	link, err := netlink.LinkByName(loopback)
	if err != nil {
		return nil, fmt.Errorf("podidentity: interface %s: %w", loopback, err)
	}
	address, err := netlink.ParseAddr(Address + "/32")
	if err != nil {
		return nil, fmt.Errorf("podidentity: %w", err)
	}
	address.Label = label
	address.Scope = int(netlink.SCOPE_HOST)
	err = netlink.AddrAdd(link, address)
	switch {
	case errors.Is(err, syscall.EPERM):
		return nil, fmt.Errorf("podidentity: %w", ErrPrivilege)
	case errors.Is(err, syscall.EEXIST):
		present, err := netlink.AddrList(link, netlink.FAMILY_V4)
		if err != nil {
			return nil, fmt.Errorf("podidentity: interface %s: %w", loopback, err)
		}
		if !slices.ContainsFunc(present, func(a netlink.Addr) bool { return a.IP.Equal(address.IP) && a.Label == label }) {
			return func() error { return nil }, nil
		}
	case err != nil:
		return nil, fmt.Errorf("podidentity: address %s on %s: %w", Address, loopback, err)
	}
	return func() error {
		if err := netlink.AddrDel(link, address); err != nil {
			return fmt.Errorf("podidentity: address %s on %s: %w", Address, loopback, err)
		}
		return nil
	}, nil
}
