// Command sockerlessd is the Sockerless daemon: the Docker Engine API on a unix socket, with containers in a WebAssembly
// sandbox. See docs/ and sockerlessd --help.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sockerless/sockerless/daemon"
)

func main() {
	cmd := newCommand(os.Stdout, os.Stderr)
	if err := cmd.Execute(); err != nil {
		var code exitCode
		if errors.As(err, &code) {
			os.Exit(int(code))
		}
		fmt.Fprintf(os.Stderr, "sockerlessd: %v\n", err)
		if start := (*startError)(nil); errors.As(err, &start) {
			os.Exit(start.exitCode())
		}
		os.Exit(1)
	}
}

// exitCode is an error that stands for a container's exit code: there is nothing to say.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit status %d", int(c)) }

func newCommand(stdout, stderr io.Writer) *cobra.Command {
	opts := newOptions()
	cmd := &cobra.Command{
		Use:           "sockerlessd [OPTIONS]",
		Short:         "The Docker daemon that needs no privileges",
		Long:          "sockerlessd answers the Docker Engine API and runs every container in a WebAssembly sandbox, in one process:\nno root, no namespaces, no cgroups, no VM.",
		Version:       fmt.Sprintf("%s, build %s", daemon.Version(), daemon.Commit()),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := opts.load(cmd.Flags())
			if err != nil {
				return err
			}
			if opts.validate {
				fmt.Fprintln(stderr, "configuration OK")
				return nil
			}
			return serve(cmd.Context(), cfg, func() (*config, error) { return opts.load(cmd.Flags()) }, stderr)
		},
	}
	cmd.SetVersionTemplate("Sockerless version {{.Version}}\n")
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	cmd.CompletionOptions.HiddenDefaultCmd = true // packages install the scripts
	opts.install(cmd.Flags())
	cmd.AddCommand(newRunCommand(stdout, stderr), newContextCommand(stdout), newDoctorCommand(stdout), newWarmCommand(opts, stderr), newDockerSocketCommand(stderr))
	return cmd
}
