// Package shell is /bin/sh of the sandbox: a POSIX shell with ash's and bash's extensions that runs as a kernel task.
//
// mvdan.cc/sh/v3/syntax parses; everything else is done on the kernel's terms: redirections change the task's
// descriptor table, pipelines, subshells and background jobs are child tasks joined by kernel pipes, files are found
// through the task's view of the filesystem, and signals come from the kernel. Nothing here reaches the host but its
// clock. docs/shell.md says why, and what differs from ash and bash.
package shell
