// Package store keeps the daemon's durable state: named buckets of keys and small values, all of them in memory,
// written to a bbolt file (state.db) through a write-ahead tail (state.wal).
//
// Why two files. A container's whole life is some ten changes of state, and has to fit into a few milliseconds; one
// fsync costs as much as all of it. What a change must survive at once is the end of the daemon (a crash, kill -9),
// and for that a plain write(2) is enough: the page cache outlives the process. So a change is one checksummed record
// appended to the tail, without fsync. A committer in the background then folds what has gathered into bbolt in a
// single transaction with one fsync, at latest foldDelay after the change, and empties the tail.
//
// What holds after which failure:
//
//   - The daemon dies at any instruction: everything whose Put or Delete returned is there. A record that was being
//     written is torn, its checksum tells, and it is dropped.
//   - The machine loses power: bbolt is as of its last transaction. The tail's pages may have reached the disk in any
//     order, so it is read up to the first damaged record and no further: the state is always one that was, at most
//     the last moments of it are missing.
//   - A fold is broken off before bbolt commits: the tail still has everything. After the commit and before the tail is
//     emptied: each record has a sequence number, bbolt holds the last one folded, older ones are skipped.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Errors of Open and of a store's use, to be matched with errors.Is.
var (
	ErrInUse      = errors.New("the data root is in use by another daemon")
	ErrUnwritable = errors.New("the data root cannot be written")
	ErrNewer      = errors.New("the data root was written by a newer version")
	ErrClosed     = errors.New("the state store is closed")
)

const (
	dbName  = "state.db"
	walName = "state.wal"

	// foldDelay is how long the committer gathers changes before it folds them: the longest time that a change
	// is exposed to a loss of power, fsync apart.
	foldDelay = 100 * time.Millisecond
	// foldRetry is the pause after a fold that failed, such as on a full disk. The tail keeps what was not folded.
	foldRetry = 5 * time.Second
	// lockWait bounds the wait for another daemon's lock: long enough for one that is just ending.
	lockWait = 300 * time.Millisecond
	// walMax is the size in bytes at which a writer waits for the fold, so that the tail stays bounded when changes
	// come faster than it can ever be found empty.
	walMax = 32 << 20
	// maxName bounds the length of buckets' and keys' names; bbolt takes 32 KiB, a prefix included.
	maxName = 4096
)

// Store is the state of one data root. It is safe for concurrent use.
type Store struct {
	db *bolt.DB

	mu      sync.RWMutex // guards what follows; held across an append, so that the tail has memory's order
	tail    *tail
	buckets map[string]map[string][]byte
	pending map[address]struct{} // changed since the last fold
	closed  bool

	foldMu    sync.Mutex    // one fold at a time; taken before mu
	changed   chan struct{} // tells the committer that something is pending
	stop      chan struct{}
	committer sync.WaitGroup
}

// address is where a value is kept.
type address struct{ bucket, key string }

// Open opens the state under dir, which is created when missing, and locks it against other daemons. The error is
// ErrInUse, ErrUnwritable or ErrNewer where one of these is the cause.
func Open(dir string) (*Store, error) { return open(dir, foldDelay) }

func open(dir string, delay time.Duration) (*Store, error) {
	if err := os.MkdirAll(dir, 0o710); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnwritable, err)
	}
	// bbolt's lock on its file is the lock on the data root: nothing else is read before it is held.
	db, err := bolt.Open(filepath.Join(dir, dbName), 0o600, &bolt.Options{
		Timeout: lockWait, FreelistType: bolt.FreelistMapType, NoFreelistSync: true,
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrInUse, dir)
	case isUnwritable(err):
		return nil, fmt.Errorf("%w: %w", ErrUnwritable, err)
	case err != nil:
		return nil, fmt.Errorf("opening %s: %w", filepath.Join(dir, dbName), err)
	}
	s := &Store{
		db:      db,
		pending: map[address]struct{}{},
		changed: make(chan struct{}, 1),
		stop:    make(chan struct{}),
	}
	folded, err := s.load()
	if err == nil {
		s.tail, err = openTail(filepath.Join(dir, walName), folded, s.apply)
	}
	if err != nil {
		db.Close()
		if isUnwritable(err) {
			return nil, fmt.Errorf("%w: %w", ErrUnwritable, err)
		}
		return nil, fmt.Errorf("reading the state in %s: %w", dir, err)
	}
	if len(s.pending) > 0 {
		s.changed <- struct{}{}
	}
	s.committer.Go(func() { s.commit(delay) })
	return s, nil
}

// Close folds everything into bbolt and gives the lock back. An error means that the last changes are in the tail only,
// from where the next Open takes them.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	s.committer.Wait()
	return errors.Join(s.fold(), s.tail.close(), s.db.Close())
}

// Sync returns when everything put or deleted before the call is on the disk (fsync).
func (s *Store) Sync(ctx context.Context) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	done := make(chan error, 1)
	go func() { done <- s.fold() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Bucket gives the bucket of that name. It needs not exist: a bucket is there as soon as it has a key.
func (s *Store) Bucket(name string) Bucket { return Bucket{s, name} }

// Bucket is a named set of keys with values. The zero Bucket is not usable.
type Bucket struct {
	s    *Store
	name string
}

// Put sets key to v as JSON.
func (b Bucket) Put(key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s/%s: %w", b.name, key, err)
	}
	return b.s.change(change{address{b.name, key}, value, false})
}

// PutBytes sets key to a copy of value.
func (b Bucket) PutBytes(key string, value []byte) error {
	return b.s.change(change{address{b.name, key}, append([]byte{}, value...), false})
}

// Delete removes key; it is no error when there is none.
func (b Bucket) Delete(key string) error {
	b.s.mu.RLock()
	_, found := b.s.buckets[b.name][key]
	closed := b.s.closed
	b.s.mu.RUnlock()
	if !found && !closed {
		return nil
	}
	return b.s.change(change{address{b.name, key}, nil, true})
}

// Get decodes the JSON at key into v and tells whether there is one.
func (b Bucket) Get(key string, v any) (found bool, err error) {
	value, found := b.GetBytes(key)
	if !found {
		return false, nil
	}
	if err := json.Unmarshal(value, v); err != nil {
		return true, fmt.Errorf("decoding %s/%s: %w", b.name, key, err)
	}
	return true, nil
}

// GetBytes returns the value at key, which must not be written to.
func (b Bucket) GetBytes(key string) (value []byte, found bool) {
	b.s.mu.RLock()
	defer b.s.mu.RUnlock()
	value, found = b.s.buckets[b.name][key]
	return value, found
}

// All goes over the keys, sorted, and their values, which must not be written to: those of the moment when it
// begins. The bucket may be changed meanwhile.
func (b Bucket) All() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		b.s.mu.RLock()
		values := maps.Clone(b.s.buckets[b.name])
		b.s.mu.RUnlock()
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if !yield(key, values[key]) {
				return
			}
		}
	}
}

// change makes c durable against the daemon's end and visible.
func (s *Store) change(c change) error {
	if c.bucket == "" || c.key == "" || len(c.bucket) > maxName || len(c.key) > maxName {
		return fmt.Errorf("writing %q/%q: a name has 1 to %d bytes", c.bucket, c.key, maxName)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.tail.size > walMax {
		s.mu.Unlock()
		err := s.fold()
		s.mu.Lock()
		if err != nil {
			return err
		}
		if s.closed {
			return ErrClosed
		}
	}
	if err := s.tail.append(c); err != nil {
		return fmt.Errorf("writing %s/%s: %w", c.bucket, c.key, err)
	}
	s.apply(c)
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

// apply makes c visible and remembers it for the next fold. s.mu is held, or nobody else has s yet.
func (s *Store) apply(c change) {
	bucket := s.buckets[c.bucket]
	if c.deleted {
		delete(bucket, c.key)
	} else {
		if bucket == nil {
			bucket = map[string][]byte{}
			s.buckets[c.bucket] = bucket
		}
		bucket[c.key] = c.value
	}
	s.pending[c.address] = struct{}{}
}
