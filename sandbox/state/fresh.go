package state

import (
	"sync"
	"time"
)

// Fresh is what a cloud made a moment ago and does not know everywhere yet. The first
// request for another resource that refers to it is refused, and the next one is not:
// how long a cloud takes is not documented, and a count is the same in every run.
// It is forgotten with the process. A nil Fresh holds nothing.
type Fresh struct {
	// For is how long after it was made something can be met as missing.
	For time.Duration

	mutex sync.Mutex
	made  map[string]time.Time
	met   map[[2]string]bool
}

// Made notes that something, by its name in the cloud, was made.
func (f *Fresh) Made(name string, now time.Time) {
	if f == nil {
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.made == nil {
		f.made, f.met = map[string]time.Time{}, map[[2]string]bool{}
	}
	f.made[name] = now
}

// Missing says whether the request for another resource, by, meets what was made as
// missing: its first one does.
func (f *Fresh) Missing(name, by string, now time.Time) bool {
	if f == nil {
		return false
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	made, known := f.made[name]
	meeting := [2]string{name, by}
	if !known || now.Sub(made) >= f.For || f.met[meeting] {
		return false
	}
	f.met[meeting] = true
	return true
}
