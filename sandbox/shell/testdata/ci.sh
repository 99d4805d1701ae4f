#!/bin/sh
# What a CI job runs: set up, build, test, report. It uses only the shell and a few programs, so that its output can be
# compared with a native shell's, byte for byte.
set -eu

PROJECT=${PROJECT:-demo}
BUILD_DIR=build
LOG=$BUILD_DIR/log
FAILED=0
PASSED=0
STEPS=""

# --- helpers -------------------------------------------------------------------------------------------------------

log() {
	level=$1
	shift
	printf '%-5s %s\n' "$level" "$*"
	printf '%s\n' "$level: $*" >>"$LOG"
}

die() {
	echo "fatal: $*" >&2
	exit 1
}

cleanup() {
	status=$?
	echo "cleanup after status $status"
	if [ -n "${KEEP-}" ]; then
		echo "keeping $BUILD_DIR"
	fi
	return 0
}
trap cleanup EXIT
trap 'echo interrupted; exit 130' INT TERM

need() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null 2>&1 || die "$tool is missing"
	done
}

step() {
	name=$1
	shift
	STEPS="$STEPS${STEPS:+ }$name"
	if "$@"; then
		log INFO "step $name ok"
	else
		rc=$?
		log ERROR "step $name failed with $rc"
		return $rc
	fi
}

join_by() {
	sep=$1
	shift
	out=
	for part in "$@"; do
		out="$out${out:+$sep}$part"
	done
	printf '%s\n' "$out"
}

upper() {
	printf '%s' "$1" | tr a-z A-Z
}

# --- set up --------------------------------------------------------------------------------------------------------

mkdir -p "$BUILD_DIR" src/lib src/app
: >"$LOG"
need cat sort grep tr wc head

for mod in alpha beta gamma; do
	cat >"src/lib/$mod.txt" <<MODULE
name=$mod
version=1.$((${#mod} - 3)).0
deps=$(join_by , core "$mod-utils")
MODULE
done

cat >src/app/main.txt <<'MAIN'
name=main
version=2.0.0
deps=alpha,beta,gamma
literal=$HOME `untouched` \$x
MAIN

cat >config.ini <<-'INI'
	[build]
	jobs = 4
	mode = release

	# a comment
	[test]
	filter = unit
	retries = 2
INI

# --- read a configuration -------------------------------------------------------------------------------------------

section=
while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	'' | '#'*) continue ;;
	'['*']')
		section=${line#[}
		section=${section%]}
		continue
		;;
	*=*)
		key=${line%%=*}
		value=${line#*=}
		key=${key%"${key##*[! ]}"}
		value=${value#"${value%%[! ]*}"}
		eval "cfg_${section}_${key}=\$value"
		;;
	*) die "bad line: $line" ;;
	esac
done <config.ini

echo "jobs=$cfg_build_jobs mode=$cfg_build_mode filter=$cfg_test_filter retries=$cfg_test_retries"
[ "$(upper "$cfg_build_mode")" = RELEASE ] || die "wrong mode"

# --- build ---------------------------------------------------------------------------------------------------------

field() {
	grep "^$2=" "$1" | { IFS== read -r _ v; printf '%s\n' "$v"; }
}

build_one() {
	src=$1
	base=${src##*/}
	base=${base%.txt}
	out=$BUILD_DIR/$base.o
	{
		echo "object $base"
		echo "version $(field "$src" version)"
		for dep in $(field "$src" deps | tr ',' ' '); do
			echo "needs $dep"
		done
	} >"$out"
	[ -s "$out" ]
}

build_all() {
	pids=
	for src in src/lib/*.txt src/app/*.txt; do
		build_one "$src" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || return 1
	done
}

step build build_all
for o in "$BUILD_DIR"/*.o; do
	printf '%s: ' "${o##*/}"
	wc -l <"$o"
done

# --- test ----------------------------------------------------------------------------------------------------------

check() {
	what=$1 want=$2 got=$3
	if [ "$want" = "$got" ]; then
		PASSED=$((PASSED + 1))
	else
		FAILED=$((FAILED + 1))
		log WARN "$what: want '$want', got '$got'"
	fi
}

tests() {
	check arithmetic 42 "$((6 * 7))"
	check length 5 "${#PROJECT}0" || :
	check suffix archive "$(f=archive.tar.gz; echo "${f%%.*}")"
	check default fallback "${UNDEFINED_VARIABLE:-fallback}"
	check pipeline 3 "$(printf '%s\n' c a b | sort | wc -l | tr -d ' ')"
	check sorted 'a b c' "$(echo $(printf '%s\n' c a b | sort))"
	check status 7 "$( (exit 7); echo $?)"
	check nested inner "$(echo "$(echo "$(echo inner)")")"
	check quoting 'a "b" $c' 'a "b" $c'
	check case matched "$(case foo.c in *.h) echo header ;; *.c) echo matched ;; esac)"
}
step test tests
log INFO "passed $PASSED, failed $FAILED"

retry() {
	max=$1
	shift
	n=1
	until "$@"; do
		[ "$n" -lt "$max" ] || return 1
		n=$((n + 1))
		echo "retry $n of $max"
	done
}

flaky() {
	count=$(cat "$BUILD_DIR/count" 2>/dev/null || echo 0)
	count=$((count + 1))
	echo "$count" >"$BUILD_DIR/count"
	[ "$count" -ge 2 ]
}
retry "$cfg_test_retries" flaky && echo "flaky passed at the end"

# --- report --------------------------------------------------------------------------------------------------------

report() {
	total=0
	printf '%-10s %-8s %s\n' module version deps
	for src in src/*/*.txt; do
		total=$((total + 1))
		printf '%-10s %-8s %s\n' "$(field "$src" name)" "$(field "$src" version)" "$(field "$src" deps)"
	done | sort
	echo "steps: $STEPS"
	while getopts 'vo:' opt -v -o out.txt rest; do
		case $opt in
		v) echo verbose ;;
		o) echo "output to $OPTARG" ;;
		esac
	done
	echo "total outside the pipeline: $total"
}
report | while IFS= read -r l; do echo "| $l"; done
report >"$BUILD_DIR/report"
cat "$BUILD_DIR/report"
grep -c deps "$BUILD_DIR/report"
( cd src && for d in */; do echo "dir $d"; done )
exec 3<"$LOG"
while read -r level rest <&3; do
	case $level in
	WARN:) echo "warned about ${rest%%:*}" ;;
	esac
done
exec 3<&-
sh -c 'echo "child sees ${EXPORTED-nothing}"'
EXPORTED=yes sh -c 'echo "child sees ${EXPORTED-nothing}"'
set +e
false
echo "status of false: $?"
set -e
KEEP=1
[ "$FAILED" -eq 1 ]
