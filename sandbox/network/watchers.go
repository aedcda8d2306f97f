package network

import "sync"

// watchers is a list that can be added to and taken from while it is in use.
type watchers[T any] struct {
	mutex sync.Mutex
	next  int
	items []watcher[T]
}

type watcher[T any] struct {
	id   int
	item T
}

func (w *watchers[T]) add(item T) (remove func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	id := w.next
	w.next++
	w.items = append(w.items, watcher[T]{id, item})
	return func() { w.remove(id) }
}

func (w *watchers[T]) remove(id int) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var kept []watcher[T]
	for _, entry := range w.items {
		if entry.id != id {
			kept = append(kept, entry)
		}
	}
	w.items = kept
}

// all returns a copy, in the order of addition.
func (w *watchers[T]) all() []T {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	items := make([]T, 0, len(w.items))
	for _, entry := range w.items {
		items = append(items, entry.item)
	}
	return items
}
