package network

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/userland/applet"
	"github.com/sockerless/sockerless/sandbox/userland/sys"
)

const maxRedirects = 10

// download is one run of wget.
type download struct {
	c       *applet.Context
	o       *applet.Options
	log     func(format string, args ...any)
	timeout time.Duration
	post    *string
	fd      int // of the output; -1 while it is not open
	toOut   bool
}

// Wget retrieves files by HTTP. Options as busybox's; FTP and TLS are refused.
func Wget(c *applet.Context) int {
	o := c.Getopt("cqSO:o:P:U:Y:T:st:{:}:|:~", "continue=c", "quiet=q", "server-response=S", "output-document=O", "output-file=o",
		"directory-prefix=P", "user-agent=U", "proxy=Y", "timeout=T", "tries=t", "spider=s", "header={", "post-data=}", "post-file=|",
		"no-check-certificate=~", "no-verbose=q", "passive-ftp=~", "no-cache=~")
	if len(c.Args) == 0 {
		c.Usage()
	}
	w := &download{c: c, o: o, timeout: 900 * time.Second, fd: -1}
	if t := seconds(c, o, 'T'); t > 0 {
		w.timeout = t
	}
	logFD := 2
	if file, ok := o.Arg('o'); ok && file != "-" {
		fd, err := sys.Open(file, abi.O_WRONLY|abi.O_CREAT|abi.O_TRUNC, 0o666)
		if err != nil {
			c.Fatalf("can't open '%s': %s", file, applet.Strerror(err))
		}
		logFD = fd
	}
	w.log = func(format string, args ...any) {
		if !o.Has("q") {
			sys.Write(logFD, fmt.Appendf(nil, format, args...))
		}
	}
	if data, ok := o.Arg('}'); ok {
		w.post = &data
	}
	if file, ok := o.Arg('|'); ok {
		data, err := applet.ReadFile(file)
		if err != nil {
			c.Fatalf("can't open '%s': %s", file, applet.Strerror(err))
		}
		text := string(data)
		w.post = &text
	}
	code := 0
	for _, url := range c.Args {
		w.get(url)
	}
	return code
}

// get retrieves one URL, or ends the program with a message.
func (w *download) get(url string) {
	c, o := w.c, w.o
	file, given := o.Arg('O')
	w.toOut = file == "-"
	u := w.parse(url)
	if !given {
		path, _, _ := strings.Cut(u.path, "?")
		if file = path[strings.LastIndexByte(path, '/')+1:]; file == "" {
			file = "index.html"
		}
		if dir := o.Str('P'); dir != "" {
			file = strings.TrimSuffix(dir, "/") + "/" + file
		}
	}
	var from int64
	if o.Has("c") && !w.toOut && !o.Has("s") {
		if st, err := sys.Stat(file); err == nil {
			from = st.Size
		}
	}
	for redirects := 0; ; redirects++ {
		conn, via := w.connect(u, url)
		resp := w.request(conn, u, via, from)
		if o.Has("S") {
			sys.Write(2, []byte("  "+resp.status+"\n"))
			for _, h := range append(resp.headers, "") {
				sys.Write(2, []byte("  "+h+"\n"))
			}
		}
		switch next := resp.header("Location"); {
		case resp.code >= 300 && resp.code < 400 && resp.code != 304 && next != "":
			sys.Close(conn.fd)
			if redirects == maxRedirects {
				c.Fatalf("too many redirections")
			}
			if strings.HasPrefix(next, "/") {
				host := u.host
				u = w.parse("http://" + host + next)
			} else {
				u = w.parse(next)
			}
			url = next
			if w.post != nil && resp.code != 307 && resp.code != 308 {
				w.post = nil
			}
			continue
		case resp.code == 416 && from > 0:
			sys.Close(conn.fd)
			return // it is complete
		case resp.code < 200 || resp.code >= 300:
			c.Fatalf("server returned error: %s", resp.status)
		}
		if o.Has("s") {
			w.log("remote file exists\n")
		} else {
			if from > 0 && resp.code != 206 {
				w.log("wget: restart failed\n")
				from = 0
			}
			w.save(resp, file, given, from)
		}
		sys.Close(conn.fd)
		return
	}
}

func (w *download) parse(url string) location {
	u, err := parseURL(url)
	switch err {
	case nil:
	case errHTTPS:
		w.c.Fatalf("https is not supported: %s", url)
	default:
		w.c.Fatalf("not an http or ftp url: %s", url)
	}
	return u
}

// connect connects to the URL's host or the proxy; via says that it is one.
func (w *download) connect(u location, url string) (conn *conn, via bool) {
	c := w.c
	to := u
	if proxy := c.Getenv("http_proxy"); proxy != "" && w.o.Str('Y') != "off" && !exempt(c.Getenv("no_proxy"), u.name) {
		to, via = w.parse(proxy), true
	}
	list, err := addresses(to.name, to.port)
	if err != nil {
		c.Fatalf("bad address '%s'", to.name)
	}
	var last error
	for _, a := range list {
		w.log("Connecting to %s (%s)\n", to.host, a)
		fd, err := dial(a, netip.AddrPort{}, w.timeout)
		if err == nil {
			return newConn(fd, w.timeout), via
		}
		last = fmt.Errorf("can't connect to remote host (%s): %s", a.Addr(), applet.Strerror(err))
		if err == abi.ETIMEDOUT {
			last = fmt.Errorf("download timed out")
		}
	}
	c.Fatalf("%v", last)
	return nil, false
}

func newConn(fd int, limit time.Duration) *conn { return &conn{fd: fd, timeout: limit} }

// exempt reports whether no_proxy names the host or a domain of it.
func exempt(list, host string) bool {
	for d := range strings.SplitSeq(list, ",") {
		if d = strings.TrimPrefix(strings.TrimSpace(d), "."); d == "*" || d != "" && (host == d || strings.HasSuffix(host, "."+d)) {
			return true
		}
	}
	return false
}

func (w *download) request(conn *conn, u location, via bool, from int64) *response {
	c, o := w.c, w.o
	method := "GET"
	switch {
	case w.post != nil:
		method = "POST"
	case o.Has("s"):
		method = "HEAD"
	}
	target := u.path
	if via {
		target = "http://" + u.host + u.path
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	own := strings.ToLower("\n" + strings.Join(o.All('{'), "\n"))
	header := func(name, value string) {
		if !strings.Contains(own, "\n"+strings.ToLower(name)+":") {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	header("Host", u.host)
	agent := "Wget"
	if a, ok := o.Arg('U'); ok {
		agent = a
	}
	header("User-Agent", agent)
	header("Connection", "close")
	if u.user != "" {
		header("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.user)))
	}
	if from > 0 {
		header("Range", fmt.Sprintf("bytes=%d-", from))
	}
	for _, h := range o.All('{') {
		b.WriteString(h + "\r\n")
	}
	if w.post != nil {
		header("Content-Type", "application/x-www-form-urlencoded")
		header("Content-Length", fmt.Sprint(len(*w.post)))
	}
	b.WriteString("\r\n")
	if w.post != nil {
		b.WriteString(*w.post)
	}
	if _, err := conn.Write([]byte(b.String())); err != nil {
		c.Fatalf("error getting response: %s", applet.Strerror(err))
	}
	r := bufio.NewReaderSize(conn, 32<<10)
	for {
		resp, err := readResponse(r, method == "HEAD")
		switch {
		case err == abi.ETIMEDOUT:
			c.Fatalf("download timed out")
		case err == io.EOF:
			c.Fatalf("error getting response")
		case err != nil:
			c.Fatalf("error getting response: %s", applet.Strerror(err))
		case resp.code == 100:
			continue
		}
		return resp
	}
}

// save writes the body to the file.
func (w *download) save(resp *response, file string, given bool, from int64) {
	c := w.c
	switch {
	case w.toOut:
		w.fd = 1
		w.log("writing to stdout\n")
	case w.fd < 0 || !given:
		flags := abi.O_WRONLY | abi.O_CREAT | abi.O_EXCL
		if given {
			flags = abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC
		}
		if from > 0 {
			flags = abi.O_WRONLY | abi.O_APPEND
		} else if w.o.Has("c") {
			flags = abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC
		}
		fd, err := sys.Open(file, flags, 0o666)
		if err != nil {
			c.Fatalf("can't open '%s': %s", file, applet.Strerror(err))
		}
		w.fd = fd
		w.log("saving to '%s'\n", file)
	}
	buf := make([]byte, 64<<10)
	done := int64(0)
	for {
		n, err := resp.body.Read(buf)
		if n > 0 {
			if werr := sys.Write(w.fd, buf[:n]); werr != nil {
				c.Fatalf("write error: %s", applet.Strerror(werr))
			}
			done += int64(n)
		}
		if err == io.EOF {
			break
		}
		if err == abi.ETIMEDOUT {
			c.Fatalf("download timed out")
		}
		if err != nil {
			c.Fatalf("read error: %s", applet.Strerror(err))
		}
	}
	if resp.length >= 0 && done < resp.length {
		c.Fatalf("connection closed prematurely")
	}
	name := file[strings.LastIndexByte(file, '/')+1:]
	w.log("%-20.20s 100%% |%s| %5s  0:00:00 ETA\n", name, strings.Repeat("*", 32), amount(done+from))
	if w.toOut {
		w.log("written to stdout\n")
	} else {
		w.log("'%s' saved\n", file)
		if !given {
			sys.Close(w.fd)
			w.fd = -1
		}
	}
}

// amount writes a size as the progress bar does, in five columns.
func amount(n int64) string {
	if n < 100000 {
		return fmt.Sprint(n)
	}
	unit := -1
	for n >= 100000 {
		n /= 1024
		unit++
	}
	return fmt.Sprintf("%d%c", n, "kMGTPE"[unit])
}
