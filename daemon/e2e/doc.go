// Package e2e tests the daemon as its users see it: through the Docker API with moby's client, with the real binary,
// with the docker CLI and dockerode where they are there, and beside a real dockerd where one can run. It has no code of
// its own.
//
// dockerd is Debian's if it is installed; E2E_DOCKERD=/path/to/dockerd names another one. What answers of version 1.56
// have is compared with a dockerd that speaks it alone, as one built from github.com/moby/moby/v2/cmd/dockerd does;
// tests that run containers need one that the installed runc can serve. With -update the tests of the CLI write down
// what it prints with dockerd (testdata/*.golden).
package e2e
