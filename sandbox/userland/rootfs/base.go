package rootfs

import "io/fs"

// base is the directories, accounts and configuration. Accounts and modes are those of Alpine's base, so that scripts
// find what they expect; what tells who made the system (os-release, issue) says Sockerless.
func base() []entry {
	var entries []entry
	for _, path := range []string{
		"bin", "dev", "etc", "etc/profile.d", "home", "lib", "media", "media/cdrom", "media/floppy", "media/usb", "mnt", "opt", "run",
		"run/lock", "sbin", "srv", "usr", "usr/bin", "usr/lib", "usr/local", "usr/local/bin", "usr/local/lib", "usr/local/sbin",
		"usr/local/share", "usr/sbin", "usr/share", "usr/share/man", "usr/share/misc", "var", "var/cache", "var/cache/misc",
		"var/lib", "var/lib/misc", "var/local", "var/log", "var/opt", "var/spool", "var/spool/cron",
	} {
		entries = append(entries, dir(path, 0o755))
	}
	const mailGroup, shadowGroup = 12, 42
	entries = append(entries,
		dir("proc", 0o555),
		dir("sys", 0o555),
		dir("root", 0o700),
		dir("tmp", 0o777|fs.ModeSticky),
		dir("var/tmp", 0o777|fs.ModeSticky),
		dir("var/empty", 0o555),
		entry{path: "var/mail", mode: fs.ModeDir | 0o775, gid: mailGroup},
		link("var/lock", "../run/lock"),
		link("var/run", "../run"),
		link("var/spool/mail", "../mail"),
		link("etc/mtab", "../proc/mounts"),

		file("etc/passwd", 0o644, passwd),
		file("etc/group", 0o644, group),
		entry{path: "etc/shadow", mode: 0o640, content: []byte(shadow), gid: shadowGroup},
		file("etc/shells", 0o644, "# valid login shells\n/bin/sh\n/bin/ash\n/bin/bash\n"),
		file("etc/profile", 0o644, profile),
		file("etc/profile.d/README", 0o644, "*.sh files in this directory are read by /etc/profile.\n"),
		file("etc/os-release", 0o644, osRelease),
		link("usr/lib/os-release", "../../etc/os-release"),
		file("etc/issue", 0o644, "Sockerless sandbox\n"),
		file("etc/motd", 0o644, "A sandbox of Sockerless: its programs run in WebAssembly, in one process, without privileges.\n"),
		file("etc/hostname", 0o644, "localhost\n"),
		file("etc/hosts", 0o644, "127.0.0.1\tlocalhost localhost.localdomain\n::1\t\tlocalhost localhost.localdomain\n"),
		file("etc/resolv.conf", 0o644, "# The daemon writes this file when it starts a container.\n"),
		file("etc/nsswitch.conf", 0o644, "# name services of glibc's programs\npasswd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"),
		file("etc/fstab", 0o644, "# the sandbox mounts what there is to mount\n"),
		file("etc/protocols", 0o644, protocols),
		file("etc/services", 0o644, services),
	)
	return entries
}

const passwd = `root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin
sync:x:5:0:sync:/sbin:/bin/sync
shutdown:x:6:0:shutdown:/sbin:/sbin/shutdown
halt:x:7:0:halt:/sbin:/sbin/halt
mail:x:8:12:mail:/var/mail:/sbin/nologin
news:x:9:13:news:/usr/lib/news:/sbin/nologin
uucp:x:10:14:uucp:/var/spool/uucppublic:/sbin/nologin
cron:x:16:16:cron:/var/spool/cron:/sbin/nologin
ftp:x:21:21::/var/lib/ftp:/sbin/nologin
sshd:x:22:22:sshd:/dev/null:/sbin/nologin
games:x:35:35:games:/usr/games:/sbin/nologin
ntp:x:123:123:NTP:/var/empty:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
`

const group = `root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
sys:x:3:root,bin
adm:x:4:root,daemon
tty:x:5:
disk:x:6:root
lp:x:7:lp
kmem:x:9:
wheel:x:10:root
floppy:x:11:root
mail:x:12:mail
news:x:13:news
uucp:x:14:uucp
cron:x:16:cron
audio:x:18:
cdrom:x:19:
dialout:x:20:root
ftp:x:21:
sshd:x:22:
input:x:23:
tape:x:26:root
video:x:27:root
netdev:x:28:
kvm:x:34:kvm
games:x:35:
shadow:x:42:
www-data:x:82:
users:x:100:games
ntp:x:123:
abuild:x:300:
utmp:x:406:
ping:x:999:
nogroup:x:65533:
nobody:x:65534:
`

// shadow locks every account's password, as Alpine's image does ("*" for root, "!" for the others): nobody logs in here.
const shadow = `root:*::0:::::
bin:!::0:::::
daemon:!::0:::::
lp:!::0:::::
sync:!::0:::::
shutdown:!::0:::::
halt:!::0:::::
mail:!::0:::::
news:!::0:::::
uucp:!::0:::::
cron:!::0:::::
ftp:!::0:::::
sshd:!::0:::::
games:!::0:::::
ntp:!::0:::::
guest:!::0:::::
nobody:!::0:::::
`

const profile = `# read by login shells

export PATH="` + Path + `"
export PAGER=less
umask 022

if [ "$(id -u)" = 0 ]; then
	PS1='\h:\w# '
else
	PS1='\h:\w\$ '
fi

for script in /etc/profile.d/*.sh; do
	if [ -r "$script" ]; then
		. "$script"
	fi
done
unset script
`

const osRelease = `NAME="Sockerless"
ID=sockerless
ID_LIKE=alpine
VERSION_ID=` + Version + `
PRETTY_NAME="Sockerless base ` + Version + `"
HOME_URL="https://github.com/sockerless/sockerless"
BUG_REPORT_URL="https://github.com/sockerless/sockerless/issues"
`

const protocols = `# Internet protocols (IANA), those in use
ip		0	IP
icmp		1	ICMP
igmp		2	IGMP
ipencap		4	IP-ENCAP
tcp		6	TCP
udp		17	UDP
ipv6		41	IPv6
ipv6-route	43	IPv6-Route
ipv6-frag	44	IPv6-Frag
gre		47	GRE
esp		50	IPSEC-ESP
ah		51	IPSEC-AH
ipv6-icmp	58	IPv6-ICMP
ipv6-nonxt	59	IPv6-NoNxt
ipv6-opts	60	IPv6-Opts
ospf		89	OSPFIGP
sctp		132	SCTP
udplite		136	UDPLite
`

const services = `# network services (IANA), those that scripts ask for
echo		7/tcp
echo		7/udp
discard		9/tcp		sink null
discard		9/udp		sink null
daytime		13/tcp
ftp-data	20/tcp
ftp		21/tcp
ssh		22/tcp
telnet		23/tcp
smtp		25/tcp		mail
time		37/tcp		timserver
time		37/udp		timserver
whois		43/tcp		nicname
domain		53/tcp
domain		53/udp
bootps		67/udp
bootpc		68/udp
tftp		69/udp
http		80/tcp		www
kerberos	88/tcp		kerberos5 krb5
kerberos	88/udp		kerberos5 krb5
pop3		110/tcp		pop-3
ntp		123/udp
imap2		143/tcp		imap
snmp		161/udp
ldap		389/tcp
https		443/tcp
https		443/udp
submissions	465/tcp		ssmtp smtps
syslog		514/udp
submission	587/tcp
ldaps		636/tcp
imaps		993/tcp
pop3s		995/tcp
mysql		3306/tcp
postgresql	5432/tcp	postgres
amqp		5672/tcp
redis		6379/tcp
http-alt	8080/tcp	webcache
http-alt	8080/udp
`
