#!/bin/sh
# After the files have gone. Arguments: deb "remove", "purge" or "upgrade", rpm the number of versions that stay.
# Data stays until a purge (rpm has none: remove /var/lib/sockerless yourself).
set -e

[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
if [ "$1" = purge ]; then
	rm -rf /var/lib/sockerless /var/cache/sockerless /run/sockerless /etc/sockerless
	rm -f /run/sockerless.sock
	[ "$(readlink /run/docker.sock 2>/dev/null)" != sockerless.sock ] || rm -f /run/docker.sock
	if getent passwd sockerless >/dev/null; then userdel sockerless || true; fi
	if getent group sockerless >/dev/null; then groupdel sockerless || true; fi
fi
exit 0
