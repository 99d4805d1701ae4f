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
	// scripts in files
	"printf 'cd /nosuch\\n\\nfoo\\nreadonly r=1\\nr=2\\necho no\\n' > s.sh; sh s.sh; echo $?; sh ./s.sh; . ./s.sh; echo no",
	"printf 'f() {\\n  nosuch\\n}\\nf\\n< nosuch\\necho ${x?msg}\\n' > s.sh; sh s.sh; echo $?; sh nosuch.sh; echo $?",
	"printf 'echo a\\nif true; then\\necho b\\n' > s.sh; sh s.sh; echo $?; sh -n s.sh; echo $?; printf 'echo v\\n' > v.sh; sh -v v.sh; sh -x v.sh; sh -e -c 'false; echo no'; echo $?",
	`f() { local x; echo ${x-unset}; local y=1 z=$y; echo $z; }; x=1; f; echo $x`,
	`f() { local a=1; g; }; g() { echo ${a-none}; a=2; }; f; echo ${a-gone}`,
	`f() { local IFS=:; set -- $1; echo $#; }; f a:b; set -- $(echo a:b); echo $#`,
	`x=a; f() { x=b g; echo $x; }; g() { echo $x; x=c; }; f`,
	`export X=1; f() { local X=2; env | grep ^X=; }; f; env | grep ^X=`,
	`set -- "a b" c; f() { echo "$#:$*"; set -- x y z; echo $#; }; f "$@"; echo $#`,
	`for i in a b; do case $i in a) continue;; esac; echo $i; done; i=0; while :; do i=$((i+1)); [ $i -eq 3 ] && break; done; echo $i`,
	`while read -r a b; do echo "$a:$b"; done <<E | sort
x 1 2
w 3
E`,
	`if ! grep -c x < /dev/null; then echo none; fi`, `{ echo 1; echo 2; } | { read a; read b; echo $b$a; }`,
	`x=$(cat <<'E'
a "b" $c
E
); echo "$x"`,
	`cat <<E | tr a-z A-Z
hello $(echo world) \$x
E
echo after`,
	`echo "$(cat <<E
nested
E
)"`,
	`cat <<"A B"
x $y
A B
cat <<''
empty

echo end`,
	"cat <<E\n${x:-a} `echo q` $((1 + 2)) \\\\ \\` \\a\nE",
	`x=5; case $x in [0-9]) echo digit;; esac; case abc in [[:alpha:]]*) echo alpha;; esac; case - in [a-]) echo dash;; esac; case ']' in []]) echo br;; esac; case a in [^a]) echo no;; *) echo neg;; esac`,
	`case "$(echo x)" in (x) echo paren;; esac; case a in a|b|c) echo alt;; esac; case "" in "") echo empty;; esac; case ab in "a"*) echo q;; esac`,
	`x='[a]'; case a in $x) echo pat;; esac; case '[a]' in "$x") echo lit;; esac; y='a?c'; case abc in $y) echo y;; esac; case 'a*' in a\*) echo esc;; esac`,
	`x=/a/b/c; echo ${x%/*} ${x##*/} ${x#/} ${x%%/*}- ${x%c} ${x#*b}; y=a.tar.gz; echo ${y%%.*} ${y#*.}; z=aaa; echo ${z%a} ${z%%a*}- ${z#a}`,
	`x='a b c'; echo ${x% *} "${x#* }" ${x%% *}; p='?'; echo ${x#$p} "${x#"$p"}"`,
	`unset a; echo ${a:-${b:-${c:-deep}}} "${a:-"q  q"}" ${a:-'s  s'} ${a:+x}${a-y}`,
	`set -- 1 2 3 4 5 6 7 8 9 10 11; echo $10 ${10} ${11} ${#}; shift 9; echo $1 $#`,
	`echo ${#x} ${#HOME} "${#}"; x=äöü; echo ${#x} >/dev/null`,
	`i=5; echo $((i++ + ++i)) $i $((i--)) $((-i)) $((+i)) $((i<10&&i>1)) $((i==6?100:200)) $((i,7)) $((~0)) $((!i)) $((i%4)) $((i*-1))`,
	`echo $(( 0x1F + 017 + 2#101 )) $((  1
+ 2 )) $((1<2)) $((2>=2)) $((1!=1)) $((6&3|8^1)) $((1<<2>>1)); x=; echo $((x+1)); echo $(($x+1))`,
	`a=1; a=$((a+=2)) ; echo $a; : $((b=5)); echo $b; echo $((a>b?a:b)); echo $(( (1+2) * (3-4) ))`,
	`true | false; echo $?; false | true; echo $?; ! false | true; echo $?; echo x | ! cat; echo $?`,
	`(exit 2) && echo no; (exit 2) || echo or; { exit 3; }; echo no`, `f() { exit 4; }; (f); echo $?; f; echo no`,
	`trap 'echo e1' EXIT; trap 'echo e2' EXIT; exit`, `trap 'exit 5' EXIT; exit 3`, `trap 'echo $?; false' EXIT; (exit 6)`, `f() { trap 'echo fe' EXIT; }; f; echo x`,
	`trap 'echo caught; trap - TERM' TERM; kill -TERM $$; echo on; kill -TERM $$; echo no`,
	`trap 'echo hup' HUP; trap; trap HUP; trap; trap 'x' 1 2 15; trap; trap - 1 2 15; trap; trap '' QUIT; trap`,
	`trap "echo 'it''s'" USR2; trap; kill -USR2 $$`, `(kill -KILL $(sh -c 'echo $PPID')); echo $?`, `sh -c 'trap "exit 7" TERM; kill $$; sleep 1'; echo $?`,
	`exec 3>&1; echo a >&3; (echo b >&3) | cat; x=$(echo c >&3; echo d); echo $x; exec 3>&-`,
	`echo a 1>&2 2>/dev/null; echo b 2>&1 >/dev/null; ls_() { echo o; echo e >&2; }; ls_ 2>&1 >/dev/null | cat; ls_ >f 2>&1; cat f`,
	`{ echo a; } > f; { cat; } < f; if true; then echo if; fi > g; cat g; for i in 1 2; do echo $i; done > h; cat h; while read x; do echo "r$x"; done < h`,
	`f() { echo body; } > out; f; cat out; f > other; cat other; cat out`,
	`echo one > f; exec < f; read x; echo $x; read y; echo $?`, `exec > f; echo hidden; exec >&2; cat f`, `exec 5<>rw; echo data >&5; cat rw; exec 5>&-`,
	`: > empty; [ -s empty ] || echo zero; [ -e empty ] && echo there; > empty2; [ -f empty2 ] && echo made`,
	`echo "a'b" 'c"d' "e\"f" 'g\h' i\'j "k
l"`,
	`set -u; f() { echo "$#" "$@" "$*"; }; f; echo "${1-none}"; echo "${x:-d}"; unset y; echo $y; echo no`,
	`set -ue; x=1; echo $x; y=$(echo $x); echo $y; z=$((x+1)); echo $z; echo $undefined`,
	`set -a; V=1; env | grep ^V; set +a; W=1; env | grep ^W; echo $?`, `set -f; echo * ; set +f; set -n; echo no`,
	`set -o errexit; set -o | grep errexit; set +o errexit; set +o | grep -c set`,
	`eval "a=1; b=\$a"; echo $b; eval 'echo "$1"' x; set -- y; eval 'echo $1'; eval exit 3; echo no`,
	`cmd='echo a b'; $cmd; "$cmd"; echo $?; e=; $e echo empty; $e; echo $?; x="echo 'q r'"; $x`,
	`$(echo echo sub); $(true); echo $?; $(false); echo $?; $(exit 5); echo $?; x=1 $(exit 6); echo $?`,
	`command -v if; command -V echo; command exit 3; echo no`, `command cd /tmp && pwd; command :; command nosuch; echo $?`,
	`type if while : . eval true [ printf read`,
	`getopts a: x -a; echo $x; OPTIND=1; getopts :a: x -a; echo $x $OPTARG; OPTIND=1; getopts ab x -ab; echo $x; getopts ab x -ab; echo $x; getopts ab x -ab; echo $? $x`,
	`read a b c <<E
1 2 3 4 5
E
echo "$a|$b|$c"; IFS=, read a b <<E
x,y z,w
E
echo "$a|$b"; read -r a <<E
back\slash
E
echo "$a"; read a <<E
con\
tinued
E
echo "$a"`,
	`printf '%s|' a b c; echo; printf '%s %s|' a b c; echo; printf '%5.1s|%-5s|%05d|%+d|% d|%#x|%#o|%e\n' abc ab 42 7 7 255 8 1.5; printf '%%|%c%c|\n' abc def; printf '%i\n' 42; printf '%u\n' 7; printf '\x41\101\n'; printf '%b' 'x\ny\n'; printf '%s\n'`,
	`printf '%s\n' -- a; printf -- '-x\n'; printf '%.3d|%5.3d|%-8.2f|%g|%G\n' 5 7 3.14159 1e10 1e-10; printf '%X %x\n' 255 -1; printf '%10s|%-10s|\n' é é`,
	`test 010 -eq 10 && echo dec; [ " 5" -eq 5 ] && echo sp; [ -5 -lt 0 ] && echo neg; [ a \< b ] && echo lt; [ "" ] || echo empty; [ "(" = "(" ] && echo par; [ ! -f x -a ! -d y ] && echo and; [ -f x -o -n y ] && echo or`,
	`umask 022; touch a; mkdir b; umask 077; touch c; sh -c umask; (umask 0); umask; umask -S`,
	`pwd; cd ..; cd "$OLDPWD"; pwd; mkdir x; cd x; cd ../x; pwd; cd .; pwd; cd ./..; pwd; cd -; HOME=/tmp; cd; pwd; cd ''; echo $?`,
	`(sleep 0; exit 3) & wait $!; echo $?; wait; echo $?`,
	`sh -c 'echo $#; echo "$@"' a b c; sh -c 'echo $0'; sh -c 'echo "$1"' -- -x; echo 'echo "$1"' > s; sh s -- x; sh s -x; sh -- s y`,
	`sh -c ''; echo $?; sh -c 'exit'; echo $?; sh </dev/null; echo $?; echo | sh; echo $?; sh -c; echo $?; sh -Z; echo $?`,
	`sh -eu -c 'echo $-' | grep -c e; sh -ec 'false; echo no'; echo $?; sh +e -c 'false; echo yes'; sh -o pipefail -c 'false|true'; echo $?`,
	`a() { b; }; b() { c; }; c() { return 9; }; a; echo $?; f() { for i in 1 2 3; do [ $i = 2 ] && return $i; done; }; f; echo $?; g() { while :; do return 4; done; }; g; echo $?`,
	`f() { echo "$1"; [ $1 -gt 0 ] && f $(($1-1)); return 0; }; f 3; f() { unset -f f; echo once; }; f; f; echo $?`,
	`fib() { if [ $1 -lt 2 ]; then r=$1; else fib $(($1-1)); local a=$r; fib $(($1-2)); r=$((a+r)); fi; }; fib 10; echo $r`,
	`if true; then if false; then echo a; else echo b; fi; elif true; then echo c; fi; if false; then :; elif false; then :; else echo d; fi`,
	`while false; do :; done || echo x; until true; do :; done && echo y; for i in; do :; done; echo $?; for i in 1; do false; done; echo $?`,
	`{ { echo nested; }; }; ( ( echo sub ) ); { (echo a); echo b; }; (cd /tmp; pwd); pwd`,
	`a='x y'; b="$a"; c=$a; d=$a$a; echo "$b|$c|$d"; e=$(echo "  p  q  "); echo "[$e]" [$e]; f=*; echo "$f"`,
	`x=1 y=$x; echo $y; x=2 y=$x :; echo $y; z=${z:-a}${z:-b}; echo $z; A=1 sh -c 'echo $A'; A=1; sh -c 'echo ${A-no}'`,
	`echo -- -n; echo "-n"; echo -nn x; echo; echo -e; echo -ex; echo -n; echo "" ""; echo \\n; echo -e '\n\t\\' '\0101' '\x41' '\e[0m' | wc -c`,
	`kill -0 $$ && echo alive; kill -s TERM 999999; echo $?; kill -l TERM INT; kill -l 130; kill -9; kill -x 1; kill %1; echo $?`,
	`hash; hash -r; unset HOME; cd; echo $?; echo ~; HOME=/h; echo ~ ~/x`, `unset PATH; nosuch; echo $?`, `PATH=/nonexistent cat </dev/null; echo $?`,
	`a=1;b=2;c=$((a+b));echo $c;if [ $c -eq 3 ];then echo three;fi;for i in 1 2;do echo $i;done;f(){ echo f;};f;case $a in 1)echo one;;esac`,
	`echo a \
b; echo "c \
d"; if true &&
true; then echo e; fi; echo f |
cat; x=1 \
y=2; echo $x$y`,
	`# comment
echo a # trailing
echo 'b # not' "c # not" d#not
: # x
echo $# $#`,
	`! :; echo $?; ! { false; }; echo $?; if ! false; then echo nf; fi; ! (exit 3); echo $?; ! false && echo y`,
	`yes | head -n 3 | while read x; do echo "$x"; done; seq 1 5 | { head -n 2; cat >/dev/null; }; seq 1 100 | tr '\n' ' ' | wc -c`,
	`mkfifo p; (echo via fifo > p) & cat p; wait; cat < p & echo second > p; wait`, `touch 'a b' 'c*d' ./-x; for f in *; do echo "[$f]"; done; echo c*; echo c\*; echo "c*"; rm -- -x 2>/dev/null; echo ./*`,
	`mkdir -p a/b/c; touch a/x a/b/y a/b/c/z a/.h; echo a/*; echo a/*/*; echo a/b/*/z; echo */b; echo a/.*h; echo a/[xy] a/[!x]; echo a/nosuch*; echo "a/"*`,
}
