#!/bin/sh
# A build as CI runs it: checks out, configures, "compiles", tests, packs and reports. The bytes that it prints are the
# same under any POSIX shell with the usual tools; daemon/e2e compares them with busybox's.
set -eu

WORK=${WORK:-/tmp/ci-work}
export LC_ALL=C TZ=UTC
umask 022

step=0
started=""

log() {
	printf '%s\n' "[ci] $*"
}

begin() {
	step=$((step + 1))
	started="$started $1"
	log "--- step $step: $1"
}

die() {
	log "FATAL: $*" >&2
	exit 1
}

cleanup() {
	code=$?
	trap - EXIT
	log "cleanup after$started (exit $code)"
	rm -rf "$WORK"
	exit $code
}
trap cleanup EXIT
trap 'die interrupted' INT TERM

# ---------------------------------------------------------------- checkout
begin checkout
rm -rf "$WORK"
mkdir -p "$WORK/src/lib" "$WORK/src/cmd" "$WORK/src/test data" "$WORK/out"
cd "$WORK/src"

cat >README.md <<'EOF'
# Project	tabs
A `literal` $HERE doc with "quotes" and \backslashes\.
EOF
name=widget version=1.2.3
cat >config.ini <<EOF
[package]
name = $name
version = $version
built = $(echo "$version" | tr . _)
EOF
cat >config.tabbed <<-EOF
	first
	  second
	third $((6 * 7))
EOF
for i in 1 2 3 4 5 6 7 8 9 10; do
	{
		echo "// module $i"
		j=0
		while [ $j -lt $i ]; do
			echo "func f${i}_$j() int { return $((i * j)) }"
			j=$((j + 1))
		done
		[ $((i % 3)) -eq 0 ] && echo "// TODO: module $i" || true
	} >"lib/mod$i.src"
done
printf 'a,b,c\n1,2,3\n4,5,6\n' >"test data/table one.csv"
printf 'x\ty\n9\t8\n' >"test data/table two.tsv"
ln -s ../README.md lib/README
find . -type f | sort
log "$(find . -type f -name '*.src' | wc -l | tr -d ' ') sources"

# ---------------------------------------------------------------- configure
begin configure
get() {
	sed -n "s/^$1 = //p" config.ini
}
log "package $(get name) version $(get version) built $(get built)"
case "$(get version)" in
1.*) log "release series one" ;;
*) die "unexpected version" ;;
esac
cat config.tabbed
IFS=. read -r major minor patch <<EOF
$(get version)
EOF
log "major=$major minor=$minor patch=$patch"
: "${CI_MODE:=full}"
log "mode ${CI_MODE} upper-bound ${LIMIT:-none} length ${#CI_MODE} suffix ${version##*.} prefix ${version%%.*}"
[ -n "${UNSET_VARIABLE+x}" ] && die "set?" || log "unset is unset"

# ---------------------------------------------------------------- build
begin build
compile() {
	in=$1 out=$2
	lines=$(wc -l <"$in" | tr -d ' ')
	sum=$(sha256sum <"$in" | cut -c1-12)
	printf '%s %s %s\n' "$(basename "$in" .src)" "$lines" "$sum" >"$out"
}
for f in lib/*.src; do
	compile "$f" "../out/$(basename "$f" .src).o"
done
find ../out -name '*.o' -print0 | sort -z | xargs -0 cat | sort -k2,2n -k1,1
log "objects: $(find ../out -name '*.o' | xargs -n 4 echo | wc -l | tr -d ' ') batches"
(
	cd ../out
	for o in *.o; do
		mv "$o" "${o%.o}.obj"
	done
	ls | tr '\n' ' '
	echo
)
log "still in $(basename "$PWD")"

# ---------------------------------------------------------------- test
begin test
passed=0 failed=0
expect() {
	what=$1 want=$2
	shift 2
	if got=$("$@" 2>&1); then rc=0; else rc=$?; fi
	if [ "$got" = "$want" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		log "FAIL $what: got '$got' ($rc), want '$want'"
	fi
}
fails() {
	return 3
}
expect "echo" "a b" echo a b
expect "subshell" "sub" sh -c 'echo sub'
expect "pipeline status" "1" sh -c 'true | false; echo $?'
expect "negation" "0" sh -c '! false; echo $?'
expect "and-or" "yes" sh -c 'false || true && echo yes'
expect "grep" "TODO: module 9" sh -c "grep -ho 'TODO.*9' lib/*.src"
expect "grep -c" "3" sh -c "cat lib/*.src | grep -c TODO"
expect "csv" "5" awk -F, 'NR==3{print $2}' "test data/table one.csv"
expect "tsv" "17" awk '{s+=$1+$2} END{print s}' "test data/table two.tsv"
expect "cut" "b" sh -c "head -1 'test data/table one.csv' | cut -d, -f2"
expect "glob with spaces" "2" sh -c 'set -- "test data"/table*; echo $#'
expect "arith" "-7 2 1024" sh -c 'echo $((-14/2)) $((17%5)) $((1<<10))'
expect "printf" "007|  x|y  |%|A" printf '%03d|%3s|%-3s|%%|%b' 7 x y '\0101'
expect "tr" "HELLO" sh -c 'echo hello | tr a-z A-Z'
expect "fold" "$(printf 'abc\ndef')" sh -c 'echo abcdef | fold -w 3'
expect "here-string loop" "3:2:1:" sh -c 'r=; for i in 1 2 3; do r=$i:$r; done; echo $r'
expect "trap" "$(printf 'in\nout')" sh -c 'trap "echo out" EXIT; echo in'
expect "background" "done 5" sh -c '(exit 5) & wait $!; echo done $?'
expect "tee" "$(printf 'x\nx')" sh -c 'echo x | tee /dev/stderr'
expect "redirections" "err" sh -c '{ echo out; echo err >&2; } 2>&1 >/dev/null'
expect "exec fds" "via3" sh -c 'exec 3>&1; echo via3 >&3; exec 3>&-'
expect "command substitution nests" "a b" sh -c 'echo $(echo a $(echo b))'
expect "case" "match" sh -c 'case foo.tar.gz in *.zip|*.gz) echo match;; *) echo no;; esac'
expect "set --" "c b a" sh -c 'set -- a b c; echo $3 $2 $1'
expect "shift" "b 1" sh -c 'set -- a b; shift; echo $1 $#'
expect "getopts" "a:1 b " sh -c 'while getopts a:b o -a 1 -b; do printf "%s%s " $o ${OPTARG:+:$OPTARG}; done'
expect "unquoted star" "config.ini config.tabbed" sh -c 'echo config.*'
expect "test -nt" "newer" sh -c 'touch -d "2020-01-01 00:00:00" o; touch n; [ n -nt o ] && echo newer; rm o n'
expect "date" "2001-09-09 01:46:40" date -u -d @1000000000 '+%Y-%m-%d %H:%M:%S'
if fails; then die "fails did not"; else log "fails gave $?"; fi
log "passed $passed failed $failed"

# ---------------------------------------------------------------- package
begin package
cd "$WORK"
tar -cf out/src.tar src
tar -tf out/src.tar | sort
gzip -9 <out/src.tar >out/src.tar.gz
mkdir roundtrip
gunzip -c out/src.tar.gz | tar -xf - -C roundtrip
(cd src && find . -type f -exec sha256sum {} + | sort -k2) >out/want.sums
(cd roundtrip/src && find . -type f -print0 | xargs -0 sha256sum | sort -k2) >out/got.sums
cmp out/want.sums out/got.sums && log "round trip is the same"
log "link is $(readlink roundtrip/src/lib/README)"
md5sum <src/README.md

# ---------------------------------------------------------------- report
begin report
cat src/lib/*.src | sed -n 's/^func \(f[0-9]*\)_\([0-9]*\)() int { return \([0-9]*\) }$/\1 \2 \3/p' |
	awk '
	{ count[$1]++; total[$1] += $3; if ($3 > max) max = $3 }
	END {
		for (f in count) printf "%-4s %3d functions %6.1f mean\n", f, count[f], total[f] / count[f]
		printf "max %d\n", max
	}' | sort -k2,2n -k1,1
sed -e '/^#/d' -e 's/`\([a-z]*\)`/<\1>/' -e 'y/\\/\//' src/README.md
seq 1 20 | paste -d' ' - - - - | head -3
printf '%s\n' banana apple cherry apple | sort | uniq -c | sed 's/^ *//'
diff src/config.ini src/config.tabbed >out/diff || log "diff says $?"
grep -c '^[-+]' out/diff
log "finished with $passed checks"
exit $failed
