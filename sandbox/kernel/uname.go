package kernel

// What uname(2) and /proc/version tell of the kernel, besides its name, Linux.
const (
	Release = "6.6.0-sockerless"
	Version = "#1 SMP"
	Machine = "x86_64"
)
