// Package e2e tests the daemon as its users see it: through the Docker API with moby's client, with the real binary,
// with the docker CLI where it is on PATH, and beside a real dockerd where one can run. It has no code of its own.
package e2e
