//go:build !linux

package podidentity

import "fmt"

// addAddress is not possible where the kubelet runs no containers either.
func addAddress() (remove func() error, err error) {
	return nil, fmt.Errorf("podidentity: want Linux: %w", ErrPrivilege)
}

func inUse(error) bool { return false }
