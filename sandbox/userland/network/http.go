package network

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// location is an http URL.
type location struct {
	user string // "name:password"
	host string // as it was given, with the port if that was
	name string // the host alone
	port int
	path string // with the query
}

var (
	errNotHTTP = errors.New("not an http or ftp url")
	errHTTPS   = errors.New("https is not supported")
)

func parseURL(s string) (location, error) {
	u := location{port: 80}
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		rest = s
	case strings.EqualFold(scheme, "https"):
		return u, errHTTPS
	case !strings.EqualFold(scheme, "http"):
		return u, errNotHTTP
	}
	rest, _, _ = strings.Cut(rest, "#")
	i := strings.IndexAny(rest, "/?")
	if i < 0 {
		i = len(rest)
	}
	u.host, u.path = rest[:i], rest[i:]
	if !strings.HasPrefix(u.path, "/") {
		u.path = "/" + u.path
	}
	if i := strings.LastIndexByte(u.host, '@'); i >= 0 {
		u.user, u.host = u.host[:i], u.host[i+1:]
	}
	if u.host == "" {
		return u, errNotHTTP
	}
	name, port := splitPort(u.host)
	if u.name = name; port != 0 {
		u.port = port
	}
	return u, nil
}

// response is the head of an HTTP answer and its body.
type response struct {
	status  string // the whole first line
	code    int
	headers []string // lines
	body    io.Reader
	length  int64 // -1 when not known
}

// readResponse reads an answer; head says that there is no body.
func readResponse(r *bufio.Reader, head bool) (*response, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	proto, rest, _ := strings.Cut(line, " ")
	if !strings.HasPrefix(proto, "HTTP/") {
		return nil, errors.New("bad response")
	}
	resp := &response{status: line, length: -1}
	code, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if resp.code, err = strconv.Atoi(code); err != nil {
		return nil, errors.New("bad response")
	}
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		resp.headers = append(resp.headers, line)
	}
	resp.body = r
	if n, err := strconv.ParseInt(resp.header("Content-Length"), 10, 64); err == nil && n >= 0 {
		resp.length, resp.body = n, io.LimitReader(r, n)
	}
	if strings.EqualFold(resp.header("Transfer-Encoding"), "chunked") {
		resp.length, resp.body = -1, &chunked{r: r}
	}
	if head || resp.code == 204 || resp.code == 304 {
		resp.body = strings.NewReader("")
	}
	return resp, nil
}

const maxLine = 64 << 10

func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if err != bufio.ErrBufferFull || len(line) > maxLine {
			return "", err
		}
	}
}

// header returns a header's value, "" for none.
func (r *response) header(name string) string {
	for _, h := range r.headers {
		k, v, _ := strings.Cut(h, ":")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// chunked reads a body in chunks (RFC 9112, 7.1).
type chunked struct {
	r    *bufio.Reader
	left int64
	any  bool
	end  bool
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.end {
		return 0, io.EOF
	}
	if c.left == 0 {
		if c.any {
			if _, err := readLine(c.r); err != nil {
				return 0, io.ErrUnexpectedEOF
			}
		}
		line, err := readLine(c.r)
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		size, _, _ := strings.Cut(line, ";")
		if c.left, err = strconv.ParseInt(strings.TrimSpace(size), 16, 63); err != nil {
			return 0, fmt.Errorf("got bad chunk length '%s'", line)
		}
		c.any = true
		if c.left == 0 {
			c.end = true
			return 0, io.EOF
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// addresses are where a host answers.
func addresses(name string, port int) ([]netip.AddrPort, error) {
	list, err := lookup(name, 0)
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, a := range list {
		out = append(out, netip.AddrPortFrom(a, uint16(port)))
	}
	return out, nil
}
