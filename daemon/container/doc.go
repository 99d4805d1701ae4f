// Package container is the life of containers: what dockerd does between its API and its runtime. It creates, starts,
// stops and removes containers, attaches clients, keeps logs, runs execs and applies restart policies. Programs run in a
// Sandbox, which this package only knows as an interface.
//
// What a container is (its configuration) and how it is (its state) are two records in the state store, the second one
// small, because it changes with each step of the container's life.
//
// Locks: container.op serialises what changes the course of a container's life: start, the handling of its end, removal.
// Manager.mu guards the index of containers. container.mu guards a container's fields. They are taken in this order and
// the latter two held only briefly, never while something is waited for.
package container
