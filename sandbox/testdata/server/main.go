// A program of WASI that serves on the listening socket it was given: it sends back what it gets.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	l, err := net.FileListener(os.NewFile(5, "listener"))
	if err != nil {
		fmt.Println(err, os.Getenv("LISTEN_FDS"))
		os.Exit(1)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		go func() {
			io.Copy(c, c)
			c.Close()
		}()
	}
}
