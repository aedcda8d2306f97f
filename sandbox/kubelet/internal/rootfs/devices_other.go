//go:build !linux

package rootfs

// Devices does nothing: containers run on Linux only (package process).
func (r *Root) Devices() error { return nil }
