package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// ended waits for a task to end, with a generous limit that only a hang reaches.
func ended(t *testing.T, task *kernel.Task) abi.WaitStatus {
	t.Helper()
	select {
	case <-task.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the task did not end")
	}
	return task.Status()
}

// until waits for a condition that another goroutine brings about.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestEndlessComputationsDieAtOnceOfAKill(t *testing.T) {
	t.Parallel()
	for _, script := range []string{
		"while :; do :; done",
		"for ((;;)); do ((i++)); done",
		"f() { g; }; g() { :; }; while true; do f; done",
		"until false; do x=$((x+1)); done",
		"while :; do echo $(:); done",
		"while :; do :; done | cat",
		"x={1..1000}{1..1000}{1..1000}; eval echo $x",
		"while [[ aaaaaaaa =~ a*b ]] || :; do continue; done",
		"trap '' TERM INT HUP; while :; do :; done",
		"while :; do sleep 0 & done",
		"x=$(seq 1 200000); p=$(yes '*1' | head -n 30000); echo go; case $x in $p) :;; esac; while :; do :; done",
		"x=$(yes aaaa | head -n 100000); echo go; [[ $x == +(+(+(+(a|?)*)*)*)b ]]; while :; do :; done",
		"x=$(yes aaaa | head -n 50000); echo go; [[ $x =~ ^(((a|aa|.)+)+)+(.?){900}b$ ]]; while :; do :; done",
		"x=$(yes '[[:[:' | head -n 100000); echo go; : $x \"${x#$x}\"; while :; do :; done",
		"x=$(yes '+(@(' | head -n 50000); echo go; : \"${x#$x}\"; while :; do :; done",
		"spin", "sleep 1000", "read x < /dev/tty || spin", "cat /dev/zero | cat", "mkfifo p; cat < p",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			task, out, _ := s.start("", "bash", "-c", "echo; "+script)
			until(t, "the start", func() bool {
				return strings.Contains(out.String(), "go") || !strings.Contains(script, "go") && out.String() != ""
			})
			from := task.CPU() // it shall have begun
			until(t, "computing", func() bool { return task.CPU() > from+30*time.Millisecond || task.State() == 'S' })
			task.Signal(abi.SIGKILL)
			if st := ended(t, task); st.ShellCode() != 137 {
				t.Errorf("status %d, want 137", st.ShellCode())
			}
		})
	}
}

func TestProcessesAndLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script, stdout string
		status               int
	}{
		{"a here-document of 1 MB does not block", "x=$(seq 1 150000); cat <<E | wc -c\n$x\nE", "938895\n", 0},
		{"a pipeline of ten", "echo x | cat | cat | cat | cat | cat | cat | cat | cat | wc -l", "1\n", 0},
		{"yes ends by SIGPIPE", "set -o pipefail; yes | head -n 1; echo $?", "y\n141\n", 0},
		{"unbounded recursion is refused", "f() { f; }; f; echo no", "", 2},
		{"unbounded eval is refused", "x='eval \"$x\"'; eval \"$x\"; echo no", "", 2},
		{"unbounded arithmetic recursion is refused", "a=b; b=a; echo $((a)); echo no", "", 2},
		{"a subshell's changes stay its own", "x=1; a() { echo 1; }; (x=2; a() { echo 2; }; cd /; umask 0; set -f; trap 'x' INT; exit 3); echo $x $? $PWD $(umask) $-; a", "1 3 /work 0022 c\n1\n", 0},
		{"arrays are copied for a subshell", "bash -c 'a=(1 2); (a[0]=x; echo ${a[0]}); a[1]=y; echo ${a[@]}; (echo ${a[@]}; a+=(z); echo ${#a[@]}); echo ${#a[@]}'", "x\n1 y\n1 y\n3\n2\n", 0},
		{"$$ is the shell's and BASHPID the subshell's", "bash -c '[ $$ = $(echo $$) ] && [ $$ != $BASHPID ] || echo ok; ( [ $BASHPID != $$ ] && echo sub )'", "ok\nsub\n", 0},
		{"$! is the pid of the background task", "sleep 100 & p=$!; kill -0 $p && kill $p; wait $p; echo $?", "143\n", 0},
		{"the last command takes the shell's place", "sh -c 'pid' > a; sh -c 'pid; :' > b; read p pp g < a; read p2 pp2 g2 < b; [ $pp = $$ ] && echo same; [ $pp2 != $$ ] && echo child", "same\nchild\n", 0},
		{"a trap ends wait", "trap 'echo got' USR1; (sleep 0.05; kill -USR1 $$) & wait $!; sleep 100 & p=$!; (kill -USR1 $$) & wait $p; echo $?; kill $p", "got\ngot\n138\n", 0},
		{"a trap runs after the foreground command", "trap 'echo trapped' USR1; sh -c 'kill -USR1 $PPID; echo child'; echo end", "child\ntrapped\nend\n", 0},
		{"children get the default action", "trap 'echo no' TERM; sh -c 'kill -TERM $$; echo alive'; echo $?", "143\n", 0},
		{"ignored signals stay ignored in children", "trap '' TERM; sh -c 'kill -TERM $$; echo alive'; echo $?", "alive\n0\n", 0},
		{"background jobs ignore SIGINT", "(kill -INT $(bash -c 'echo $PPID'); echo alive) & wait; echo end", "alive\nend\n", 0},
		{"all fds go to children", "exec 7>f; echo to7 > g; sh -c 'echo seven >&7'; exec 7>&-; cat f; sh -c 'echo x >&7' 2>/dev/null; echo $?", "seven\n1\n", 0},
		{"pipes do not leak", "cat < /dev/null | (read x; echo r$?) | cat; echo a | { exec 0<&-; echo closed; }", "r1\nclosed\n", 0},
		{"a killed pipeline element does not block the reader", "die KILL | cat; echo $?", "0\n", 0},
		{"signals give 128+n", "die TERM; echo $?; die KILL; echo $?; (die INT); echo $?", "143\n137\n130\n", 0},
		{"a text file without an interpreter line is a script", "echo 'echo s $0 $1' > s; chmod 755 s; ./s a; echo 'export V=1' > t; chmod 755 t; ./t; echo ${V-unset}", "s ./s a\nunset\n", 0},
		{"a binary that nobody runs gives 126", "printf '\\177ELF\\0\\0\\1' > e; chmod 755 e; ./e; echo $?", "126\n", 0},
		{"a fifo joins two tasks", "mkfifo p; echo through > p & read x < p; echo $x; wait", "through\n", 0},
		{"process substitution both ways", "bash -c 'cat <(echo in); echo out > >(cat > f); wait; cat f; while read a; do echo $a; done < <(seq 1 2)'", "in\nout\n1\n2\n", 0},
		{"exec keeps the pid", "sh -c 'echo $$; exec pid' > f; { read a; read b c d; } < f; [ $a = $b ] && echo same", "same\n", 0},
		{"many children leave no zombies", "i=0; while [ $i -lt 200 ]; do true & i=$((i+1)); done; wait; echo done", "done\n", 0},
		{"wait -n", "bash -c '(exit 3) & wait -n; echo $?; wait -n; echo $?'", "3\n127\n", 0},
		{"set -e leaves a function in a pipeline", "set -e; f() { false; echo no; }; f | cat; echo end", "end\n", 0},
		{"a value that is too long is refused", "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done; echo no", "", 2},
		{"variables without end are refused", "x=$(seq 1 100000); while :; do i=$((i+1)); eval \"v$i=\\$x\"; done; echo no", "", 2},
		{"a word that is too long is refused", "x=$(seq 1 100000); y='$x$x$x$x$x$x$x$x$x$x'; y=$y$y$y$y; (eval \"echo \\\"$y$y$y$y\\\"\" | wc -c); eval \"z=\\${x//1/$y}\"; echo no", "0\n", 2},
		{"a format that is too long is refused", "f=%1000000s; f=$f$f$f$f$f$f$f$f$f; f=$f$f$f$f$f$f$f$f$f; printf $f$f$f >/dev/null; echo $?", "1\n", 0},
		{"reading byte by byte leaves the rest", "seq 1 3 | { read a; cat; echo $a; }", "2\n3\n1\n", 0},
		{"a script on a pipe shares it with its commands", "printf 'read x\\nline\\necho [$x]\\ncat\\nrest\\n' | sh", "[line]\nrest\n", 0},
		{"lines before a syntax error run", "printf 'echo one\\nif\\nfi\\necho no\\n' > s; sh s; echo $?", "one\n2\n", 0},
		{"deep nesting is refused", "x=; i=0; while [ $i -lt 15 ]; do x=\"((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((($x\"; x=$x$x; i=$((i+1)); done; eval \"$x\"; echo no", "", 2},
		{"$LINENO", "printf 'echo $LINENO\\n\\necho $LINENO\\nfoo\\n' > s; sh s 2>&1", "1\n3\ns: line 4: foo: not found\n", 127},
		{"ulimit -n", "ulimit -n 20; ulimit -n; exec 30>f || echo $?", "20\n", 1},
		{"umask applies", "umask 077; echo > f; [ -r f ] && umask", "0077\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			task, out, errs := s.start("", "sh", "-c", c.script+"\n")
			st := ended(t, task)
			if out.String() != c.stdout || st.ShellCode() != c.status {
				t.Errorf("%s\n got %q, status %d\nwant %q, status %d\nstderr %q", c.script, out, st.ShellCode(), c.stdout, c.status, errs)
			}
		})
	}
}

// A file of the host, which none of these may find.
func TestNothingOfTheHostIsReached(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.sh")
	if err := os.WriteFile(secret, []byte("echo escaped\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Run("files", func(t *testing.T) {
		for _, script := range []string{
			"cat < %[1]s", "test -r %[1]s && echo escaped", "[ -e %[1]s ] && echo escaped", "[[ -f %[1]s ]] && echo escaped", ". %[1]s",
			"source %[1]s", "%[1]s", "cd %[2]s && echo escaped", "echo %[2]s/* | grep secret", "echo > %[1]s", "cat <(cat %[1]s)",
			"exec %[1]s", "sh %[1]s", "PATH=%[2]s; secret.sh", "command -v %[1]s", "mapfile a < %[1]s && echo ${a[0]}", "echo $(<%[1]s)",
			"ls() { :; }; hash %[1]s", "CDPATH=%[2]s/..; cd $(printf %%s %[2]s) && echo escaped", "read x < %[1]s && echo $x",
		} {
			script = fmt.Sprintf(script, secret, dir)
			got := newSandbox(t).run("", "bash", "-c", script)
			if strings.Contains(got.stdout, "escaped") || strings.Contains(got.stdout, "secret") || got.status == 0 && got.stdout != "\n" && got.stdout != "" {
				t.Errorf("%s: %+v", script, got)
			}
		}
	})
	if data, err := os.ReadFile(secret); err != nil || string(data) != "echo escaped\n" {
		t.Errorf("the file on the host was changed: %q, %v", data, err)
	}
	t.Run("users and environment", func(t *testing.T) {
		t.Parallel()
		got := newSandbox(t).sh("echo ~daemon ~root ~nobody ${GOPATH-none} ${USER-none} $HOSTNAME")
		if want := "~daemon /root /nonexistent none none box\n"; got.stdout != want {
			t.Errorf("got %q, want %q", got.stdout, want)
		}
	})
}

func TestPermissionsAreThoseOfTheTask(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.file("/work/private", "x\n", 0o600)
	s.file("/work/noexec", "echo no\n", 0o644)
	var out buffer
	task, err := s.k.Start(&kernel.InitAttr{
		Path: "sh", Argv: []string{"sh", "-c", "[ -r private ] || echo unreadable; [ -w private ] || echo unwritable; cat < private; echo $?; ./noexec; echo $?; echo > /work/new; echo $?"},
		Dir: "/work", Cred: &vfs.Cred{UID: 1000, GID: 1000, RealUID: 1000, RealGID: 1000}, Env: []string{"PATH=/bin"},
		Files: []*vfs.OpenFile{nil, kernel.WriterFile(&out, nil, nil), kernel.WriterFile(&out, nil, nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended(t, task)
	want := "unreadable\nunwritable\nsh: can't open private: Permission denied\n1\nsh: ./noexec: Permission denied\n126\n" +
		"sh: can't create /work/new: Permission denied\n1\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMemoryLimitKillsTheShell(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.k.SetLimits(kernel.Limits{Memory: 16 << 20})
	task, _, _ := s.start("", "bash", "-c", "while :; do a+=(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx); done")
	if st := ended(t, task); st.ShellCode() != 137 || !task.OOMKilled() {
		t.Errorf("status %d, OOM killed %v", st.ShellCode(), task.OOMKilled())
	}
}
