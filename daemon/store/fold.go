package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The bbolt file has one bucket a Bucket, their names behind bucketPrefix, and metaBucket.
const (
	formatVersion = 1
	bucketPrefix  = "b/"
)

var (
	metaBucket = []byte("meta")
	versionKey = []byte("version") // formatVersion, big-endian uint64
	foldedKey  = []byte("folded")  // sequence number of the last change that is in bbolt, big-endian uint64
)

// load reads everything from bbolt and returns the number of the last change folded into it.
func (s *Store) load() (folded uint64, err error) {
	s.buckets = map[string]map[string][]byte{}
	fresh := false
	err = s.db.View(func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if meta == nil {
			fresh = true
			return nil
		}
		if v := number(meta.Get(versionKey)); v > formatVersion {
			return fmt.Errorf("%w: its format is %d, this daemon knows %d", ErrNewer, v, formatVersion)
		}
		folded = number(meta.Get(foldedKey))
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if len(name) < len(bucketPrefix) || string(name[:len(bucketPrefix)]) != bucketPrefix {
				return nil
			}
			values := map[string][]byte{}
			s.buckets[string(name[len(bucketPrefix):])] = values
			return b.ForEach(func(k, v []byte) error {
				values[string(k)] = append([]byte{}, v...)
				return nil
			})
		})
	})
	if err != nil || !fresh {
		return folded, err
	}
	return 0, s.db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		return meta.Put(versionKey, bytes(formatVersion))
	})
}

// commit folds while the store is open: foldDelay after something changed, and not at all while nothing does.
func (s *Store) commit(delay time.Duration) {
	for {
		select {
		case <-s.changed:
		case <-s.stop:
			return
		}
		for wait := delay; ; wait = foldRetry {
			select {
			case <-time.After(wait):
			case <-s.stop:
				return
			}
			// An error stays in nobody's way: the tail has the changes, the next attempt comes, and who asks
			// (Sync, Close) is told.
			if s.fold() == nil {
				break
			}
		}
	}
}

// fold writes what is pending into bbolt, waits for the disk, and empties the tail if nothing was added meanwhile.
func (s *Store) fold() error {
	s.foldMu.Lock()
	defer s.foldMu.Unlock()

	s.mu.Lock()
	pending := s.pending
	if len(pending) == 0 {
		s.mu.Unlock()
		return nil
	}
	s.pending = map[address]struct{}{}
	values := make(map[address][]byte, len(pending)) // those that are deleted are not in it
	for at := range pending {
		if v, found := s.buckets[at.bucket][at.key]; found {
			values[at] = v
		}
	}
	upTo := s.tail.seq
	full := s.tail.size > walMax
	if !full {
		s.mu.Unlock()
	}

	err := s.db.Update(func(tx *bolt.Tx) error {
		for at := range pending {
			b, err := tx.CreateBucketIfNotExists([]byte(bucketPrefix + at.bucket))
			if err != nil {
				return err
			}
			if v, found := values[at]; found {
				err = b.Put([]byte(at.key), v)
			} else {
				err = b.Delete([]byte(at.key))
			}
			if err != nil {
				return fmt.Errorf("%s/%s: %w", at.bucket, at.key, err)
			}
		}
		return tx.Bucket(metaBucket).Put(foldedKey, bytes(upTo))
	})

	if !full {
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if err != nil {
		maps.Copy(s.pending, pending)
		return fmt.Errorf("committing the state: %w", err)
	}
	if s.tail.seq == upTo {
		return s.tail.empty()
	}
	return nil
}

func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func bytes(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
