package main

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/sockerless/sockerless/sandbox/userland/applet"
)

// TestAppletsThatTheReferenceLacks checks the applets and options that Debian's busybox is built without, against what
// Alpine's busybox, coreutils and POSIX say.
func TestAppletsThatTheReferenceLacks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the applets run natively on linux/amd64 alone")
	}
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no shell to run the scripts")
	}
	bin := links(t, build(t), applet.Names())
	help := helpTexts(t, bin)
	for _, c := range []struct{ script, want string }{
		{`printf 'a\nb\nc\n' > f; printf 'b\nc\nd\n' > g; comm f g; comm -12 f g; comm -3 f g`, "a\n\t\tb\n\t\tc\n\td\nb\nc\na\n\td\n"},
		{`printf 'a b\nb c\n' | tsort`, "a\nb\nc\n"},
		{`printf 'a b\nb a\n' | tsort; echo $?`, "tsort: cycle at a\na\nb\n1\n"},
		{`seq 7 > f; split -l 3 f; ls; cat xac`, "f\nxaa\nxab\nxac\n7\n"},
		{`printf abcdef | split -b 4 -a 1 - p; cat pb`, "ef"},
		{`echo x > f; install -m 640 f g; stat -c %a g; install -d a/b; install -D f c/d/e; find a c | sort`, "640\na\na/b\nc\nc/d\nc/d/e\n"},
		{`env -i A=1 B=2 printenv B; env -i printenv A; echo $?`, "2\n1\n"},
		{`printf abc | cksum; printf abc > f; cksum f`, "1219131554 3\n1219131554 3 f\n"},
		{`printf abc | crc32`, "352441c2\n"},
		{`echo $(($(nice -n 3 nice) - $(nice)))`, "3\n"},
		{`nohup echo hi; nohup nosuch; echo $?`, "hi\nnohup: can't execute 'nosuch': No such file or directory\n127\n"},
		{`sleep 97 & pgrep -P $$ -x sleep | grep -c .; pkill -KILL -P $$ -x sleep; wait; pgrep -P $$ -x sleep; echo $?`, "1\n1\n"},
		{`printf '1K\n2M\n3\n' | sort -h`, "3\n1K\n2M\n"},
		{`seq 3 | sed -n l; seq 5 | sed '2~2d'; seq 3 | sed '0,/1/d'; echo ab | sed 's/\(a\)b/\U\1/'`, "1$\n2$\n3$\n1\n3\n5\n2\n3\nA\n"},
		{`printf 'a\0b\0' | sed -z s/a/x/ | tr '\0' '\n'; seq 2 | sed q5; echo $?`, "x\nb\n1\n5\n"},
		{`mkdir -p d/e; touch d/e/f; find d -delete; ls`, ""},
		{`echo a > f; tar czf x.tgz f; tar tzf x.tgz; rm f; tar xf x.tgz; cat f; tar cf y.tar --exclude f f x.tgz; tar tf y.tar`, "f\na\nx.tgz\n"},
		{`seq 50 > f; mkdir d; cp f d/g; for z in -j -J -z --lzma; do tar -c $z -f x.tar f d && tar tf x.tar && rm -r f d; tar xf x.tar; cat f d/g | md5sum; done`,
			strings.Repeat("f\nd/\nd/g\ne11cddbd8b7bd5d5ee1b60635bbe54b7  -\n", 4)},
		{`seq 9 > f; xz f; ls; xzcat f.xz | tail -n 1; xz -d f.xz; lzma -k f; lzcat f.lzma | tail -n 1; ls`, "f.xz\n9\n9\nf\nf.lzma\n"},
		{`printf 'f\n' > l; echo a > f; tar cf x.tar -T l; tar tf x.tar; tar xf x.tar nox; echo $?`, "f\ntar: nox: not found in archive\n1\n"},
		{`seq 3 > f; truncate -s +2 f; stat -c %s f; truncate -s -4 f; stat -c %s f`, "8\n4\n"},
		{`nosuch() { :; }; busybox --list | head -n 2; busybox echo hi; busybox nosuch; echo $?`, "[\n[[\nhi\nnosuch: applet not found\n127\n"},
		{`awk '{print}' nox; echo $?; awk 'BEGIN{print index("abc","c")}'`, "awk: nox: No such file or directory\n1\n3\n"},
		{`seq 20 | grep -2 10 | head -n 1; mkdir d; echo foo > d/a; cd d; grep -r foo`, "8\na:foo\n"},
		{`printf 'a\n1\n' > f; paste f - < f`, "a\ta\n1\t1\n"},
	} {
		if got := script(t, bin, help, c.script); got != c.want+"[exit status 0]" && got != c.want+"[exit status 1]" {
			t.Errorf("%s\n--- got\n%s\n--- want\n%s", c.script, got, c.want)
		}
	}
}

// TestTarRefusesToLeaveTheDirectory unpacks an archive whose names lead out of the directory.
func TestTarRefusesToLeaveTheDirectory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the applets run natively on linux/amd64 alone")
	}
	bin := links(t, build(t), applet.Names())
	got := script(t, bin, strings.NewReplacer(), `mkdir -p in/x out; echo bad > in/x/evil; ln -s ../../out in/lnk; cd in/x; tar cf ../../a.tar ../x/evil /etc/hostname ../lnk 2>/dev/null; cd ../..
cd out; mkdir deep; cd deep; tar xf ../../a.tar 2>/dev/null; find . | sort; ls ../..`)
	if !strings.HasPrefix(got, ".\n./etc\n./etc/hostname\n./lnk\n") || strings.Contains(got, "../") {
		t.Errorf("unpacked:\n%s", got)
	}
}
