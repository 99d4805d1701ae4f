package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// The plain docker CLI asks /var/run/docker.sock. While sockerless.socket is active and no other engine owns that path,
// a link there leads to our socket: a link, so that Docker's own socket unit simply replaces it when Docker is installed
// and started later, and so that we can tell what is ours when we take it away.
const (
	dockerSocket     = "/run/docker.sock"
	systemSocket     = "/run/sockerless.sock"
	dockerSocketLink = "sockerless.sock" // what the link holds, relative to its directory
)

// dockerSockets are where Docker's socket unit is enabled: then the path is Docker's, whether it runs just now or not.
var dockerSockets = []string{
	"/etc/systemd/system/sockets.target.wants/docker.socket",
	"/etc/systemd/system/multi-user.target.wants/docker.service",
}

func newDockerSocketCommand(stderr io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:    "docker-socket",
		Short:  "Make or remove the link from Docker's socket to ours, as sockerless.socket does when it starts and stops",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root := cmd.PersistentFlags().String("root", "/", "Directory to work in")
	cmd.AddCommand(
		&cobra.Command{Use: "link", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			return linkDockerSocket(*root, stderr)
		}},
		&cobra.Command{Use: "unlink", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
			return unlinkDockerSocket(*root)
		}},
	)
	return cmd
}

// linkDockerSocket makes the link unless the path is somebody else's, which it says and is no error: the socket unit is
// to start all the same.
func linkDockerSocket(root string, w io.Writer) error {
	path := filepath.Join(root, dockerSocket)
	for _, unit := range dockerSockets {
		if _, err := os.Lstat(filepath.Join(root, unit)); err == nil {
			fmt.Fprintf(w, "%s is left to Docker, which is enabled here; use: sockerlessd context install\n", dockerSocket)
			return nil
		}
	}
	err := os.Symlink(dockerSocketLink, path)
	if errors.Is(err, fs.ErrExist) {
		if ours(path) {
			return nil
		}
		fmt.Fprintf(w, "%s is left alone: another engine made it; use: sockerlessd context install\n", dockerSocket)
		return nil
	}
	return err
}

// unlinkDockerSocket removes the link if it is ours.
func unlinkDockerSocket(root string) error {
	path := filepath.Join(root, dockerSocket)
	if !ours(path) {
		return nil
	}
	return os.Remove(path)
}

// ours reports whether path is our link.
func ours(path string) bool {
	to, err := os.Readlink(path)
	return err == nil && to == dockerSocketLink
}
