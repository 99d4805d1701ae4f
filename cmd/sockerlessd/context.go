package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	dockerconfig "github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/context/store"
	"github.com/spf13/cobra"
)

// contextName is that of the docker context that leads to this daemon.
const contextName = "sockerless"

// contextMetadata and contextEndpoint are what the docker CLI keeps of a context and of its "docker" endpoint.
type contextMetadata struct {
	Description string `json:",omitempty"`
}

type contextEndpoint struct {
	Host          string `json:",omitempty"`
	SkipTLSVerify bool
}

func contextStore() *store.ContextStore {
	return store.New(dockerconfig.ContextStoreDir(), store.NewConfig(
		func() any { return &contextMetadata{} },
		store.EndpointTypeGetter("docker", func() any { return &contextEndpoint{} }),
	))
}

func newContextCommand(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "context",
		Short: "Add or remove the docker context that leads to this daemon",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var use, user bool
	host := strings.Replace(defaultHost, "/var/run/", "/run/", 1)
	install := &cobra.Command{
		Use:   "install",
		Short: `Write the docker context "` + contextName + `" for the docker CLI of the calling user`,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if user {
				if cmd.Flags().Changed("host") {
					return errors.New("--user names the socket of the user's own daemon: leave out --host")
				}
				host = "unix://" + userSocket()
			}
			return installContext(stdout, host, use)
		},
	}
	install.Flags().BoolVar(&use, "use", false, "Make it the current context, too")
	install.Flags().BoolVar(&user, "user", false, "Lead to the calling user's own daemon (systemctl --user)")
	install.Flags().StringVarP(&host, "host", "H", host, "Socket that the context leads to")
	remove := &cobra.Command{
		Use:   "remove",
		Short: "Remove the context",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return removeContext(stdout) },
	}
	cmd.AddCommand(install, remove)
	return cmd
}

func installContext(w io.Writer, host string, use bool) error {
	err := contextStore().CreateOrUpdate(store.Metadata{
		Name:      contextName,
		Metadata:  contextMetadata{Description: "Sockerless: containers without privileges"},
		Endpoints: map[string]any{"docker": contextEndpoint{Host: host}},
	})
	if err != nil {
		return fmt.Errorf("writing the docker context: %w", err)
	}
	fmt.Fprintf(w, "docker context %q leads to %s\n", contextName, host)
	if !use {
		fmt.Fprintf(w, "Use it with: docker --context %s ps, or for good: docker context use %s\n", contextName, contextName)
		return nil
	}
	if err := setCurrentContext(contextName); err != nil {
		return err
	}
	fmt.Fprintf(w, "It is the current context now; back with: docker context use default\n")
	return nil
}

func removeContext(w io.Writer) error {
	s := contextStore()
	if _, err := s.GetMetadata(contextName); errdefs.IsNotFound(err) {
		return fmt.Errorf("there is no docker context %q", contextName)
	}
	if currentContext() == contextName {
		if err := setCurrentContext(""); err != nil {
			return err
		}
	}
	if err := s.Remove(contextName); err != nil {
		return fmt.Errorf("removing the docker context: %w", err)
	}
	fmt.Fprintf(w, "docker context %q is gone\n", contextName)
	return nil
}

// currentContext is the context of the CLI's configuration, "" for the default one.
func currentContext() string {
	cfg, err := dockerconfig.Load("")
	if err != nil {
		return ""
	}
	return cfg.CurrentContext
}

func setCurrentContext(name string) error {
	cfg, err := dockerconfig.Load("")
	if err == nil {
		cfg.CurrentContext = name
		err = cfg.Save()
	}
	if err != nil {
		return fmt.Errorf("changing the current docker context: %w", err)
	}
	return nil
}

// contextHost returns the address that a context leads to.
func contextHost(name string) (string, error) {
	m, err := contextStore().GetMetadata(name)
	if err != nil {
		return "", err
	}
	e, ok := m.Endpoints["docker"].(contextEndpoint)
	if !ok {
		return "", fmt.Errorf("context %q has no docker endpoint", name)
	}
	return e.Host, nil
}
