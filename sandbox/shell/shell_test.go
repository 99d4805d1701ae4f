package shell

import "testing"

func TestScriptsGiveWhatTheyShould(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script, stdout, stderr string
		status                       int
	}{
		{"a command", "echo hello  world", "hello world\n", "", 0},
		{"variables", `a=1; b="x  y"; echo $a $b "$b" ${c-none}`, "1 x y x  y none\n", "", 0},
		{"a pipeline", "printf 'b\\na\\n' | sort | cat", "a\nb\n", "", 0},
		{"redirections", "echo hi > f; echo there >> f; cat < f; cat f | wc -l", "hi\nthere\n2\n", "", 0},
		{"if", "if false; then echo no; elif true; then echo yes; else echo no; fi", "yes\n", "", 0},
		{"for", "for i in 1 2 3; do echo $i; done", "1\n2\n3\n", "", 0},
		{"while", "i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done", "0\n1\n2\n", "", 0},
		{"case", "case abc in a*) echo 1;; *) echo 2;; esac", "1\n", "", 0},
		{"functions", "f() { local x=$1; echo $x $#; return 3; }; f a b; echo $?", "a 2\n3\n", "", 0},
		{"not found", "foo", "", "sh: foo: not found\n", 127},
		{"exit", "exit 5", "", "", 5},
		{"a subshell", "x=1; (x=2; echo $x); echo $x", "2\n1\n", "", 0},
		{"command substitution", "echo $(echo a; echo b) \"$(echo c)\"", "a b c\n", "", 0},
		{"a here-document", "x=1\ncat <<EOF\na $x $((1+1)) $(echo s)\nEOF", "a 1 2 s\n", "", 0},
		{"stderr", "echo e >&2", "", "e\n", 0},
		{"background and wait", "false & wait $!; echo $?", "1\n", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := newSandbox(t).sh(c.script)
			if want := (result{c.stdout, c.stderr, c.status}); got != want {
				t.Errorf("%s\n got %+v\nwant %+v", c.script, got, want)
			}
		})
	}
}
