package main

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sockerless/sockerless/daemon"
)

func newWarmCommand(opts *options, stderr io.Writer) *cobra.Command {
	var root string
	cmd := &cobra.Command{
		Use:    "warm",
		Short:  "Compile the userland into the data root, as packages do when they are installed",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if root == "" {
				cfg, err := opts.load(cmd.Root().Flags())
				if err != nil {
					return err
				}
				root = cfg.DataRoot
			}
			log := slog.New(slog.NewTextHandler(stderr, nil))
			if err := daemon.Warm(cmd.Context(), root, log); err != nil {
				return fmt.Errorf("compiling the userland in %s: %w", filepath.Clean(root), err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&root, "data-root", "", "Data root (default: the configured one)")
	return cmd
}
