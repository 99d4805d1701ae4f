#!/bin/sh
# After the files are there. Arguments: deb "configure [OLD VERSION]", rpm the number of versions installed (1: the first).
# It may run any number of times, and where systemd is not running (an image being built).
set -e

case "$1" in
configure) [ -z "$2" ] && first=1 || first= ;;
abort-*) exit 0 ;;
1) first=1 ;;
*) first= ;;
esac

systemd-sysusers sockerless.conf

running=
[ -d /run/systemd/system ] && running=1
[ -z "$running" ] || systemctl daemon-reload || true

# The distribution's preset decides whether the socket starts at boot (Debian: yes).
[ -z "$first" ] || systemctl preset sockerless.socket >/dev/null 2>&1 || true

# The first run of a container is not to wait for the compiler. It is the daemon's own user who compiles, in its own
# directory; without the result everything works, only later.
if [ -n "$running" ]; then
	systemd-run --quiet --wait --collect -p User=sockerless -p StateDirectory=sockerless -p StateDirectoryMode=0700 \
		-p NoNewPrivileges=yes /usr/bin/sockerlessd warm || echo "sockerless: the userland will be compiled at the first start" >&2
fi

if [ -n "$running" ] && [ -z "$first" ]; then
	# The socket stays open meanwhile: connections wait for the new daemon.
	systemctl try-restart sockerless.service || true
fi
exit 0
