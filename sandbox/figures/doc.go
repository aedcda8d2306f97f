// Package figures measures how reliable the program, its refresher and its
// rules are on the sandbox: [Report] says what is counted.
//
// Every figure is counted from real runs of the engine, the control plane and
// the clients, in state directories of its own that are removed before and
// after. It claims nothing about the clouds' own availability, nor about faults
// that are not listed in faultKinds.
package figures
