package shell

import (
	"maps"
	"slices"
)

// array is an indexed array. keys is nil while element i has index i.
type array struct {
	owner *owner
	keys  []int
	vals  []string
}

func (a *array) find(i int) (int, bool) {
	if a == nil {
		return 0, false
	}
	if a.keys == nil {
		return i, i >= 0 && i < len(a.vals)
	}
	return slices.BinarySearch(a.keys, i)
}

func (a *array) get(i int) (string, bool) {
	if at, ok := a.find(i); ok {
		return a.vals[at], true
	}
	return "", false
}

// end is one more than the highest index.
func (a *array) end() int {
	switch {
	case a == nil || len(a.vals) == 0:
		return 0
	case a.keys == nil:
		return len(a.vals)
	}
	return a.keys[len(a.keys)-1] + 1
}

func (a *array) values() []string {
	if a == nil {
		return nil
	}
	return a.vals
}

func (a *array) indexes() []int {
	if a == nil {
		return nil
	}
	if a.keys != nil {
		return a.keys
	}
	keys := make([]int, len(a.vals))
	for i := range keys {
		keys[i] = i
	}
	return keys
}

func (a *array) put(i int, s string) {
	switch {
	case a.keys == nil && i == len(a.vals):
		a.vals = append(a.vals, s)
		return
	case a.keys == nil && i < len(a.vals):
		a.vals[i] = s
		return
	case a.keys == nil:
		a.keys = a.indexes()
	}
	at, ok := slices.BinarySearch(a.keys, i)
	if ok {
		a.vals[at] = s
		return
	}
	a.keys, a.vals = slices.Insert(a.keys, at, i), slices.Insert(a.vals, at, s)
}

func (a *array) remove(i int) {
	at, ok := a.find(i)
	if !ok {
		return
	}
	if a.keys == nil && at == len(a.vals)-1 {
		a.vals = a.vals[:at]
		return
	}
	a.keys = a.indexes()
	a.keys, a.vals = slices.Delete(a.keys, at, at+1), slices.Delete(a.vals, at, at+1)
}

// assoc is an associative array, in the order in which keys were added.
type assoc struct {
	owner *owner
	keys  []string
	m     map[string]string
}

func (a *assoc) get(key string) (string, bool) {
	if a == nil {
		return "", false
	}
	s, ok := a.m[key]
	return s, ok
}

func (a *assoc) put(key, s string) {
	if _, ok := a.m[key]; !ok {
		a.keys = append(a.keys, key)
	}
	a.m[key] = s
}

func (a *assoc) remove(key string) {
	if _, ok := a.m[key]; ok {
		delete(a.m, key)
		a.keys = slices.DeleteFunc(a.keys, func(k string) bool { return k == key })
	}
}

func (a *assoc) values() []string {
	if a == nil {
		return nil
	}
	list := make([]string, len(a.keys))
	for i, k := range a.keys {
		list[i] = a.m[k]
	}
	return list
}

// ownArray gives an array that may be changed.
func (sh *shell) ownArray(a *array) *array {
	switch {
	case a == nil:
		return &array{owner: sh.owner}
	case a.owner == sh.owner:
		return a
	}
	return &array{sh.owner, slices.Clone(a.keys), slices.Clone(a.vals)}
}

func (sh *shell) ownAssoc(a *assoc) *assoc {
	switch {
	case a == nil:
		return &assoc{owner: sh.owner, m: map[string]string{}}
	case a.owner == sh.owner:
		return a
	}
	return &assoc{sh.owner, slices.Clone(a.keys), maps.Clone(a.m)}
}
