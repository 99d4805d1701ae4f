#!/bin/sh
# Before the files go. Arguments: deb "remove" or "upgrade", rpm the number of versions that stay (0: none).
set -e

case "$1" in
remove | deconfigure | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now sockerless.socket sockerless.service >/dev/null 2>&1 || true
else
	systemctl disable sockerless.socket sockerless.service >/dev/null 2>&1 || true
fi
exit 0
