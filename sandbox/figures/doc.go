// Package figures measures how reliable the program, its refresher and its
// rules are on the sandbox: how many of the walks that must be refused are
// refused where they must be, how many that must succeed do, what a run of the
// refresher survives, whether an interrupted update converges, whether any
// configuration gets past the checks that it must not get past, and whether
// pulls fail while tokens are replaced.
//
// Every figure is counted from real runs of the engine, the control plane and
// the clients, in state directories of its own that are removed before and
// after. A figure with no case is no figure: Report.Perfect refuses it.
//
// It claims nothing about the clouds' own availability, nor about faults that
// are not listed in faultKinds.
package figures
