package network

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

// Httpd serves the files of a directory, and the programs of its cgi-bin. Each connection is served by a process of its own, as
// with busybox: this program started again with -i. Without -f it goes to the background. There is no configuration file.
func Httpd(c *applet.Context) int {
	o := c.Getopt("c:d:h:e:r:m:u:p:ifvI")
	if s, ok := o.Arg('d'); ok {
		text, err := url.PathUnescape(strings.ReplaceAll(s, "+", " "))
		if err != nil {
			text = s
		}
		c.Out.WriteString(text)
		return 0
	}
	if s, ok := o.Arg('e'); ok {
		for _, r := range []byte(s) {
			if r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
				c.Out.WriteByte(r)
			} else {
				c.Out.Printf("&#%d;", r)
			}
		}
		return 0
	}
	for _, x := range []byte("crmu") {
		if o.Has(string(x)) {
			c.Fatalf("option -%c is not supported", x)
		}
	}
	if dir, ok := o.Arg('h'); ok {
		if err := sys.Chdir(dir); err != nil {
			c.Fatalf("can't change directory to '%s': %s", dir, applet.Strerror(err))
		}
	}
	if o.Has("i") {
		serveHTTP(c)
		return 0
	}
	if o.Has("I") {
		serveConnections(c, passedListener)
	}
	addr := netip.AddrPortFrom(netip.IPv6Unspecified(), 80)
	if p, ok := o.Arg('p'); ok {
		host, n := "", p
		if i := strings.LastIndexByte(p, ':'); i >= 0 {
			host, n = strings.Trim(p[:i], "[]"), p[i+1:]
		}
		addr = netip.AddrPortFrom(addr.Addr(), port(c, n))
		if host != "" {
			list, err := lookup(host, 0)
			if err != nil {
				c.Fatalf("bad address '%s'", p)
			}
			addr = netip.AddrPortFrom(list[0], addr.Port())
		}
	}
	l, err := sys.Socket(sys.Family(addr.Addr()), abi.SOCK_STREAM|abi.SOCK_CLOEXEC, 0)
	if err != nil {
		c.Fatal("socket", err)
	}
	sys.SetsockoptInt(l, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1)
	if err := sys.Bind(l, addr); err != nil {
		c.Fatal("bind", err)
	}
	if err := sys.Listen(l, 9); err != nil {
		c.Fatal("listen", err)
	}
	if !o.Has("f") {
		return background(c, l)
	}
	serveConnections(c, l)
	return 0
}

const passedListener = 3 // what background gives the process that goes on

// background starts this program again, in a session of its own, with the listener.
func background(c *applet.Context, l int) int {
	null, err := sys.Open("/dev/null", abi.O_RDWR, 0)
	if err != nil {
		c.Fatal("can't open '/dev/null'", err)
	}
	_, err = sys.Spawn("/proc/self/exe", &sys.Process{
		Argv: []string{"httpd", "-f", "-I"}, Setsid: true,
		Files: []abi.SpawnFile{{From: int32(null), To: 0}, {From: int32(null), To: 1}, {From: int32(null), To: 2}, {From: int32(l), To: passedListener}},
	})
	if err != nil {
		c.Fatal("can't start", err)
	}
	return 0
}

func serveConnections(c *applet.Context, l int) {
	for {
		fd, _, err := sys.Accept(l)
		if err != nil {
			c.Fatal("accept", err)
		}
		_, err = sys.Spawn("/proc/self/exe", &sys.Process{
			Argv: []string{"httpd", "-i"}, Files: []abi.SpawnFile{{From: int32(fd), To: 0}, {From: int32(fd), To: 1}, {From: -1, To: int32(l)}, {From: -1, To: int32(fd)}},
		})
		sys.Close(fd)
		if err != nil {
			c.Errorf("can't start: %s", applet.Strerror(err))
		}
		for {
			if pid, _, err := sys.Wait4(-1, abi.WNOHANG, nil); err != nil || pid <= 0 {
				break
			}
		}
	}
}

// request is what a client asks.
type request struct {
	method, target, proto string
	path, query           string
	headers               [][2]string
	body                  *bufio.Reader
	peer                  netip.AddrPort
}

func (r *request) header(name string) string {
	for _, h := range r.headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

var httpErrors = map[int][2]string{
	400: {"Bad Request", "Unsupported method"}, 403: {"Forbidden", ""}, 404: {"Not Found", "The requested URL was not found"},
	501: {"Not Implemented", "The requested method is not recognized"}, 500: {"Internal Server Error", "Internal Server Error"},
}

// serveHTTP answers the one request that comes on standard input.
func serveHTTP(c *applet.Context) {
	in := bufio.NewReaderSize(sys.FD(0), 16<<10)
	r := &request{body: in}
	r.peer, _ = sys.Getpeername(0)
	line, err := readLine(in)
	if err != nil {
		return
	}
	f := strings.Fields(line)
	if len(f) < 2 || f[1] == "" || f[1][0] != '/' {
		fail(c, 400, "Unsupported method")
		return
	}
	r.method, r.target, r.proto = f[0], f[1], "HTTP/1.0"
	if len(f) > 2 {
		r.proto = f[2]
	}
	for n := 0; n < 200; n++ {
		line, err := readLine(in)
		if err != nil || line == "" {
			break
		}
		k, v, _ := strings.Cut(line, ":")
		r.headers = append(r.headers, [2]string{k, strings.TrimSpace(v)})
	}
	raw, query, _ := strings.Cut(r.target, "?")
	r.query = query
	if r.path, err = url.PathUnescape(raw); err != nil || strings.IndexByte(r.path, 0) >= 0 {
		fail(c, 400, "Unsupported method")
		return
	}
	depth := 0
	for part := range strings.SplitSeq(r.path, "/") {
		switch part {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			fail(c, 400, "Unsupported method")
			return
		}
	}
	clean := path.Clean(r.path)
	switch {
	case strings.HasPrefix(clean, "/cgi-bin/"):
		cgi(c, r, clean)
	case r.method == "GET" || r.method == "HEAD":
		sendFile(c, r, "."+clean)
	default:
		fail(c, 501, "")
	}
}

func head(c *applet.Context, code int, status, typ, more string) {
	c.Out.Printf("HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\nContent-type: %s\r\n%s\r\n", code, status, httpTime(time.Now()), typ, more)
}

func httpTime(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

func fail(c *applet.Context, code int, text string) {
	e := httpErrors[code]
	if text == "" {
		text = e[1]
	}
	head(c, code, e[0], "text/html", "")
	c.Out.Printf("<HTML><HEAD><TITLE>%d %s</TITLE></HEAD>\n<BODY><H1>%d %s</H1>\n%s\n</BODY></HTML>\n", code, e[0], code, e[0], text)
}

var contentTypes = map[string]string{
	".txt": "text/plain", ".h": "text/plain", ".c": "text/plain", ".cc": "text/plain", ".cpp": "text/plain",
	".htm": "text/html", ".html": "text/html", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".png": "image/png",
	".svg": "image/svg+xml", ".css": "text/css", ".js": "application/javascript", ".wav": "audio/wav", ".avi": "video/x-msvideo",
	".qt": "video/quicktime", ".mov": "video/quicktime", ".mpe": "video/mpeg", ".mpeg": "video/mpeg", ".mid": "audio/midi",
	".midi": "audio/midi", ".mp3": "audio/mpeg",
}

func sendFile(c *applet.Context, r *request, file string) {
	st, err := sys.Stat(file)
	if err == nil && st.Mode&abi.S_IFMT == abi.S_IFDIR {
		if !strings.HasSuffix(r.path, "/") {
			head(c, 302, "Found", "text/html", fmt.Sprintf("Location: %s/%s\r\n", r.path, map[bool]string{true: "?" + r.query}[r.query != ""]))
			return
		}
		file += "/index.html"
		st, err = sys.Stat(file)
	}
	fd := -1
	if err == nil {
		fd, err = sys.Open(file, abi.O_RDONLY, 0)
	}
	if err == abi.EACCES {
		fail(c, 403, "")
		return
	}
	if err != nil || st.Mode&abi.S_IFMT != abi.S_IFREG {
		fail(c, 404, "")
		return
	}
	defer sys.Close(fd)
	typ := contentTypes[path.Ext(file)]
	if typ == "" {
		typ = "application/octet-stream"
	}
	code, status, ranges := 200, "OK", ""
	from, size := int64(0), st.Size
	if spec, ok := strings.CutPrefix(r.header("Range"), "bytes="); ok {
		first, last, _ := strings.Cut(spec, "-")
		a, err := strconv.ParseInt(first, 10, 64)
		b, err2 := strconv.ParseInt(last, 10, 64)
		if err2 != nil || b >= st.Size {
			b = st.Size - 1
		}
		if err == nil && a >= 0 && a <= b {
			from, size, code, status = a, b-a+1, 206, "Partial Content"
			ranges = fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", a, b, st.Size)
		}
	}
	mtime := time.Unix(st.Mtim.Sec, 0)
	head(c, code, status, typ, ranges+fmt.Sprintf("Accept-Ranges: bytes\r\nLast-Modified: %s\r\nETag: \"%x-%x\"\r\nContent-Length: %d\r\n",
		httpTime(mtime), st.Mtim.Sec, st.Size, size))
	if r.method == "HEAD" {
		return
	}
	if _, err := sys.Lseek(fd, from, abi.SEEK_SET); err != nil {
		return
	}
	c.Out.Flush()
	buf := make([]byte, 64<<10)
	for size > 0 {
		n, err := sys.Read(fd, buf[:min(int64(len(buf)), size)])
		if err != nil || n == 0 {
			return
		}
		if sys.Write(1, buf[:n]) != nil {
			return
		}
		size -= int64(n)
	}
}

// cgi runs a program of cgi-bin (RFC 3875) and passes on what it answers.
func cgi(c *applet.Context, r *request, clean string) {
	rest := strings.TrimPrefix(clean, "/cgi-bin/")
	name, info, more := strings.Cut(rest, "/")
	if more {
		info = "/" + info
	}
	file := "./cgi-bin/" + name
	if st, err := sys.Stat(file); err != nil || st.Mode&abi.S_IFMT != abi.S_IFREG || sys.Access(file, abi.X_OK) != nil {
		fail(c, 404, "")
		return
	}
	env := []string{
		"PATH=" + c.Getenv("PATH"), "GATEWAY_INTERFACE=CGI/1.1", "SERVER_SOFTWARE=busybox httpd/1.35.0", "SERVER_PROTOCOL=" + r.proto,
		"REQUEST_METHOD=" + r.method, "REQUEST_URI=" + r.target, "SCRIPT_NAME=/cgi-bin/" + name, "PATH_INFO=" + info, "QUERY_STRING=" + r.query,
		"REMOTE_ADDR=" + r.peer.Addr().String(), "REMOTE_PORT=" + strconv.Itoa(int(r.peer.Port())),
	}
	for _, h := range r.headers {
		switch key := strings.ToUpper(strings.ReplaceAll(h[0], "-", "_")); key {
		case "CONTENT_LENGTH", "CONTENT_TYPE":
			env = append(env, key+"="+h[1])
		case "AUTHORIZATION":
			if basic, ok := strings.CutPrefix(h[1], "Basic "); ok {
				if user, err := base64.StdEncoding.DecodeString(basic); err == nil {
					name, _, _ := strings.Cut(string(user), ":")
					env = append(env, "REMOTE_USER="+name, "AUTH_TYPE=Basic")
				}
			}
		default:
			env = append(env, "HTTP_"+key+"="+h[1])
		}
	}
	inR, inW, err := sys.Pipe2(abi.O_CLOEXEC)
	if err != nil {
		fail(c, 500, "")
		return
	}
	outR, outW, err := sys.Pipe2(abi.O_CLOEXEC)
	if err != nil {
		fail(c, 500, "")
		return
	}
	pid, err := c.Spawn(&sys.Process{Argv: []string{"./" + name}, Env: env, Dir: "cgi-bin",
		Files: []abi.SpawnFile{{From: int32(inR), To: 0}, {From: int32(outW), To: 1}}})
	sys.Close(inR)
	sys.Close(outW)
	if err != nil {
		fail(c, 500, "")
		return
	}
	passCGI(c, r, inW, outR)
	sys.Close(inW)
	sys.Close(outR)
	applet.Wait(pid)
}

// passCGI gives the program the request's body and the client the program's answer, each as the other takes it.
func passCGI(c *applet.Context, r *request, in, out int) {
	sys.Ignore(abi.SIGPIPE)
	left, _ := strconv.ParseInt(r.header("Content-Length"), 10, 64)
	if left <= 0 {
		sys.Close(in)
		in = -1
	}
	started := false
	buf := make([]byte, 32<<10)
	for {
		poll := []abi.PollFd{{Fd: int32(out), Events: abi.POLLIN}, {Fd: int32(in), Events: abi.POLLOUT}}
		if _, err := sys.Poll(poll, -1); err != nil && err != abi.EINTR {
			return
		}
		if poll[1].Revents != 0 && in >= 0 {
			n, err := r.body.Read(buf[:min(left, 4096)])
			if n > 0 && sys.Write(in, buf[:n]) != nil {
				err = abi.EPIPE
			}
			if left -= int64(n); err != nil || left <= 0 {
				sys.Close(in)
				in = -1
			}
		}
		if poll[0].Revents == 0 {
			continue
		}
		n, err := sys.Read(out, buf)
		if err != nil || n == 0 {
			return
		}
		if !started && !strings.HasPrefix(string(buf[:n]), "HTTP/") {
			if status, ok := strings.CutPrefix(string(buf[:n]), "Status:"); ok {
				status, _, _ = strings.Cut(strings.TrimSpace(status), "\n")
				c.Out.WriteString("HTTP/1.1 " + strings.TrimSpace(status) + "\r\n")
			} else {
				c.Out.WriteString("HTTP/1.1 200 OK\r\n")
			}
			c.Out.Flush()
		}
		started = true
		if sys.Write(1, buf[:n]) != nil {
			return
		}
	}
}
