package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/moby/term"
	"github.com/spf13/cobra"

	"github.com/sockerless/sockerless/daemon"
)

// runOptions are those of sockerlessd run, in docker run's words.
type runOptions struct {
	options
	remove      bool
	interactive bool
	tty         bool
	volumes     []string
	env         []string
	workdir     string
	user        string
	name        string
	entrypoint  string
}

func newRunCommand(stdout, stderr io.Writer) *cobra.Command {
	o := &runOptions{}
	cmd := &cobra.Command{
		Use:   "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short: "Run a command in a new container, without a docker CLI",
		Long: "Run a command in a new container, for machines without a docker CLI. The container runs in the daemon that\n" +
			"--host names or that answers on the default socket; if there is none, in a daemon that lives as long as the command.",
		Args:          cobra.MinimumNArgs(1),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := o.load(cmd.Flags())
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			return runOnce(ctx, o, cfg, cmd.Flags().Changed("host"), args, stdout, stderr)
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	o.install(f)
	for _, hidden := range []string{"validate", "group", "insecure-tcp", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey"} {
		f.MarkHidden(hidden)
	}
	f.Lookup("log-level").DefValue = "error"
	o.LogLevel = "error" // what concerns the user is in the answers
	f.BoolVar(&o.remove, "rm", false, "Remove the container when it exits")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "Keep STDIN open")
	f.BoolVarP(&o.tty, "tty", "t", false, "Allocate a pseudo-TTY")
	f.StringArrayVarP(&o.volumes, "volume", "v", nil, "Bind mount a volume (SOURCE:TARGET[:ro])")
	f.StringArrayVarP(&o.env, "env", "e", nil, "Set an environment variable (NAME=VALUE, or NAME to pass it on)")
	f.StringVarP(&o.workdir, "workdir", "w", "", "Working directory inside the container")
	f.StringVarP(&o.user, "user", "u", "", "User name or uid, with an optional group: name[:group]")
	f.StringVar(&o.name, "name", "", "Name of the container")
	f.StringVar(&o.entrypoint, "entrypoint", "", "Overwrite the image's entrypoint")
	return cmd
}

// runOnce runs one container and returns its exit code as an exitCode.
func runOnce(ctx context.Context, o *runOptions, cfg *config, hostGiven bool, args []string, stdout, stderr io.Writer) error {
	host := cfg.Hosts[0]
	if !hostGiven && !answers(host) {
		private, stop, err := privateDaemon(ctx, cfg, stderr)
		if err != nil {
			return err
		}
		defer stop()
		host = private
	}
	cli, err := client.New(client.WithHost(host))
	if err != nil {
		return err
	}
	defer cli.Close()
	return o.run(ctx, cli, args, stdout, stderr)
}

// answers reports whether a daemon listens on a unix socket.
func answers(host string) bool {
	conn, err := net.DialTimeout("unix", strings.TrimPrefix(host, "unix://"), time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// privateDaemon runs a daemon in this process, on a socket that only we can reach.
func privateDaemon(ctx context.Context, cfg *config, stderr io.Writer) (host string, stop func(), err error) {
	d, err := daemon.New(ctx, daemonConfig(cfg, newLogger(cfg.level(), stderr)))
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "sockerless-run-")
	if err != nil {
		d.Close()
		return "", nil, err
	}
	path := filepath.Join(dir, "sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		d.Close()
		os.RemoveAll(dir)
		return "", nil, err
	}
	srv := d.HTTPServer()
	go srv.Serve(l)
	return "unix://" + path, func() {
		end, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		d.Shutdown(end)
		srv.Close()
		d.Close()
		os.RemoveAll(dir)
	}, nil
}

func (o *runOptions) run(ctx context.Context, cli *client.Client, args []string, stdout, stderr io.Writer) error {
	image, command := args[0], args[1:]
	if o.tty && o.interactive && !term.IsTerminal(os.Stdin.Fd()) {
		return errors.New("the input device is not a TTY")
	}
	conf := &containertypes.Config{
		Image: image, Cmd: command, Env: o.environment(), WorkingDir: o.workdir, User: o.user, Tty: o.tty,
		OpenStdin: o.interactive, StdinOnce: o.interactive, AttachStdin: o.interactive, AttachStdout: true, AttachStderr: true,
	}
	if o.entrypoint != "" {
		conf.Entrypoint = []string{o.entrypoint}
	}
	create := client.ContainerCreateOptions{
		Config: conf, HostConfig: &containertypes.HostConfig{Binds: o.volumes, AutoRemove: o.remove}, Name: o.name,
	}
	created, err := cli.ContainerCreate(ctx, create)
	if errdefs.IsNotFound(err) {
		fmt.Fprintf(stderr, "Unable to find image '%s' locally\n", image)
		if err := pull(ctx, cli, image, stderr); err != nil {
			return err
		}
		created, err = cli.ContainerCreate(ctx, create)
	}
	if err != nil {
		return err
	}
	for _, w := range created.Warnings {
		fmt.Fprintln(stderr, "WARNING:", w)
	}
	return o.attached(ctx, cli, created.ID, stdout, stderr)
}

// environment reads -e values: a name alone passes our own variable on.
func (o *runOptions) environment() []string {
	var env []string
	for _, e := range o.env {
		if !strings.Contains(e, "=") {
			v, ok := os.LookupEnv(e)
			if !ok {
				continue
			}
			e += "=" + v
		}
		env = append(env, e)
	}
	return env
}

// attached starts a container with our streams, and waits for its end.
func (o *runOptions) attached(ctx context.Context, cli *client.Client, id string, stdout, stderr io.Writer) error {
	conn, err := cli.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: o.interactive, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	cond := containertypes.WaitConditionNextExit
	if o.remove {
		cond = containertypes.WaitConditionRemoved
	}
	wait := cli.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: cond})

	done := make(chan error, 1)
	go func() {
		var err error
		if o.tty {
			_, err = io.Copy(stdout, conn.Reader)
		} else {
			_, err = stdcopy.StdCopy(stdout, stderr, conn.Reader)
		}
		done <- err
	}()
	if _, err := cli.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		if !o.remove {
			fmt.Fprintf(stderr, "The container %.12s was kept.\n", id)
		}
		return &startError{err}
	}
	restore, err := o.terminal(ctx, cli, id)
	if err != nil {
		return err
	}
	defer restore()
	if o.interactive {
		go func() {
			io.Copy(conn.Conn, os.Stdin)
			conn.CloseWrite()
		}()
	}
	stopSignals := forwardSignals(ctx, cli, id, o.tty)
	defer stopSignals()
	if err := <-done; err != nil {
		return fmt.Errorf("reading the container's output: %w", err)
	}
	select {
	case res := <-wait.Result:
		if res.Error != nil {
			return errors.New(res.Error.Message)
		}
		if res.StatusCode != 0 {
			return exitCode(res.StatusCode)
		}
		return nil
	case err := <-wait.Error:
		return err
	}
}

// startError is what the daemon said of a program that it could not start. The exit code is docker run's.
type startError struct{ error }

func (e *startError) exitCode() int {
	text := e.Error()
	switch {
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory"):
		return 127
	case strings.Contains(text, "permission denied"), strings.Contains(text, "is a directory"), strings.Contains(text, "exec format error"):
		return 126
	}
	return 125
}

// terminal puts our terminal into raw mode for a container's, and keeps the sizes alike.
func (o *runOptions) terminal(ctx context.Context, cli *client.Client, id string) (restore func(), err error) {
	fd := os.Stdin.Fd()
	if !o.tty || !term.IsTerminal(fd) {
		return func() {}, nil
	}
	state, err := term.SetRawTerminal(fd)
	if err != nil {
		return nil, err
	}
	resize := func() {
		if ws, err := term.GetWinsize(fd); err == nil {
			cli.ContainerResize(ctx, id, client.ContainerResizeOptions{Height: uint(ws.Height), Width: uint(ws.Width)})
		}
	}
	resize()
	changes := make(chan os.Signal, 1)
	notifyResize(changes)
	go func() {
		for range changes {
			resize()
		}
	}()
	return func() {
		signal.Stop(changes)
		close(changes)
		term.RestoreTerminal(fd, state)
	}, nil
}

// forwardSignals sends our SIGINT, SIGTERM, SIGHUP and SIGQUIT to the container.
func forwardSignals(ctx context.Context, cli *client.Client, id string, tty bool) (stop func()) {
	if tty {
		return func() {}
	}
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		for s := range sigs {
			if n, ok := s.(syscall.Signal); ok {
				cli.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: fmt.Sprint(int(n))})
			}
		}
	}()
	return func() { signal.Stop(sigs); close(sigs) }
}

// pull pulls an image and prints what changes, a line each.
func pull(ctx context.Context, cli *client.Client, image string, w io.Writer) error {
	resp, err := cli.ImagePull(ctx, image, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	defer resp.Close()
	for m, err := range resp.JSONMessages(ctx) {
		if err != nil {
			return err
		}
		switch {
		case m.Error != nil:
			return m.Error
		case m.Progress != nil && m.Progress.Total > 0: // every few bytes: for a CLI that redraws
		case m.ID != "":
			fmt.Fprintf(w, "%s: %s\n", m.ID, m.Status)
		default:
			fmt.Fprintln(w, m.Status)
		}
	}
	return nil
}
