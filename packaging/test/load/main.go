// Command load asks for the list of containers over new connections from many clients at once, for some time, and counts
// what fails.
//
//	load SOCKET CLIENTS DURATION
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: load SOCKET CLIENTS DURATION")
		os.Exit(2)
	}
	clients, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	duration, err := time.ParseDuration(os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", os.Args[1])
		},
	}}
	var done, failed atomic.Int64
	var group sync.WaitGroup
	end := time.Now().Add(duration)
	for range clients {
		group.Go(func() {
			for time.Now().Before(end) {
				if err := list(client); err != nil {
					if failed.Add(1) <= 3 {
						fmt.Fprintln(os.Stderr, "load:", err)
					}
				}
				done.Add(1)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	group.Wait()
	fmt.Printf("%d requests, %d failed\n", done.Load(), failed.Load())
	if failed.Load() > 0 || done.Load() == 0 {
		os.Exit(1)
	}
}

func list(client *http.Client) error {
	res, err := client.Get("http://localhost/containers/json?all=1")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return err
}
