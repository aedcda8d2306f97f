// Package state keeps what one stack's sandbox must find again: engine state,
// etcd, the clouds' stores, registries and keys, in one directory that is
// locked while a sandbox runs.
package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"syscall"
	"time"
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

// format is the form of what the directory holds. It changes with the names in any
// store's file.
const format = "3"

// Claim marks a new directory, and refuses one of another form.
func (d *Dir) Claim() error {
	held, err := os.ReadFile(d.Path("format"))
	if string(held) == format {
		return nil
	}
	entries, listing := os.ReadDir(d.path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist), listing != nil:
		return fmt.Errorf("state: %w", errors.Join(err, listing))
	case len(entries) > 1: // the lock, and what another version left
		return fmt.Errorf("state: %s was written by another version of the sandbox", d.path)
	}
	return os.WriteFile(d.Path("format"), []byte(format), 0o600)
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
// or the new. Every reader and every writer has a copy of its own.
type Store[T any] struct {
	path  string
	mutex sync.Mutex
	text  []byte
}

// OpenStore reads path, or starts with nothing where there is no such file.
// Without a path nothing is written.
func OpenStore[T any](path string) (*Store[T], error) {
	store := &Store[T]{path: path, text: []byte("{}")}
	if path == "" {
		return store, nil
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return store, nil
	case err != nil:
		return nil, fmt.Errorf("state: %w", err)
	}
	store.text = text
	if _, err := store.decode(); err != nil {
		return nil, fmt.Errorf("state: %s: %w", path, err)
	}
	return store, nil
}

// decode makes a copy of the value, none of whose own maps is nil.
func (s *Store[T]) decode() (T, error) {
	var value T
	err := json.Unmarshal(s.text, &value)
	fields := reflect.ValueOf(&value).Elem()
	for i := 0; fields.Kind() == reflect.Struct && i < fields.NumField(); i++ {
		if field := fields.Field(i); field.Kind() == reflect.Map && field.IsNil() {
			field.Set(reflect.MakeMap(field.Type()))
		}
	}
	return value, err
}

// Read returns a copy of the value.
func (s *Store[T]) Read() T {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	value, err := s.decode()
	if err != nil {
		panic(fmt.Sprintf("state: %s: %v", s.path, err)) // it was decoded or encoded before
	}
	return value
}

// Update calls change with a copy of the value and writes the result to disk. An
// error of change is returned as it is, and nothing changes.
func (s *Store[T]) Update(change func(*T) error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	value, err := s.decode()
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := change(&value); err != nil {
		return err
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if s.path != "" {
		if err := WriteFile(s.path, text, 0o600); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	s.text = text
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

// Edit changes the entry of a key in one of a store's maps and returns it. It
// fails with missing where there is none.
func Edit[T, V any](s *Store[T], of func(T) map[string]V, key string, missing error, edit func(held T, entry *V) error) (V, error) {
	var changed V
	err := s.Update(func(held *T) error {
		entry, found := of(*held)[key]
		if !found {
			return missing
		}
		if err := edit(*held, &entry); err != nil {
			return err
		}
		of(*held)[key], changed = entry, entry
		return nil
	})
	return changed, err
}

// Add puts an entry under a key of one of a store's maps. It fails with taken where
// there is one.
func Add[T, V any](s *Store[T], of func(T) map[string]V, key string, entry V, taken error) error {
	return s.Update(func(held *T) error {
		if _, found := of(*held)[key]; found {
			return taken
		}
		of(*held)[key] = entry
		return nil
	})
}

// Put puts an entry under a key of one of a store's maps, whatever was there.
func Put[T, V any](s *Store[T], of func(T) map[string]V, key string, entry V) error {
	return s.Update(func(held *T) error {
		of(*held)[key] = entry
		return nil
	})
}

// Remove deletes the entry of a key in one of a store's maps. It fails with missing
// where there is none.
func Remove[T, V any](s *Store[T], of func(T) map[string]V, key string, missing error) error {
	return s.Update(func(held *T) error {
		if _, found := of(*held)[key]; !found {
			return missing
		}
		delete(of(*held), key)
		return nil
	})
}

// Sorted are the entries of a map in the order of their keys.
func Sorted[V any](entries map[string]V) []V {
	sorted := make([]V, 0, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		sorted = append(sorted, entries[key])
	}
	return sorted
}

// Fresh is what a cloud made a moment ago and does not know everywhere yet. The first
// request for another resource that refers to it is refused, and the next one is not:
// how long a cloud takes is not documented, and a count is the same in every run.
// It is forgotten with the process.
type Fresh struct {
	// For is how long after it was made something can be met as missing.
	For time.Duration

	mutex sync.Mutex
	made  map[string]time.Time
	met   map[[2]string]bool
}

// Made notes that something, by its name in the cloud, was made.
func (f *Fresh) Made(name string, now time.Time) {
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

// Seal makes tokens that hold what they mean, encrypted and authenticated by a key
// on disk, and so outlive the process.
type Seal struct{ aead cipher.AEAD }

// OpenSeal reads the key at path, or makes it.
func OpenSeal(path string) (Seal, error) {
	key, err := readKey(path)
	if err != nil {
		return Seal{}, fmt.Errorf("key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Seal{}, fmt.Errorf("key %s: %w", path, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Seal{}, fmt.Errorf("key %s: %w", path, err)
	}
	return Seal{aead}, nil
}

// Close makes a token that holds a value, by its JSON.
func (s Seal) Close(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, nil)), nil //nolint:gosec // this AEAD makes its own random nonce, and wants none
}

// Open writes what a token holds into a value, and says whether it is one of the seal's.
func (s Seal) Open(token string, into any) bool {
	box, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return false
	}
	text, err := s.aead.Open(nil, nil, box, nil)
	return err == nil && json.Unmarshal(text, into) == nil
}

func readKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, WriteFile(path, key, 0o600)
}
