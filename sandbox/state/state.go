// Package state keeps what one stack's sandbox must find again: engine state,
// etcd, the clouds' stores, registries and keys, in one directory that is
// locked while a sandbox runs.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Dir is the state directory of one stack, locked by this process.
type Dir struct {
	path string
	lock *os.File
}

// Open creates the directory if it is missing and locks it. A second process
// is refused with the ID of the first.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		owner, _ := os.ReadFile(lock.Name())
		return nil, fmt.Errorf("state: %s is in use by process %s: stop that one first (it may be a `make serve`)", path, owner)
	}
	if err := lock.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), lock.Close())
	}
	if _, err := fmt.Fprintf(lock, "%d", os.Getpid()); err != nil {
		return nil, errors.Join(fmt.Errorf("state: %w", err), lock.Close())
	}
	return &Dir{path: path, lock: lock}, nil
}

// Path joins elements to the directory's own path.
func (d *Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{d.path}, elements...)...)
}

// Sub makes a folder of the directory and returns its path.
func (d *Dir) Sub(elements ...string) (string, error) {
	path := d.Path(elements...)
	return path, os.MkdirAll(path, 0o700)
}

// Close gives up the lock; the contents stay.
func (d *Dir) Close() error { return d.lock.Close() }

// Store is one JSON file that holds a T. A killed process leaves the old contents
// or the new.
type Store[T any] struct {
	path  string
	mutex sync.Mutex
	value T
}

// OpenStore reads path, or starts with initial where there is no such file.
func OpenStore[T any](path string, initial T) (*Store[T], error) {
	store := &Store[T]{path: path, value: initial}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return store, nil
	case err != nil:
		return nil, fmt.Errorf("state: %w", err)
	}
	// Decoded into a zero value: what the file does not hold is not kept from initial.
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("state: %s: %w", path, err)
	}
	store.value = value
	return store, nil
}

// View calls read with the value; read must not keep or change it.
func (s *Store[T]) View(read func(T)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	read(s.value)
}

// Update calls change with the value and writes the result to disk. An error
// of change is returned as it is and nothing is written: change must then have
// left the value as it was.
func (s *Store[T]) Update(change func(*T) error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := change(&s.value); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s.value, "", "  ")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := WriteFile(s.path, text, 0o600); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// WriteFile writes to a neighbour of path first and renames it, so that a killed
// process leaves the old contents or the new.
func WriteFile(path string, text []byte, mode fs.FileMode) error {
	if err := os.WriteFile(path+".new", text, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
