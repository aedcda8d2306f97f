package figures

import (
	"fmt"
	"io"
)

// Report holds the figures, in the form of the JSON document of `make figures`.
type Report struct {
	Refusals      Refusals      `json:"refusals"`
	Accepted      Accepted      `json:"accepted"`
	Faults        Faults        `json:"faults"`
	Interruptions Interruptions `json:"interruptions"`
	Fuzz          Fuzz          `json:"fuzz"`
	Pulls         Pulls         `json:"pulls"`
}

// Refusals count walks with one thing changed; AtRightHop were refused at the
// hop that must refuse them, in words of its cloud's family.
type Refusals struct {
	Cases      int `json:"cases"`
	AtRightHop int `json:"atRightHop"`
}

// Accepted count walks with nothing changed, one for each stack; OK reached
// the pulled image.
type Accepted struct {
	Cases int `json:"cases"`
	OK    int `json:"ok"`
}

// Faults count walks during which one request to one host failed in one way;
// Survived reached the pulled image all the same.
type Faults struct {
	Cases    int `json:"cases"`
	Survived int `json:"survived"`
}

// Interruptions count updates that were interrupted midway;
// Converged were finished by the next one and left nothing to change.
type Interruptions struct {
	Cases     int `json:"cases"`
	Converged int `json:"converged"`
}

// Fuzz counts random configurations; Failures made the program panic, or
// register what it had refused, or register a name that its cloud refuses.
type Fuzz struct {
	Inputs   int `json:"inputs"`
	Failures int `json:"failures"`
}

// Pulls count pulls with what the pull secret held while refreshes ran back to
// back.
type Pulls struct {
	Tried  int `json:"tried"`
	Failed int `json:"failed"`
}

type line struct {
	name, meaning string
	good, of      int
}

func (r *Report) lines() []line {
	return []line{
		{"refusals", "walks with one thing changed, refused at the hop that must refuse them", r.Refusals.AtRightHop, r.Refusals.Cases},
		{"accepted", "walks with nothing changed that end with a pulled image", r.Accepted.OK, r.Accepted.Cases},
		{"faults", "walks that end with a pulled image though a host failed once on the way", r.Faults.Survived, r.Faults.Cases},
		{"interruptions", "updates stopped midway that the next one finished, with nothing left to change", r.Interruptions.Converged, r.Interruptions.Cases},
		{"fuzz", "random configurations that were refused, or registered only what their clouds take", r.Fuzz.Inputs - r.Fuzz.Failures, r.Fuzz.Inputs},
		{"pulls", "pulls that succeeded while refreshes ran back to back", r.Pulls.Tried - r.Pulls.Failed, r.Pulls.Tried},
	}
}

// Perfect is true where every figure has cases and none of them failed.
func (r *Report) Perfect() bool {
	for _, l := range r.lines() {
		if l.of == 0 || l.good != l.of {
			return false
		}
	}
	return true
}

// Write prints a line for each figure: a mark, how many of how many, and what
// that counts.
func (r *Report) Write(out io.Writer) error {
	for _, l := range r.lines() {
		mark := "✓"
		if l.of == 0 || l.good != l.of {
			mark = "✗"
		}
		if _, err := fmt.Fprintf(out, "%s %-14s %5d of %-5d  %s\n", mark, l.name, l.good, l.of, l.meaning); err != nil {
			return fmt.Errorf("figures: %w", err)
		}
	}
	return nil
}
