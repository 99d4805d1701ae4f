package kernel

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// hostTTY opens a pseudo-terminal of this machine with the given settings: master and slave, both non-blocking.
func hostTTY(t *testing.T, tio abi.Termios) (master, slave int) {
	t.Helper()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("not compared: %v", err)
	}
	t.Cleanup(func() { unix.Close(master) })
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("not compared: %v", err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err == nil {
		slave, err = unix.Open(fmt.Sprint("/dev/pts/", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		t.Skipf("not compared: %v", err)
	}
	t.Cleanup(func() { unix.Close(slave) })
	host := unix.Termios{Iflag: tio.Iflag, Oflag: tio.Oflag, Cflag: tio.Cflag, Lflag: tio.Lflag, Ispeed: unix.B38400, Ospeed: unix.B38400}
	copy(host.Cc[:], tio.Cc[:])
	if err := unix.IoctlSetTermios(slave, unix.TCSETS, &host); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// drain reads what a descriptor has: want bytes, for which it waits, and what more there is.
func drain(fd, want int) string {
	var out []byte
	buf := make([]byte, 4096)
	for end := time.Now().Add(5 * time.Second); ; {
		n, err := unix.Read(fd, buf)
		if n > 0 {
			out = append(out, buf[:n]...)
		}
		if err != nil && len(out) >= want || time.Now().After(end) {
			return string(out)
		}
		if err != nil {
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10)
		}
	}
}

// What is typed at random on a terminal of ours and on one of this machine, with the same settings, shows the same and is
// read alike. A last line tells that all before it has been dealt with. Left out are VSTOP, which holds back no echo here, and
// terminals without OPOST, where Linux does not count columns.
func TestTerminalsEditAsTheHosts(t *testing.T) {
	t.Parallel()
	keys := []string{
		"a", "b", "word ", "x y", " ", "\t", "\r", "\n", "\x7f", "\x7f\x7f", "\x08", "\x15", "\x17", "\x12", "\x16", "\x01", "\x1b",
		"\x0f", "é", "日", "\x03", "\x1c", "\x1a", "\x11", "\x04", "ab\x04",
	}
	lflags := []uint32{abi.ECHOE, abi.ECHOK, abi.ECHOKE, abi.ECHOCTL, abi.ECHONL, abi.IEXTEN, abi.NOFLSH}
	iflags := []uint32{abi.ICRNL, abi.INLCR, abi.IGNCR, abi.ISTRIP, abi.IXON, abi.IXANY, abi.IUTF8, abi.IMAXBEL}
	oflags := []uint32{abi.ONLCR, abi.OCRNL, abi.ONOCR, abi.ONLRET}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		tio := defaultTermios()
		for i := rnd.IntN(4); i > 0; i-- {
			tio.Lflag ^= lflags[rnd.IntN(len(lflags))]
		}
		for i := rnd.IntN(3); i > 0; i-- {
			tio.Iflag ^= iflags[rnd.IntN(len(iflags))]
		}
		for i := rnd.IntN(3); i > 0; i-- {
			tio.Oflag ^= oflags[rnd.IntN(len(oflags))]
		}
		var typed []string
		for range 1 + rnd.IntN(12) {
			typed = append(typed, keys[rnd.IntN(len(keys))])
		}
		last := "\x11" // so that the screen goes on
		if seed%3 == 0 {
			tio.Lflag &^= abi.ICANON
			last += "z"
		} else {
			last += "\n"
		}
		typed = append(typed, last)
		master, slave := hostTTY(t, tio)
		hostScreen := ""
		for i, key := range typed { // one by one: keys that signal drop what the screen has not shown yet
			_, screen := typeKeys(t, func(to *abi.Termios) { *to = tio }, strings.Join(typed[:i+1], ""))
			if _, err := unix.Write(master, []byte(key)); err != nil {
				t.Fatal(err)
			}
			hostScreen += drain(master, len(screen)-len(hostScreen))
		}
		reads, screen := typeKeys(t, func(to *abi.Termios) { *to = tio }, strings.Join(typed, ""))
		var hostReads []string
		buf := make([]byte, 4096)
		for {
			n, err := unix.Read(slave, buf)
			if err != nil {
				break
			}
			hostReads = append(hostReads, string(buf[:n]))
		}
		if got, want := fmt.Sprintf("%q shows %q", reads, screen), fmt.Sprintf("%q shows %q", hostReads, hostScreen); got != want {
			t.Errorf("seed %d: %q typed, iflag %#o, oflag %#o, lflag %#o:\n got %s\nwant %s", seed, typed, tio.Iflag, tio.Oflag, tio.Lflag, got, want)
		}
	}
}
