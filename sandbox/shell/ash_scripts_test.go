package shell

// ashScripts are run by busybox and by us; output, errors and status must be the same.
var ashScripts = []string{
	// quoting and expansion
	`echo a\ b 'c d' "e f" a""b '' "" | cat`,
	`echo "a\$b\` + "`" + `c\"d\\e\f"`,
	`x='a  b'; echo $x "$x" '$x' "${x}"`,
	`x='a*b'; echo "$x"; touch a1b; echo $x`,
	`set -- a 'b c' d; for i in "$@"; do echo "[$i]"; done; for i in $*; do echo "<$i>"; done; for i in "$*"; do echo "{$i}"; done`,
	`set --; for i in "$@"; do echo no; done; echo $#; echo "x$@y"`,
	`set -- a b; echo "x$@y" x$@y "${@}"`,
	`set -- 'a b' c; for i in ${1+"$@"}; do echo "[$i]"; done; for i in "${@:-}"; do echo "($i)"; done`,
	`IFS=:; x=a:b::c:; set -- $x; echo $#; for i; do echo "[$i]"; done`,
	`IFS=' :'; x=' a : b:c  '; set -- $x; echo $#; for i; do echo "[$i]"; done`,
	`IFS=; x='a b'; set -- $x; echo $#`,
	`IFS=,; set -- a b c; echo "$*"; IFS=; echo "$*"; unset IFS; echo "$*"`,
	`x=abc; echo ${x:-d} ${y:-d} ${y-e} ${x:+f} ${y:+f} "${y:=g}" $y ${#x}`,
	`x=; echo "${x:-null}" "${x-unset}" "${x+set}" "${x:+notnull}"`,
	`p=/usr/lib/libfoo.so.1; echo ${p#*/} ${p##*/} ${p%.*} ${p%%.*} ${p%/*}`,
	`x='*a*'; y='*'; echo "${x#"$y"}" "${x#$y}" "${x##$y}"`,
	`x=foobarfoo; echo ${x/foo/X} ${x//foo/X} ${x/o*/Y} ${x//o/}`,
	`x=abcdef; echo ${x:2} ${x:1:3} ${x:0:0}. ${x: -2}`,
	`echo ~ ~root ~/x "~" a~ ~nosuchuser x=~`,
	`x=~:~/b; echo $x`,
	`echo $((1+2*3)) $((7/2)) $((-7/2)) $((7%3)) $((1<<4)) $((0x10)) $((010)) $((5>3)) $((1?2:3)) $((!0)) $((~5))`,
	`x=5; echo $((x+1)) $(($x*2)) $((x++)) $x $((x+=10)) $x $((++x)) $((x--)) $((y)) $((x=3,x*2))`,
	`x='1+2'; echo $((x*3))`,
	`echo $((1&&0)) $((1||0)) $((0||0)) $((5&3)) $((5|3)) $((5^3)) $((2**10))`,
	`echo $((9223372036854775807+1)) $((-9223372036854775807-1))`,
	`echo "$(echo 'a  b')" $(echo 'a  b') ` + "`echo x \\`echo y\\``",
	`x=$(printf 'a\n\n\n'); echo "[$x]"`,
	`x=$(false); echo $?; x=$(exit 3) ; echo $?`,
	`echo $(echo "$(echo "a b")")`,
	`touch a b .c; echo *; echo .*; echo [ab] [!a] ?; echo x*; echo "*"`,
	`mkdir -p d/e; touch d/x d/e/y; echo d/* d/*/y */x ./* d//*`,
	`set -f; echo *`,
	`echo a{b,c}d {1..3}`,
	`x=1; unset x; echo ${x-unset}; x=2; (unset x; echo ${x-gone}); echo $x`,
	`a=1 b=2 env | grep '^[ab]=' | sort; echo $a$b`,
	`export E=1; env | grep ^E=; F=2; env | grep ^F=; export F; env | grep ^F=`,
	`x=a; x=b echo $x; echo $x; x=c true; echo $x; x=d :; echo $x`,
	`readonly r=1; echo $r; (r=2); echo $?; unset r; echo no`,
	`echo ${x?}; echo no`, `echo ${x:?oops}; echo no`, `set -u; echo ${x-ok}; echo $x; echo no`,
	`echo "a
b"; echo 'c
d'; echo e\
f`,
	`echo $'a\tb\x41\101\n'`,
	`x='a\b'; echo "$x" $x`,
	`echo "${x:-a b}" ${x:-a b} ${x:-"a  b"} "${x:-"q r"}"`,
	`for i in ${x:-a b 'c d'}; do echo "[$i]"; done`,
	`x="a b"; y=$x; echo "$y"; for i in $x$x; do echo "[$i]"; done`,
	`case "a b" in "a b") echo q;; esac; case '*' in \*) echo star;; esac; case x in [a-w]) echo no;; [!y]) echo yes;; esac`,
	`case abc in a?c) echo 1;; esac; case a in b|a) echo 2;; esac; case / in */*) echo 3;; esac; x='a*'; case abc in "$x") echo no;; $x) echo 4;; esac; echo $?`,
	`case x in y) false;; esac; echo $?`,
	// commands and flow
	`true && echo a || echo b; false && echo a || echo b; ! true; echo $?; ! false; echo $?`,
	`if false; then :; fi; echo $?; while false; do :; done; echo $?`,
	`for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done`,
	`for i in 1 2; do for j in a b; do [ $j = b ] && continue 2; echo $i$j; done; done; for i in 1 2; do while :; do break 2; done; done; echo $i`,
	`i=0; until [ $i -ge 3 ]; do i=$((i+1)); done; echo $i`,
	`while read a b; do echo "$b-$a"; done <<E
1 2 3
x y
E`,
	`{ echo a; echo b; } | cat; (echo c; exit 4); echo $?`,
	`f() { echo $1; shift; echo $1 $#; return 7; }; f x y z; echo $? $#`,
	`f() { local a=1 b; a=2; echo $a; }; a=0; f; echo $a`,
	`f() { return; }; false; f; echo $?; g() { (exit 9); }; g; echo $?`,
	`f() { echo "$@"; }; f a "b c"; f() { echo new; }; f; unset -f f; f`,
	`fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }; fact 10`,
	`function foo { echo foo; }; foo`,
	`echo 1; return 2; echo no`, `exit 3; echo no`, `(exit 300); echo $?`,
	`set -e; false || true; if false; then :; fi; ! true; echo ok; false; echo no`,
	`set -e; f() { false; echo inf; }; f || echo caught; (false; echo sub) || echo c2; f; echo no`,
	`set -e; x=$(false); echo no`, `set -e; false | true; echo pipe; true | false; echo no`,
	`set -o pipefail; false | true; echo $?; true | true; echo $?; (exit 3) | (exit 4) | true; echo $?`,
	`set -e; { false; } ; echo no`, `set -e; while true; do false; done; echo no`,
	`set -e; [ 1 = 2 ] && echo x; echo still`,
	`trap 'echo bye $?' EXIT; echo hi; exit 3`, `trap 'echo bye' EXIT; (echo sub); echo end`,
	`trap 'echo t' USR1; kill -USR1 $$; echo after; trap - USR1; trap`,
	`trap '' TERM; kill -TERM $$; echo alive; trap`,
	`(trap 'echo sub' EXIT; echo in); echo out`,
	`trap 'echo int; exit 9' INT; kill -INT $$; echo no`,
	`eval 'echo a; x=5'; echo $x; eval; echo $?; eval "echo 'q  r'"`,
	`echo 'echo sourced $1; y=3; return 4' > s.sh; . ./s.sh; echo $? $y; . ./s.sh arg`,
	`. ./nosuch; echo no`,
	`cd /tmp; pwd; cd -; cd nosuchdir; echo $?; cd /; cd tmp/..; pwd; echo $OLDPWD`,
	`base=$PWD; mkdir -p a/b; ln -s a/b l; cd l; pwd; cd ..; pwd; cd -P l; pwd; cd -; cd $base; CDPATH=$PWD/a; cd b; pwd`,
	`set -- a b c; shift; echo $*; shift 2; echo $#; shift; echo $?`,
	`set -- -a -b val -c x y; while getopts ab:c o; do echo "$o:$OPTARG"; done; shift $((OPTIND-1)); echo "$@"`,
	`set -- -x; while getopts ab: o; do echo "$o:$OPTARG"; done; set -- -b; OPTIND=1; while getopts :ab: o; do echo "$o:$OPTARG"; done`,
	`set -- -ab1 -- -c; while getopts ab:c o; do echo "$o:$OPTARG $OPTIND"; done; echo $OPTIND`,
	`x=$(set -x; echo a 'b c' 2>&1); echo "$x"; set -x; y=1; echo $y "q r"; for i in 1; do :; done`,
	`type echo cd if nosuch; command -v echo; command -v nosuch; echo $?; f() { :; }; command -v f; type f`,
	`alias ll='echo alias'
ll x
unalias ll
ll`,
	`command echo hi; echo() { printf 'fn\n'; }; echo a; command echo b`,
	`umask 027; umask; umask -S; touch f; umask u=rwx,g=,o=; umask`,
	`x=1; exec 3>out; echo to3 >&3; exec 3>&-; cat out; echo bad >&3; echo $?`,
	`exec 4<<E
line1
line2
E
read a <&4; read b <&4; echo $a $b`,
	`echo out; echo err >&2`, `{ echo o; echo e >&2; } 2>&1 | sort`, `{ echo o; echo e >&2; } 2>/dev/null`, `(echo a; echo b >&2) >f 2>&1; cat f`,
	`echo x > f; echo y >> f; cat f; cat < f > g; cat g; echo z >| f; set -C; echo w > f; cat f`,
	`cat <nosuch; echo $?; echo >nosuch/x; echo $?; : <nosuch; echo no`,
	`echo a >&- ; echo $?`, `read x <&-; echo $?`,
	`cat <<'E'
$x \$y ` + "`z`" + `
E
cat <<-E
	tab $((1+1))
		two
	E
cat <<E
a\
b \$x "q" 'r' \\ \"
E`,
	`cat <<A; cat <<B
one
A
two
B`,
	`f() { cat <<E
in f $1
E
}; f 1; f 2`,
	`while read l; do echo "[$l]"; done <<E
  lead
a\
b
c\\d
E`,
	`printf '  a b  \n' | { read x; echo "[$x]"; }; printf 'a:b:c\n' | { IFS=: read x y; echo "$x-$y"; }; printf 'a\\tb\n' | { read -r x; echo "$x"; }; printf 'x' | { read v; echo $? $v; }`,
	`printf 'a b c\n' | { read x y; echo "$x|$y"; }; printf ' a  b  c  \n' | { read x y; echo "$x|$y|"; }; printf 'a:b:\n' | { IFS=: read x y; echo "$x|$y|"; }; printf 'a:b::\n' | { IFS=: read x y; echo "$x|$y|"; }`,
	`printf '%s-%d-%5s|%-5s|%05d|%x|%o|%c|%%\n' a 42 b c 42 255 8 xyz; printf '%s\n' a b c; printf 'no newline'; printf '\n%b\n' 'a\tb\0101'; printf '%5.2f|%e|%g\n' 3.14159 1000 0.0001; printf '%d\n' 0x1f 010 "'A"; printf '%s %s\n' a`,
	`printf '%d\n' abc; echo $?; printf '\101\x42\n'; printf 'a\cb'; printf '%*d|%-*d|\n' 5 1 4 2`,
	`echo -n a; echo -e 'b\tc'; echo -ne 'd\n'; echo -x; echo - a; echo -e 'x\cy'; echo 'a\nb'; echo -E 'a\n'`,
	`[ a = a ] && [ a != b ] && [ -n x ] && [ -z '' ] && [ 1 -lt 2 ] && [ ! a = b ] && [ a = a -a b = b ] && [ a = b -o b = b ] && [ \( a = a \) ] && echo ok; [ ]; echo $?; [ x ]; echo $?; [ 1 -eq x ]; echo $?; [ a = ; echo $?; test -f f; echo $?; [ = = = ]; echo $?; [ ! ]; echo $?; [ -n ]; echo $?; test a b; echo $?`,
	`touch f; mkdir d; ln -s f l; for t in -e -f -d -r -w -x -s -L -h -p -S -b -c -u -g -k -O -G; do for x in f d l; do test $t $x && echo "$t $x"; done; done; [ f -ef l ] && echo same; [ -t 0 ] || echo notty`,
	`[[ -f x || 1 -lt 2 ]] && echo y; [[ abc == a* ]] && echo glob`,
	`let 'x=3*4'; echo $x; let x-=12; echo $?`,
	`echo ${#} $# $?; sh -c 'echo $0 $1 $#' name arg; sh -c 'echo $0'`,
	`sh -c 'exit 3'; echo $?; sh -c 'kill -9 $$'; echo $?; sh -c 'kill -TERM $$'; echo $?`,
	`echo 'echo script $0 $1' > s; chmod +x s; ./s arg; echo '#!/bin/sh
echo shebang $1' > t; chmod +x t; ./t x; ./nosuch; echo $?; ./s.nox; touch p; ./p; echo $?; /; echo $?`,
	`sleep 0 & wait; echo $?; (exit 5) & wait $!; echo $?; wait 99999; echo $?; false & true & wait; echo $?`,
	`{ sleep 0; echo bg; } & wait; echo fg`,
	`x=0; echo a | while read l; do x=1; done; echo $x`,
	`echo $((`, `if`, `fi`, `echo "unterminated`, `( echo`, `{ echo; `, `for`, `echo a; fi`, `echo 'x`, `a() { `, `;;`, `&`, `| cat`, `echo ${`, `echo )`,
	`echo 1
fi
echo 2`,
	`exec nosuchcmd; echo no`, `exec echo replaced; echo no`, `exec 2>&1; nosuchcmd`,
	`cd /nosuch`, `shift x`, `exit x`, `return x`, `unset 1x`, `set -Z`, `readonly 1a`, `umask 9`, `break x`, `local x`, `kill`, `kill -FOO 1`, `kill 999999`, `wait x`, `fg`, `bg`, `trap x FOO`, `ulimit -Z`, `alias nosuch`, `unalias nosuch`, `type nosuch`, `hash nosuch`, `read 1x </dev/null`, `getopts`, `. `, `command -v`, `printf`, `jobs`, `times >/dev/null`, `[ 1 -gt 2`,
	`echo $((1/0)); echo no`, `echo $((1+)); echo no`, `echo $((a b))`, `: $((08))`,
	`x=1; f() { x=2; }; f | cat; echo $x`,
	`: ${x:=a b}; echo "$x"; : ${y=c}; echo $y`,
	`echo ${x-a}${y-b}"c"'d'e`, `a=b; echo $a$a"$a"${a}c`,
	`echo a#b #c`, `echo "#x" \#y`, `# only a comment`, ``, `   `, `;`, `echo a;`, `echo a & wait`,
	`set a b c; echo $2; set -- ; echo $#; set -; set x; echo $1`,
	`f() ( echo sub; x=9 ); x=1; f; echo $x`, `f() if true; then echo yes; fi; f`,
	`for x do echo $x; done; set 1 2; for x do echo $x; done; for x in; do echo no; done`,
	`echo $-; set -eu; echo $-; set +e; echo $-`,
	`echo "$IFS" | wc -c; echo "$PS4"; echo $OPTIND; echo $PPID | grep -c '^[0-9]'`,
	`printf '%s\n' "$(printf 'a\nb\n')" "$(printf 'x')"`,
	`a=$(cat <<E
in subst
E
); echo $a`,
	`echo $(( $(echo 3) + ${x:-4} ))`, `x=3; echo $((x == 3 ? x * 2 : 0))`,
	`yes | head -n 2`, `echo a | (cat; echo b) | { cat; echo c; }`,
	`seq 1 3 | while read x; do echo "n$x"; done | cat`,
	`set -x; [ a = b ] || case x in x) echo hi;; esac`,
	`true; echo $_ >/dev/null; echo ok`,
	`cat /dev/null && echo empty; echo x >/dev/null; echo $?`,
	`v=x; eval "\$v=1" ; echo $?`, `eval 'fi'; echo no`, `eval 'echo "'; echo no`,
	`f() { f2 "$@"; }; f2() { echo $#; }; f "a b" c`,
	`x="1 2 3"; set -- $x; echo $3; set -- "$x"; echo $#`,
	`echo a ; echo b ;# c`, `echo "\a\b" '\\' "\\"`,
	`x='"'"'"'; echo $x; y="'"'"'; echo $y`,
	`kill -l 9 TERM 143; kill -l | head -n 1`,
	`sleep 5 & kill $!; wait $!; echo $?`,
	`sh -c 'echo $1' sh "a  b"; sh -s a b <<E
echo \$1 \$2
E`,
	`echo 'exit 7' | sh; echo $?`,
	`n=0; while [ $n -lt 1000 ]; do n=$((n+1)); done; echo $n`,
	`test -e /dev/null && echo e; test -c /dev/null && echo c; test / -nt nosuch; echo $?; test nosuch -ot /; echo $?`,
}
