package wasi_test

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/guest"
	"github.com/sockerless/sockerless/sandbox/guest/guesttest"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// CRuby 3.4 as its makers publish it, with its standard library in the module: 30 MB that somebody else built.
const rubyPackage = "@ruby/3.4-wasm-wasi@2.10.1"

// Real scripts run on CRuby in the sandbox, as `ruby ARGUMENTS` would run them.
func TestRubyScriptsRun(t *testing.T) {
	t.Parallel()
	module := rubyModule(t)
	loader, err := guesttest.NewLoader(rubyHost)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		script, stdin  string
		args           []string
		stdout, stderr string // stderr need only contain its text
		status         abi.WaitStatus
	}{
		"the version and platform":         {script: `puts RUBY_VERSION[/\d+\.\d+/], RUBY_PLATFORM`, stdout: "3.4\nwasm32-wasi\n"},
		"arguments":                        {script: `p ARGV`, args: []string{"one", "two words", ""}, stdout: `["one", "two words", ""]` + "\n"},
		"the environment":                  {script: `puts ENV["HOME"], ENV.fetch("NOPE", "none")`, stdout: "/\nnone\n"},
		"standard input by lines":          {script: `$stdin.each_line { |l| puts l.chomp.reverse }`, stdin: "abc\ndef\n", stdout: "cba\nfed\n"},
		"gets, then the rest":              {script: `first = gets; puts first.upcase; puts $stdin.read.lines.size`, stdin: "a\nb\nc\n", stdout: "A\n2\n"},
		"exit codes":                       {script: `exit 7`, status: abi.Exited(7)},
		"abort":                            {script: `abort "no more"`, stderr: "no more\n", status: abi.Exited(1)},
		"an exception that nobody rescues": {script: "def f = raise(ArgumentError, 'wrong')\nf", stderr: "wrong (ArgumentError)", status: abi.Exited(1)},
		"exceptions, ensure and retry": {script: `
			tries = 0
			begin
			  tries += 1
			  raise IOError, "try #{tries}" if tries < 3
			rescue IOError => e
			  puts e.message
			  retry
			ensure
			  puts "done after #{tries}"
			end
			puts catch(:found) { [1, 2, 3].each { |i| throw :found, i * 10 if i == 2 }; nil }`,
			stdout: "try 1\ntry 2\ndone after 3\n20\n"},
		"errors of the system": {script: `
			[-> { File.read("/nope") }, -> { Dir.mkdir("/tmp") }, -> { File.open("/tmp") { |f| f.read } }, -> { Dir.rmdir("/tmp") }].each do |f|
			  f.call
			rescue SystemCallError => e
			  puts e.class
			end`, stdout: "Errno::ENOENT\nErrno::EEXIST\nErrno::EISDIR\nErrno::ENOTEMPTY\n"},
		"files": {script: `
			Dir.mkdir("/tmp/d")
			File.write("/tmp/d/f", "one\ntwo\nthree\n")
			File.open("/tmp/d/f", "a") { |f| f.puts "four" }
			puts File.foreach("/tmp/d/f").grep(/o/).map(&:chomp).join(",")
			File.open("/tmp/d/f", "r+") { |f| f.seek(4); f.write("TWO"); f.rewind; puts f.readlines[1] }
			puts IO.read("/tmp/d/f", 3, 8), File.size("/tmp/d/f"), File.file?("/tmp/d/f"), File.directory?("/tmp/d")
			File.rename("/tmp/d/f", "/tmp/d/g"); File.symlink("g", "/tmp/d/l")
			puts File.readlink("/tmp/d/l"), File.read("/tmp/d/l").lines.size, Dir.children("/tmp/d").sort.inspect, Dir["/tmp/d/*"].sort.inspect
			File.utime(0, 1_000_000, "/tmp/d/g"); puts File.mtime("/tmp/d/g").utc
			File.truncate("/tmp/d/g", 3); puts File.read("/tmp/d/g")
			File.delete("/tmp/d/l", "/tmp/d/g"); Dir.rmdir("/tmp/d"); puts File.exist?("/tmp/d")`,
			stdout: "one,two,four\nTWO\nthr\n19\ntrue\ntrue\ng\n4\n" + `["g", "l"]` + "\n" + `["/tmp/d/g", "/tmp/d/l"]` + "\n1970-01-12 13:46:40 UTC\none\nfalse\n"},
		"require of a file of one's own": {script: `require "/tmp/lib"; require_relative "../tmp/lib"; puts Lib.twice(21)`, stdout: "42\n"},
		"the standard library": {script: `
			require "json"; require "set"; require "erb"; require "optparse"; require "time"; require "strscan"; require "stringio"; require "tempfile"; require "fileutils"; require "yaml"; require "digest"
			puts JSON.generate(JSON.parse('{"a":[1,2.5,null,"\u00e9"]}'))
			puts ERB.new("<% 2.times do |i| %>[<%= i %>]<% end %>").result
			puts Time.at(0).utc.iso8601, Digest::SHA256.hexdigest("abc")[0, 8], { "k" => [1, "x"] }.to_yaml
			opts = {}; OptionParser.new { |o| o.on("-v", "--verbose") { opts[:v] = true } }.parse!(%w[-v rest]); p opts
			FileUtils.mkdir_p("/tmp/a/b/c"); FileUtils.rm_r("/tmp/a"); puts Dir.exist?("/tmp/a")
			Tempfile.create("t") { |f| f.write "x"; f.flush; puts File.size(f.path) }`,
			stdout: `{"a":[1,2.5,null,"é"]}` + "\n[0][1]\n1970-01-01T00:00:00Z\nba7816bf\n---\nk:\n- 1\n- x\n" + `{v: true}` + "\nfalse\n1\n"},
		"a gem of the bundle": {script: `
			require "csv"
			puts CSV.parse("a,b\n1,\"x,y\"\n", headers: true).map(&:to_h).inspect`,
			stdout: `[{"a" => "1", "b" => "x,y"}]` + "\n"},
		"fibers, enumerators and big numbers": {script: `
			fib = Enumerator.new { |y| a, b = 0, 1; loop { y << a; a, b = b, a + b } }
			puts fib.lazy.select(&:even?).first(6).inspect, 2**200, fib.next, fib.next, fib.next
			f = Fiber.new { |x| y = Fiber.yield(x + 1); y * 2 }
			puts f.resume(1), f.resume(21)`,
			stdout: "[0, 2, 8, 34, 144, 610]\n1606938044258990275541962092341162602522202993782792835301376\n0\n1\n1\n2\n42\n"},
		"garbage collection": {script: `a = nil; 300_000.times { |i| a = "x" * (i % 100) << i.to_s }; GC.start; puts a, GC.count > 0`, stdout: strings.Repeat("x", 99) + "299999\ntrue\n"},
		"a script file":      {args: []string{"/tmp/greet.rb", "you", "me"}, stdout: "hello you and me from greet.rb\n"},
		"sleep and clocks": {script: `
			t = Process.clock_gettime(Process::CLOCK_MONOTONIC); sleep 0.02
			puts Process.clock_gettime(Process::CLOCK_MONOTONIC) - t >= 0.02, Time.now.year > 2023`, stdout: "true\ntrue\n"},
		"a syntax error": {script: `def (`, stderr: "syntax error", status: abi.Exited(1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := guesttest.NewWith(t, kernel.Limits{}, loader)
			b.Image("/bin/ruby", module)
			b.Write("/tmp/greet.rb", 0o644, []byte(`puts "hello #{ARGV.join(' and ')} from #{File.basename(__FILE__)}"`))
			b.Write("/tmp/lib.rb", 0o644, []byte("module Lib\n  def self.twice(x) = x * 2\nend\n"))
			argv := []string{"/bin/ruby"}
			if test.script != "" {
				argv = append(argv, "-e", test.script)
			}
			stdout, stderr, status := b.Run(guesttest.Options{Stdin: test.stdin}, append(argv, test.args...)...)
			if stdout != test.stdout || !strings.Contains(stderr, test.stderr) || test.stderr == "" && stderr != "" || status != test.status {
				t.Errorf("stdout %q, want %q\nstderr %q, want %q\nstatus %#x, want %#x", stdout, test.stdout, stderr, test.stderr, uint32(status), uint32(test.status))
			}
		})
	}
}

// rubyModule fetches CRuby and makes a command of it.
func rubyModule(t *testing.T) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: it fetches and compiles CRuby")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not on PATH: CRuby is not tested")
	}
	dir := t.TempDir()
	cmd := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", dir, rubyPackage)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("npm could not fetch %s, CRuby is not tested: %v\n%s", rubyPackage, err, out)
	}
	module, err := os.ReadFile(filepath.Join(dir, "node_modules/@ruby/3.4-wasm-wasi/dist/ruby+stdlib.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return addStart(t, module)
}

// The published module is a reactor for a JavaScript page: it imports an interface to JavaScript, and the page calls its
// exports. Here the page is rubyMain, and the module gets a _start that calls it by way of one of its imports.
const (
	rubyJS    = "rb-js-abi-host"
	rubyEntry = "rb_wasm_throw_prohibit_rewind_exception" // two i32 parameters, no result
)

// rubyHost offers what the module imports: handles of Ruby values, and JavaScript, which is not there.
func rubyHost(ctx context.Context, rt wazero.Runtime) error {
	const i, f = api.ValueTypeI32, api.ValueTypeF64
	js := rt.NewHostModuleBuilder(rubyJS)
	for _, fn := range []struct {
		name            string
		params, results []api.ValueType
	}{
		{"bool-to-js-bool: func(value: bool) -> handle<js-abi-value>", []api.ValueType{i}, []api.ValueType{i}},
		{"eval-js: func(code: string) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) }", []api.ValueType{i, i, i}, nil},
		{"export-js-value-to-host: func(value: handle<js-abi-value>) -> ()", []api.ValueType{i}, nil},
		{"float-to-js-number: func(value: float64) -> handle<js-abi-value>", []api.ValueType{f}, []api.ValueType{i}},
		{"global-this: func() -> handle<js-abi-value>", nil, []api.ValueType{i}},
		{"import-js-value-from-host: func() -> handle<js-abi-value>", nil, []api.ValueType{i}},
		{"instance-of: func(value: handle<js-abi-value>, klass: handle<js-abi-value>) -> bool", []api.ValueType{i, i}, []api.ValueType{i}},
		{"int-to-js-number: func(value: s32) -> handle<js-abi-value>", []api.ValueType{i}, []api.ValueType{i}},
		{"is-js: func(value: handle<js-abi-value>) -> bool", []api.ValueType{i}, []api.ValueType{i}},
		{"js-value-equal: func(lhs: handle<js-abi-value>, rhs: handle<js-abi-value>) -> bool", []api.ValueType{i, i}, []api.ValueType{i}},
		{"js-value-strictly-equal: func(lhs: handle<js-abi-value>, rhs: handle<js-abi-value>) -> bool", []api.ValueType{i, i}, []api.ValueType{i}},
		{"js-value-to-integer: func(value: handle<js-abi-value>) -> variant { as-float(float64), bignum(string) }", []api.ValueType{i, i}, nil},
		{"js-value-to-string: func(value: handle<js-abi-value>) -> string", []api.ValueType{i, i}, nil},
		{"js-value-typeof: func(value: handle<js-abi-value>) -> string", []api.ValueType{i, i}, nil},
		{"proc-to-js-function: func(value: u32) -> handle<js-abi-value>", []api.ValueType{i}, []api.ValueType{i}},
		{"rb-object-to-js-rb-value: func(raw-rb-abi-value: u32) -> handle<js-abi-value>", []api.ValueType{i}, []api.ValueType{i}},
		{"reflect-apply: func(target: handle<js-abi-value>, this-argument: handle<js-abi-value>, arguments: list<handle<js-abi-value>>) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) }", []api.ValueType{i, i, i, i, i}, nil},
		{"reflect-get: func(target: handle<js-abi-value>, property-key: string) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) }", []api.ValueType{i, i, i, i}, nil},
		{"reflect-set: func(target: handle<js-abi-value>, property-key: string, value: handle<js-abi-value>) -> variant { success(handle<js-abi-value>), failure(handle<js-abi-value>) }", []api.ValueType{i, i, i, i, i}, nil},
		{"string-to-js-string: func(value: string) -> handle<js-abi-value>", []api.ValueType{i, i}, []api.ValueType{i}},
	} {
		js.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) {
			panic("there is no JavaScript: " + fn.name)
		}), fn.params, fn.results).Export(fn.name)
	}
	js.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, mod api.Module, _ []uint64) {
		rubyMain(ctx, mod)
	}), []api.ValueType{i, i}, nil).Export(rubyEntry)
	if _, err := js.Instantiate(ctx); err != nil {
		return err
	}

	// Handles could be numbers of a table; here a handle is the address that it stands for.
	abi := rt.NewHostModuleBuilder("canonical_abi")
	for _, name := range []string{"resource_new_rb-abi-value", "resource_get_rb-abi-value"} {
		abi.NewFunctionBuilder().WithFunc(func(v uint32) uint32 { return v }).Export(name)
	}
	abi.NewFunctionBuilder().WithFunc(func(uint32) {}).Export("resource_drop_js-abi-value")
	_, err := abi.Instantiate(ctx)
	return err
}

// rubyMain is what `ruby` does: -e SCRIPT or a file to run, the further arguments in ARGV, errors told on standard error.
const rubyMainScript = `
begin
  if ARGV.first == "-e"
    ARGV.shift
    script = ARGV.shift
    eval(script, TOPLEVEL_BINDING, "-e")
  else
    $0 = ARGV.shift
    load $0
  end
  status = 0
rescue SystemExit => e
  status = e.status
rescue Exception => e
  $stderr.write e.full_message(highlight: false)
  status = 1
end
$stdout.flush
exit!(status)`

func rubyMain(ctx context.Context, mod api.Module) {
	call := func(prefix string, args ...uint64) uint64 {
		for name := range mod.ExportedFunctionDefinitions() {
			if strings.HasPrefix(name, prefix) {
				res, err := mod.ExportedFunction(name).Call(ctx, args...)
				if err != nil {
					panic(err)
				}
				if len(res) == 0 {
					return 0
				}
				return res[0]
			}
		}
		panic("the module does not export " + prefix)
	}
	write := func(b []byte) uint64 {
		addr := call("cabi_realloc", 0, 0, 4, uint64(len(b)))
		mod.Memory().Write(uint32(addr), b)
		return addr
	}
	args := append([]string{"ruby", "-EUTF-8", "-e", "_=0", "--"}, guest.Enter(ctx, mod).Task.Image().Argv[1:]...)
	var list []byte
	for _, a := range args {
		list = binary.LittleEndian.AppendUint32(list, uint32(write([]byte(a+"\x00"))))
		list = binary.LittleEndian.AppendUint32(list, uint32(len(a)+1))
	}
	call("ruby-init: ", write(list), uint64(len(args)))
	script := []byte(rubyMainScript)
	call("rb-eval-string-protect: ", write(script), uint64(len(script)))
}

// addStart adds a function to a module: _start, which calls _initialize and then the import rubyEntry.
func addStart(t *testing.T, module []byte) []byte {
	t.Helper()
	const header = 8
	uleb := func(b []byte) (uint32, []byte) {
		v, n := binary.Uvarint(b)
		return uint32(v), b[n:]
	}
	str := func(b []byte) (string, []byte) {
		n, b := uleb(b)
		return string(b[:n]), b[n:]
	}
	type section struct {
		id   byte
		body []byte
	}
	var sections []section
	body := make(map[byte][]byte)
	for rest := module[header:]; len(rest) > 0; {
		id := rest[0]
		n, after := uleb(rest[1:])
		sections = append(sections, section{id, after[:n]})
		body[id], rest = after[:n], after[n:]
	}
	const types, imports, functions, exports, code = 1, 2, 3, 7, 10

	// The import that is the entry, and the number of imported functions: all imports of the module are functions.
	entry, entryFound := uint32(0), false
	imported, b := uleb(body[imports])
	for i := range imported {
		var name string
		_, b = str(b)
		name, b = str(b)
		if b[0] != 0 {
			t.Fatalf("import %s is not a function", name)
		}
		_, b = uleb(b[1:])
		if name == rubyEntry {
			entry, entryFound = i, true
		}
	}
	initialize, initializeFound := uint32(0), false
	n, b := uleb(body[exports])
	for range n {
		var name string
		var index uint32
		name, b = str(b)
		index, b = uleb(b[1:])
		if name == "_initialize" {
			initialize, initializeFound = index, true
		}
	}
	if !entryFound || !initializeFound {
		t.Fatalf("%s found: %v, _initialize found: %v", rubyEntry, entryFound, initializeFound)
	}

	number := func(v uint32) []byte { return binary.AppendUvarint(nil, uint64(v)) }
	added := func(id byte, entry ...[]byte) []byte { // the section with an entry more
		n, rest := uleb(body[id])
		return slices.Concat(number(n+1), rest, slices.Concat(entry...))
	}
	typeCount, _ := uleb(body[types])
	defined, _ := uleb(body[functions])
	start := slices.Concat([]byte{0 /* locals */, 0x10 /* call */}, number(initialize), []byte{0x41, 0, 0x41, 0, 0x10}, number(entry), []byte{0x0b})
	body[types] = added(types, []byte{0x60, 0, 0})
	body[functions] = added(functions, number(typeCount))
	body[exports] = added(exports, []byte("\x06_start\x00"), number(imported+defined))
	body[code] = added(code, number(uint32(len(start))), start)
	out := slices.Clone(module[:header])
	for _, s := range sections {
		if s.id != 0 {
			s.body = body[s.id]
		}
		out = slices.Concat(out, []byte{s.id}, number(uint32(len(s.body))), s.body)
	}
	return out
}
