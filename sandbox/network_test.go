package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/vnet"
)

// bridge makes a network with two sandboxes, whose addresses end in 2 and 3.
func bridge(t testing.TB, uplink vnet.Uplink, resolver vnet.Resolver) (a, b *sandbox.Sandbox, stack *vnet.Stack) {
	n := vnet.NewNetwork(vnet.NetworkConfig{Uplink: uplink, Subnets: []vnet.Subnet{
		{Prefix: netip.MustParsePrefix("172.30.0.0/16"), Gateway: netip.MustParseAddr("172.30.0.1")},
		{Prefix: netip.MustParsePrefix("fd00:30::/64"), Gateway: netip.MustParseAddr("fd00:30::1")},
	}})
	var boxes []*sandbox.Sandbox
	var stacks []*vnet.Stack
	for _, last := range []int{2, 3} {
		st := vnet.NewStack(vnet.StackConfig{Resolver: resolver})
		_, err := st.Attach(n, vnet.InterfaceConfig{Addrs: []netip.Addr{
			netip.MustParseAddr(fmt.Sprintf("172.30.0.%d", last)), netip.MustParseAddr(fmt.Sprintf("fd00:30::%d", last))}})
		if err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, st)
		boxes = append(boxes, open(t, func(c *sandbox.Config) {
			c.Net = st
			c.Files = map[string][]byte{"/etc/resolv.conf": []byte("nameserver 127.0.0.11\n"), "/etc/hosts": []byte("127.0.0.1 localhost\n172.30.0.3 other\n")}
		}))
	}
	return boxes[0], boxes[1], stacks[1]
}

// start starts a shell script that goes on until the test ends.
func start(t testing.TB, s *sandbox.Sandbox, script string) {
	t.Helper()
	var out guesttest.Buffer
	p, err := s.Start(&sandbox.ProcessConfig{Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Stdout: sandbox.NewSink(&out), Stderr: sandbox.NewSink(&out)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		<-p.Done()
		if t.Failed() {
			t.Logf("the server wrote %q", out.String())
		}
	})
}

func expect(t *testing.T, s *sandbox.Sandbox, script, stdout, stderr string, code int) {
	t.Helper()
	gotOut, gotErr, gotCode := run(t, s, "sh", "-c", script)
	if gotOut != stdout || gotErr != stderr || gotCode != code {
		t.Errorf("%s\ngives %q, %q, %d\nwant  %q, %q, %d", script, gotOut, gotErr, gotCode, stdout, stderr, code)
	}
}

// listens waits until a port of the sandbox listens.
func listens(t *testing.T, st *vnet.Stack, addr string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		c, err := st.Dial(context.Background(), netip.MustParseAddrPort(addr), netip.MustParseAddrPort("172.30.0.1:999"))
		if err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("%s does not listen", addr)
}

func TestContainersReachEachOther(t *testing.T) {
	t.Parallel()
	a, b, st := bridge(t, nil, nil)
	start(t, b, `mkdir -p /www/cgi-bin && cd /www && echo hello >index.html && seq 100000 >big && printf '#!/bin/sh\necho Content-type: text/plain; echo; echo $REQUEST_METHOD $QUERY_STRING; cat' >cgi-bin/t && chmod +x cgi-bin/t; exec httpd -f -p 8080 -h /www`)
	listens(t, st, "172.30.0.3:8080")
	expect(t, a, "wget -q -O - http://172.30.0.3:8080/", "hello\n", "", 0)
	expect(t, a, "wget -O - http://other:8080/index.html", "hello\n",
		"Connecting to other:8080 (172.30.0.3:8080)\nwriting to stdout\n-                    100% |********************************|     6  0:00:00 ETA\nwritten to stdout\n", 0)
	expect(t, a, "wget -q -O - http://[fd00:30::3]:8080/", "hello\n", "", 0)
	expect(t, a, "wget -q -O - http://other:8080/big | md5sum; seq 100000 | md5sum", strings.Repeat("dea9193b768319cbb4ff1a137ac03113  -\n", 2), "", 0)
	expect(t, a, "wget -q -O - --post-data=x=y 'http://other:8080/cgi-bin/t?q'", "POST q\nx=y", "", 0)
	expect(t, a, "wget -q http://other:8080/nope", "", "wget: server returned error: HTTP/1.1 404 Not Found\n", 1)
	expect(t, a, "wget --spider http://other:8080/index.html", "", "Connecting to other:8080 (172.30.0.3:8080)\nremote file exists\n", 0)
	expect(t, a, "wget -O - http://other:81/", "", "Connecting to other:81 (172.30.0.3:81)\nwget: can't connect to remote host (172.30.0.3): Connection refused\n", 1)
	expect(t, a, "nc 172.30.0.77 81", "", "nc: can't connect to remote host (172.30.0.77): No route to host\n", 1)
	expect(t, a, "nc 8.8.8.8 81", "", "nc: can't connect to remote host (8.8.8.8): Network is unreachable\n", 1)
	expect(t, a, `printf 'GET /index.html HTTP/1.0\r\n\r\n' | nc other 8080 | tail -1`, "hello\n", "", 0)
	expect(t, a, "cd /tmp && wget -q http://other:8080/big && head -c 1000 big >part && mv part big && wget -q -c http://other:8080/big && md5sum <big", "dea9193b768319cbb4ff1a137ac03113  -\n", "", 0)
	expect(t, a, "ping -c 2 -i 0.01 -q other | grep -v round", "PING other (172.30.0.3): 56 data bytes\n\n--- other ping statistics ---\n2 packets transmitted, 2 packets received, 0% packet loss\n", "", 0)
	expect(t, a, "ping -c 1 fd00:30::3 | head -1", "PING fd00:30::3 (fd00:30::3): 56 data bytes\n", "", 0)
	expect(t, a, "sleep 0.2 | nc -l -p 99 >/tmp/got & until netstat -ltn | grep -q :99; do sleep 0.01; done; echo over loopback | nc localhost 99; wait; cat /tmp/got", "over loopback\n", "", 0)
	expect(t, a, "nc -l -u -p 98 >/tmp/got & until netstat -lun | grep -q :98; do sleep 0.01; done; echo datagram | timeout 0.2 nc -u localhost 98; cat /tmp/got", "datagram\n", "Terminated\n", 0)
	expect(t, a, "nc -ll -p 97 -e cat & until netstat -ltn | grep -q :97; do sleep 0.01; done; for i in 1 2 3; do echo $i | nc localhost 97; done", "1\n2\n3\n", "", 0)
	expect(t, b, "netstat -tlnp | sed 's,[0-9]*/,PID/,'", "Active Internet connections (only servers)\n"+
		"Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name\n"+
		"tcp        0      0 :::8080                 :::*                    LISTEN      PID/httpd\n", "", 0)
	expect(t, a, "hostname -i", "\n", "", 0)
}

func TestAPublishedPortReachesTheContainer(t *testing.T) {
	t.Parallel()
	_, b, st := bridge(t, nil, nil)
	start(t, b, `mkdir /www && echo hello >/www/index.html && printf '#!/bin/sh\necho; echo; echo $REMOTE_ADDR' | tee /dev/null >/tmp/x; exec httpd -f -p 80 -h /www`)
	listens(t, st, "172.30.0.3:80")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if err := st.Forward(context.Background(), c, netip.MustParseAddrPort("172.30.0.3:80"), netip.MustParseAddrPort("172.30.0.1:40000")); err != nil {
				t.Error(err)
			}
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 20 {
		resp, err := client.Get("http://" + l.Addr().String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "hello\n" {
			t.Fatalf("%q, %v", body, err)
		}
	}
}

// names answers queries for "web." with an address, and no others.
type names struct{}

func (names) Resolve(_ context.Context, q []byte, _ bool) ([]byte, error) {
	r := append([]byte{}, q...)
	r[2], r[3] = 0x85, 0x80
	if strings.Contains(string(q), "\x03web\x00\x00\x01") {
		r[7] = 1
		r = append(r, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 172, 30, 0, 3)
	} else if !strings.Contains(string(q), "\x03web\x00") {
		r[3] |= 3
	}
	binary.BigEndian.PutUint16(r[10:], 0)
	return r, nil
}

func TestNamesAreResolvedByTheStack(t *testing.T) {
	t.Parallel()
	a, _, _ := bridge(t, nil, names{})
	expect(t, a, "nslookup -type=a web", "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\nName:\tweb\nAddress: 172.30.0.3\n\n", "", 0)
	expect(t, a, "nslookup -type=a none", "Server:\t\t127.0.0.11\nAddress:\t127.0.0.11:53\n\n** server can't find none: NXDOMAIN\n\n", "", 1)
	expect(t, a, "ping -c 1 -q web | head -1", "PING web (172.30.0.3): 56 data bytes\n", "", 0)
	expect(t, a, "wget http://none/", "", "wget: bad address 'none'\n", 1)
}

// TestTheHostsOwnAddressesAreOutOfReach starts a server on the host's loopback, and looks for it from a container.
func TestTheHostsOwnAddressesAreOutOfReach(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			t.Error("somebody reached the host's loopback")
			c.Close()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	a, _, _ := bridge(t, &vnet.HostUplink{}, nil)
	for _, to := range []string{"127.0.0.1", "localhost", "0.0.0.0", "127.9.9.9", "172.30.0.1", "::1", "::ffff:127.0.0.1", "::"} {
		_, stderr, code := run(t, a, "nc", to, fmt.Sprint(port))
		if code != 1 || !strings.Contains(stderr, "Connection refused") {
			t.Errorf("%s: exit code %d, %q", to, code, stderr)
		}
	}
}

func TestTheNetworkIsShownAsBusyboxShowsIt(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	script := "ip addr; ip -4 addr; ip -o addr; ip link; ip addr show lo; ip route; ip rule; ip addr show dev nope; echo $?; ifconfig; ifconfig lo; ifconfig nope; echo $?; route -n; route; netstat -rn; netstat -tln; netstat -a; ip addr foo bar; echo $?; cat /sys/class/net/lo/mtu"
	stdout, stderr, _ := run(t, s, "sh", "-c", script)
	out, err := exec.Command("unshare", "-n", "/usr/bin/busybox", "sh", "-c", "ip link set lo up; (echo) | cat >/dev/null; "+script).Output()
	if err != nil {
		t.Skipf("not compared: a network namespace with busybox: %v", err)
	}
	want := string(out)
	if stdout != want {
		t.Errorf("got\n%s\nbusybox\n%s", stdout, want)
	}
	if !strings.Contains(stderr, "ip: can't find device 'nope'\n") || !strings.Contains(stderr, "ifconfig: nope: error fetching interface information: Device not found\n") {
		t.Errorf("stderr %q", stderr)
	}
	a, _, _ := bridge(t, &vnet.HostUplink{}, nil)
	expect(t, a, "ip route; route -n; ip addr show eth0 | head -4; ip route get 8.8.8.8; cat /sys/class/net/eth0/address", `default via 172.30.0.1 dev eth0 
172.30.0.0/16 dev eth0 scope link  src 172.30.0.2 
Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
0.0.0.0         172.30.0.1      0.0.0.0         UG    0      0        0 eth0
172.30.0.0      0.0.0.0         255.255.0.0     U     0      0        0 eth0
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue 
    link/ether 02:42:ac:1e:00:02 brd ff:ff:ff:ff:ff:ff
    inet 172.30.0.2/16 brd 172.30.255.255 scope global eth0
       valid_lft forever preferred_lft forever
8.8.8.8 via 172.30.0.1 dev eth0  src 172.30.0.2 
02:42:ac:1e:00:02
`, "", 0)
}

func TestAProgramOfWASIServesOnTheSocketItWasGiven(t *testing.T) {
	t.Parallel()
	program := guesttest.GoProgram(t, "testdata/server")
	a, b, st := bridge(t, nil, nil)
	b.WriteArchive(context.Background(), "/", archive("server", program), sandbox.WriteOptions{})
	var out guesttest.Buffer
	p, err := b.Start(&sandbox.ProcessConfig{Argv: []string{"/server"}, Stdout: sandbox.NewSink(&out), Stderr: sandbox.NewSink(&out),
		Listen: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:7")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		<-p.Done()
		if out.String() != "" {
			t.Errorf("the server wrote %q", out.String())
		}
	})
	listens(t, st, "172.30.0.3:7")
	expect(t, a, "[ \"$(seq 50000 | nc 172.30.0.3 7 | md5sum)\" = \"$(seq 50000 | md5sum)\" ] && echo same", "same\n", "", 0)
}

// archive is a tar with one program.
func archive(name string, data []byte) io.Reader {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))})
	w.Write(data)
	w.Close()
	return &b
}
