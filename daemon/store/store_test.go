package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// never is a fold delay that no test lives to see.
const never = time.Hour

type value struct {
	Name string
	N    int
}

func mustOpen(t testing.TB, dir string, delay time.Duration) *Store {
	t.Helper()
	s, err := open(dir, delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustPut(t testing.TB, b Bucket, key, v string) {
	t.Helper()
	if err := b.PutBytes(key, []byte(v)); err != nil {
		t.Fatal(err)
	}
}

// contents is everything in s as "bucket/key" -> value.
func contents(s *Store) map[string]string {
	all := map[string]string{}
	for name := range s.buckets {
		for k, v := range s.Bucket(name).All() {
			all[name+"/"+k] = string(v)
		}
	}
	return all
}

// copyState copies the files of a running store, as a crash at this moment would leave them.
func copyState(t testing.TB, from string) (db, wal []byte) {
	t.Helper()
	db, err := os.ReadFile(filepath.Join(from, dbName))
	if err != nil {
		t.Fatal(err)
	}
	wal, err = os.ReadFile(filepath.Join(from, walName))
	if err != nil {
		t.Fatal(err)
	}
	return db, wal
}

func writeState(t testing.TB, dir string, db, wal []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, dbName), db, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, walName), wal, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestValuesSurviveCloseAndOpen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "root")
	s := mustOpen(t, dir, never)
	b := s.Bucket("containers")
	if err := b.Put("a", value{"x", 1}); err != nil {
		t.Fatal(err)
	}
	if err := b.Put("gone", value{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete("gone"); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete("never was"); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s.Bucket("other"), "k", "v")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, walName)); err != nil || info.Size() != 0 {
		t.Errorf("after Close the tail is %v, %v; want it empty", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, dbName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of %s: %v, %v", dbName, info.Mode(), err)
	}

	s = mustOpen(t, dir, never)
	var v value
	if found, err := s.Bucket("containers").Get("a", &v); !found || err != nil || v != (value{"x", 1}) {
		t.Errorf("Get = %v %v %v", v, found, err)
	}
	if found, err := s.Bucket("containers").Get("gone", &v); found || err != nil {
		t.Errorf("Get of a deleted key = %v %v", found, err)
	}
	if found, err := s.Bucket("no such").Get("a", &v); found || err != nil {
		t.Errorf("Get in a missing bucket = %v %v", found, err)
	}
	want := map[string]string{"containers/a": `{"Name":"x","N":1}`, "other/k": "v"}
	if got := contents(s); !maps.Equal(got, want) {
		t.Errorf("contents %v, want %v", got, want)
	}
}

func TestGetTellsOfAValueThatIsNotJSON(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir(), never)
	mustPut(t, s.Bucket("b"), "k", "{")
	var v value
	if found, err := s.Bucket("b").Get("k", &v); !found || err == nil || !strings.Contains(err.Error(), "b/k") {
		t.Errorf("Get = %v, %v", found, err)
	}
}

func TestAllIsSortedAndMayChangeTheBucket(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir(), never)
	b := s.Bucket("b")
	for _, k := range []string{"c", "a", "b"} {
		mustPut(t, b, k, k)
	}
	var got []string
	for k := range b.All() {
		got = append(got, k)
		if err := b.Delete(k); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(got, "") != "abc" || len(contents(s)) != 0 {
		t.Errorf("went over %v, left %v", got, contents(s))
	}
	for range b.All() {
		t.Error("an empty bucket has a key")
	}
}

func TestNamesThatBboltWouldRefuseAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir(), never)
	for _, at := range []address{{"", "k"}, {"b", ""}, {"b", strings.Repeat("k", maxName+1)}, {strings.Repeat("b", maxName+1), "k"}} {
		if err := s.Bucket(at.bucket).PutBytes(at.key, nil); err == nil {
			t.Errorf("%.5q/%.5q was taken", at.bucket, at.key)
		}
	}
	if err := s.Bucket(strings.Repeat("b", maxName)).PutBytes(strings.Repeat("k", maxName), nil); err != nil {
		t.Error(err)
	}
	if err := s.Sync(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCommitterFoldsWithoutBeingAsked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, time.Millisecond)
	mustPut(t, s.Bucket("b"), "k", "v")
	for deadline := time.Now().Add(10 * time.Second); ; {
		if info, err := os.Stat(filepath.Join(dir, walName)); err == nil && info.Size() == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the tail was never folded")
		}
		time.Sleep(time.Millisecond)
	}
	err := s.db.View(func(tx *bolt.Tx) error {
		if got := string(tx.Bucket([]byte(bucketPrefix + "b")).Get([]byte("k"))); got != "v" {
			return fmt.Errorf("bbolt has %q", got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSyncEmptiesTheTail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, never)
	mustPut(t, s.Bucket("b"), "k", "v")
	if err := s.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, wal := copyState(t, dir)
	if len(wal) != 0 {
		t.Errorf("%d bytes in the tail", len(wal))
	}
	other := t.TempDir()
	writeState(t, other, db, nil)
	if got := contents(mustOpen(t, other, never)); got["b/k"] != "v" {
		t.Errorf("bbolt alone has %v", got)
	}
}

func TestUseAfterCloseGivesErrClosed(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir(), never)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"Put": s.Bucket("b").Put("k", 1), "Delete": s.Bucket("b").Delete("k"), "Sync": s.Sync(context.Background()),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	t.Run("in use", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		mustOpen(t, dir, never)
		if _, err := Open(dir); !errors.Is(err, ErrInUse) {
			t.Errorf("second Open: %v", err)
		}
	})
	t.Run("below a file", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(filepath.Join(file, "root")); !errors.Is(err, ErrUnwritable) {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("no permission", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() == 0 {
			t.Skip("root may write anywhere")
		}
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, ErrUnwritable) {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("newer", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		s := mustOpen(t, dir, never)
		err := s.db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket(metaBucket).Put(versionKey, bytes(formatVersion+1))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); !errors.Is(err, ErrNewer) {
			t.Errorf("Open: %v", err)
		}
	})
	t.Run("not ours", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		writeState(t, dir, []byte(strings.Repeat("not bbolt", 10000)), nil)
		if _, err := Open(dir); err == nil || errors.Is(err, ErrInUse) || errors.Is(err, ErrUnwritable) {
			t.Errorf("Open: %v", err)
		}
	})
}

func TestConcurrentWritersAndFoldsLoseNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, dir, time.Millisecond)
	const writers, keys = 8, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			b := s.Bucket(fmt.Sprint("w", w))
			for k := range keys {
				if err := b.Put(fmt.Sprintf("%03d", k), k); err != nil {
					t.Error(err)
				}
				if k%10 == 0 {
					if err := s.Sync(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if k%2 == 1 {
					if err := b.Delete(fmt.Sprintf("%03d", k-1)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(contents(mustOpen(t, dir, never))); got != writers*keys/2 {
		t.Errorf("%d keys, want %d", got, writers*keys/2)
	}
}

func BenchmarkPut(b *testing.B) {
	s := mustOpen(b, b.TempDir(), foldDelay)
	bucket := s.Bucket("containers")
	v := strings.Repeat("x", 4096)
	for i := 0; b.Loop(); i++ {
		mustPut(b, bucket, fmt.Sprint(i%100), v)
	}
}
