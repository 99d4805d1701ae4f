package rootfs

import "strings"

// The applets that Alpine's busybox does not have in /usr/bin.
const (
	inBin = ` arch base64 cat chattr chgrp chmod chown cp cpio date dd df dmesg dnsdomainname dumpkmap echo ed
		egrep false fatattr fgrep getopt grep gunzip gzip hostname ionice iostat ipcalc kill link linux32
		linux64 ln login ls lsattr lzop makemime mkdir mknod mktemp more mount mpstat mt mv netstat pidof
		ping ping6 pipe_progress printenv ps pwd readlink reformime rev rm rmdir run-parts sed setarch
		setpriv sleep stat stty su sync tar touch true umount uname uncompress usleep vi watch zcat `

	inSbin = ` acpid adjtimex arp blockdev bootchartd depmod devmem fbsplash fdisk findfs freeramdisk fsck fstrim
		getty halt hdparm hwclock ifconfig ifdown ifenslave ifup init insmod ip ipaddr iplink ipneigh
		iproute iprule iptunnel klogd loadkmap logread losetup lsmod mdev mkdosfs mke2fs mkfs.ext2
		mkfs.minix mkfs.vfat mkswap modinfo modprobe nameif nologin pivot_root poweroff raidautorun reboot
		rmmod route setconsole slattach start-stop-daemon sulogin swapoff swapon switch_root sysctl syslogd
		tc tunctl udhcpc uevent vconfig watchdog zcip `

	inUsrSbin = ` add-shell addgroup adduser arping brctl chat chpasswd chroot crond delgroup deluser dnsd ether-wake
		fbset fsfreeze httpd i2cdetect i2cdump i2cget i2cset i2ctransfer inetd killall5 loadfont ntpd
		partprobe powertop rdate rdev readahead readprofile remove-shell rfkill sendmail setfont setlogcons
		telnetd ubirename udhcpd `
)

// directoryOf returns the directory of an applet, without the leading slash.
func directoryOf(applet string) string {
	in := func(list string) bool {
		for name := range strings.FieldsSeq(list) {
			if name == applet {
				return true
			}
		}
		return false
	}
	switch {
	case in(inBin):
		return "bin"
	case in(inSbin):
		return "sbin"
	case in(inUsrSbin):
		return "usr/sbin"
	}
	return "usr/bin"
}
