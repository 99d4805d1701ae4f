package userland_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/userland"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

var benchSize = flag.Int("size", 100, "megabytes of text that the benchmarks beside busybox work on")

// reference is the native busybox.
const reference = "/bin/busybox"

// commands are what BenchmarkBesideBusybox compares, by name: the file whose size counts, and the arguments. "log" has
// lines of a server's log, "numbers" a number a line, "keys" runs of equal lines, "log2" is "log" with a few changes.
var commands = []struct {
	name, file string
	argv       []string
}{
	{"grep-literal", "log", []string{"grep", "quixotic", "log"}},
	{"grep-count", "log", []string{"grep", "-c", "ERROR", "log"}},
	{"grep-i", "log", []string{"grep", "-i", "QUIXotic", "log"}},
	{"grep-class", "log", []string{"grep", "-c", "took [0-9]*7ms", "log"}},
	{"grep-E-alternation", "log", []string{"grep", "-E", "(timeout|refused|broken pipe)", "log"}},
	{"grep-v", "log", []string{"grep", "-v", "INFO", "log"}},
	{"grep-o", "log", []string{"grep", "-o", "user=[a-z]*", "log"}},
	{"grep-backreference", "log", []string{"grep", `host\([0-9]\)\1`, "log"}},
	{"grep-w", "log", []string{"grep", "-w", "item", "log"}},
	{"grep-n", "log", []string{"grep", "-n", "^[^ ]* host1[0-9] ", "log"}},
	{"sed-literal", "log", []string{"sed", "s/user/USER/", "log"}},
	{"sed-regex", "log", []string{"sed", "s/[0-9][0-9]*ms/TIME/g", "log"}},
	{"sed-n-p", "log", []string{"sed", "-n", "/took 9[0-9]*ms/p", "log"}},
	{"sed-groups", "log", []string{"sed", "-E", `s/user=([a-z]+) path=([^ ]+)/\2 by \1/`, "log"}},
	{"sed-d", "log", []string{"sed", "/INFO/d", "log"}},
	{"awk-sum", "log", []string{"awk", "{ s += $4 } END { print s }", "log"}},
	{"awk-count", "log", []string{"awk", "{ n[$2]++ } END { for (k in n) print k, n[k] }", "log"}},
	{"awk-regex", "log", []string{"awk", "/took 9[0-9]*ms/ { print $2 }", "log"}},
	{"awk-gsub", "log", []string{"awk", `{ gsub(/[0-9]+/, "N"); print }`, "log"}},
	{"awk-F", "log", []string{"awk", "-F=", "{ print $2 }", "log"}},
	{"sort", "log", []string{"sort", "log"}},
	{"sort-n", "numbers", []string{"sort", "-n", "numbers"}},
	{"sort-k2", "log", []string{"sort", "-k2", "log"}},
	{"sort-u", "keys", []string{"sort", "-u", "keys"}},
	{"uniq-c", "keys", []string{"uniq", "-c", "keys"}},
	{"cut-f", "log", []string{"cut", "-d", " ", "-f", "2,4", "log"}},
	{"cut-c", "log", []string{"cut", "-c", "1-20", "log"}},
	{"tr", "log", []string{"tr", "a-z", "A-Z"}},
	{"tr-d", "log", []string{"tr", "-d", "0-9"}},
	{"wc-l", "log", []string{"wc", "-l", "log"}},
	{"wc-w", "log", []string{"wc", "-w", "log"}},
	{"head-n", "log", []string{"head", "-n", "1000000", "log"}},
	{"tail-n", "log", []string{"tail", "-n", "+100000", "log"}},
	{"tac", "log", []string{"tac", "log"}},
	{"cat", "log", []string{"cat", "log"}},
	{"cp", "log", []string{"cp", "log", "copy"}},
	{"md5sum", "log", []string{"md5sum", "log"}},
	{"sha1sum", "log", []string{"sha1sum", "log"}},
	{"sha256sum", "log", []string{"sha256sum", "log"}},
	{"sha512sum", "log", []string{"sha512sum", "log"}},
	{"sha3sum", "log", []string{"sha3sum", "log"}},
	{"cksum", "log", []string{"cksum", "log"}},
	{"crc32", "log", []string{"crc32", "log"}},
	{"gzip-1", "log", []string{"gzip", "-1", "-c", "log"}},
	{"gzip", "log", []string{"gzip", "-c", "log"}},
	{"gzip-9", "log", []string{"gzip", "-9", "-c", "log"}},
	{"gunzip", "log", []string{"gunzip", "-c", "log.gz"}},
	{"zcat", "log", []string{"zcat", "log.gz"}},
	{"bunzip2", "log", []string{"bunzip2", "-c", "log.bz2"}},
	{"base64", "log", []string{"base64", "log"}},
	{"base64-d", "log", []string{"base64", "-d", "log.b64"}},
	{"od", "numbers", []string{"od", "-x", "numbers"}},
	{"xxd", "numbers", []string{"xxd", "numbers"}},
	{"hexdump-C", "numbers", []string{"hexdump", "-C", "numbers"}},
	{"tar-c", "log", []string{"tar", "-c", "-f", "copy.tar", "log"}},
	{"tar-x", "log", []string{"tar", "-x", "-O", "-f", "log.tar"}},
	{"cmp", "log", []string{"cmp", "log", "copy"}},
	{"diff", "log", []string{"diff", "log", "log2"}},
	{"tar-x-tree", "tree.tar", []string{"tar", "-x", "-f", "tree.tar"}},
	{"find-name", "tree.tar", []string{"find", "tree", "-name", "*7.txt"}},
	{"ls-lR", "tree.tar", []string{"ls", "-lR", "tree"}},
	{"du", "tree.tar", []string{"du", "-s", "tree"}},
	{"grep-r", "tree.tar", []string{"grep", "-r", "contents 77", "tree"}},
	{"tar-c-tree", "tree.tar", []string{"tar", "-c", "-f", "copy.tar", "tree"}},
	{"cp-r", "tree.tar", []string{"cp", "-r", "tree", "tree2"}},
	{"rm-r", "tree.tar", []string{"rm", "-r", "tree2"}},
}

// logText makes about size bytes of a server's log, always the same.
func logText(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	levels := []string{"INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "WARN", "ERROR"}
	users := []string{"alice", "bob", "carol", "dave", "eve", "mallory", "peggy", "trent"}
	words := []string{"the", "request", "was", "served", "from", "cache", "item", "items", "connection", "timeout", "after", "retry", "queue",
		"full", "upstream", "refused", "over", "lazy", "quick", "brown", "fox", "jumps", "straße", "naïve", "session", "closed", "by", "peer"}
	out := make([]byte, 0, size+200)
	for i := 0; len(out) < size; i++ {
		out = fmt.Appendf(out, "2024-%02d-%02dT%02d:%02d:%02d host%d %s %d user=%s path=/api/v%d/items/%d took %dms", random.IntN(12)+1, random.IntN(28)+1,
			random.IntN(24), random.IntN(60), random.IntN(60), random.IntN(64), levels[random.IntN(len(levels))], random.IntN(100000),
			users[random.IntN(len(users))], random.IntN(3)+1, random.IntN(10000), random.IntN(2000))
		for range random.IntN(8) {
			out = append(append(out, ' '), words[random.IntN(len(words))]...)
		}
		if i%5000 == 0 {
			out = append(out, " quixotic"...)
		}
		out = append(out, '\n')
	}
	return out
}

// prepare makes the files that the commands work on in a directory.
func prepare(b *testing.B, dir string) {
	b.Helper()
	size := *benchSize << 20
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	text := logText(size)
	write("log", text)
	write("copy", text)
	changed := bytes.Clone(text)
	for i := len(changed) / 7; i < len(changed); i += len(changed) / 7 {
		changed[i+bytes.IndexByte(changed[i:], ' ')+1] = '#'
	}
	write("log2", changed)
	random := rand.New(rand.NewPCG(3, 4))
	var numbers, keys []byte
	for len(numbers) < size/4 {
		numbers = append(strconv.AppendInt(numbers, int64(random.IntN(2000000))-1000000, 10), '\n')
	}
	for len(keys) < size/4 {
		key := fmt.Appendf(nil, "key-%d value\n", random.IntN(5000))
		for range 1 + random.IntN(20) {
			keys = append(keys, key...)
		}
	}
	write("numbers", numbers)
	write("keys", keys)
	for i := range 20000 {
		path := fmt.Sprintf("tree/%d/%d", i/1000, i/50%20)
		if i%50 == 0 {
			if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
				b.Fatal(err)
			}
		}
		write(fmt.Sprintf("%s/%d.txt", path, i), fmt.Appendf(nil, "contents %d of a small file\n", i))
	}
	for _, script := range []string{"gzip -c log > log.gz", "bzip2 -c log > log.bz2", "base64 log > log.b64", "tar -c -f log.tar log", "tar -c -f tree.tar tree"} {
		cmd := exec.Command(reference, "sh", "-c", script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s: %v, %s", script, err, out)
		}
	}
}

// sandboxed makes a sandbox with the busybox and copies of the files of a directory, but for the tree, in /work.
func sandboxed(b *testing.B, dir string) *guesttest.Box {
	b.Helper()
	module, err := userland.Busybox()
	if err != nil {
		b.Skip(err)
	}
	box := guesttest.New(b, kernel.Limits{})
	box.Image("/bin/busybox", module)
	if err := box.Root.Mkdir(box.Root.Cwd, "/work", 0o777); err != nil {
		b.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range list {
		if f.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			b.Fatal(err)
		}
		box.Write("/work/"+f.Name(), 0o644, data)
	}
	inBox(b, box, "log", "tar", "-x", "-f", "tree.tar")
	return box
}

// inBox runs an applet in the sandbox; its output goes nowhere.
func inBox(b *testing.B, box *guesttest.Box, stdin string, argv ...string) {
	b.Helper()
	in, err := box.Root.Open(box.Root.Cwd, "/work/"+stdin, abi.O_RDONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	var stderr guesttest.Buffer
	task, err := box.Kernel.Start(&kernel.InitAttr{
		Path: "/bin/busybox", Argv: append([]string{"busybox"}, argv...), Env: []string{"PATH=/bin"}, Dir: "/work", Cred: &vfs.Cred{}, Umask: 0o022,
		Files: []*vfs.OpenFile{in, kernel.WriterFile(io.Discard, nil, nil), kernel.WriterFile(&stderr, nil, nil)},
	})
	if err != nil {
		b.Fatal(err)
	}
	<-task.Done()
	if code := task.Status().ShellCode(); code > 1 || stderr.String() != "" {
		b.Fatalf("%q: exit code %d, %s", argv, code, stderr.String())
	}
}

// BenchmarkBesideBusybox runs commands natively and in the sandbox, in turn, and tells the throughput of both and how
// many times as long the sandbox takes. It takes some minutes; -size chooses less text.
func BenchmarkBesideBusybox(b *testing.B) {
	if _, err := os.Stat(reference); err != nil {
		b.Skip("there is no busybox to compare with: ", err)
	}
	dir := b.TempDir()
	prepare(b, dir)
	box := sandboxed(b, dir)
	inBox(b, box, "log", "true")
	for _, c := range commands {
		b.Run(c.name, func(b *testing.B) {
			st, err := os.Stat(filepath.Join(dir, c.file))
			if err != nil {
				b.Fatal(err)
			}
			native, ours := time.Hour, time.Hour
			for range b.N {
				stdin, err := os.Open(filepath.Join(dir, "log"))
				if err != nil {
					b.Fatal(err)
				}
				cmd := exec.Command(reference, c.argv...)
				cmd.Dir, cmd.Stdin = dir, stdin
				start := time.Now()
				err = cmd.Run()
				native = min(native, time.Since(start))
				stdin.Close()
				if cmd.ProcessState.ExitCode() == 127 {
					b.Skip("the native busybox has no such applet")
				}
				if err != nil && cmd.ProcessState.ExitCode() != 1 {
					b.Fatal(err)
				}
				start = time.Now()
				inBox(b, box, "log", c.argv...)
				ours = min(ours, time.Since(start))
			}
			size := float64(st.Size()) / 1e6
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(size/native.Seconds(), "native-MB/s")
			b.ReportMetric(size/ours.Seconds(), "MB/s")
			b.ReportMetric(ours.Seconds()/native.Seconds(), "times-native")
		})
	}
}
