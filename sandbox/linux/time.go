package linux

import (
	"math"
	"time"

	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/kernel"
)

// Clocks of clock_gettime(2).
const (
	clockRealtime        = 0
	clockMonotonic       = 1
	clockProcessCPU      = 2
	clockThreadCPU       = 3
	clockMonotonicRaw    = 4
	clockRealtimeCoarse  = 5
	clockMonotonicCoarse = 6
	clockBoottime        = 7
	clockTAI             = 11
)

// clock reads a clock in nanoseconds: EINVAL.
func clock(t *kernel.Task, id int) (int64, error) {
	switch id {
	case clockRealtime, clockRealtimeCoarse, clockTAI:
		return time.Now().UnixNano(), nil
	case clockMonotonic, clockMonotonicRaw, clockMonotonicCoarse, clockBoottime:
		return int64(kernel.Monotonic()), nil
	case clockProcessCPU, clockThreadCPU:
		return int64(t.CPU()), nil
	}
	if id < 0 && id&3 < 3 { // a process's clock of CPU time: clock_getcpuclockid(3)
		of := t
		if pid := ^(id >> 3); pid != 0 {
			of = t.Kernel().Task(pid)
		}
		if of != nil {
			return int64(of.CPU()), nil
		}
	}
	return 0, abi.EINVAL
}

// clock_gettime: EFAULT, EINVAL.
func clockGettime(t *kernel.Task, m Memory, a args) (int64, error) {
	ns, err := clock(t, a.int(0))
	if err != nil {
		return 0, err
	}
	ts := abi.TimespecOf(ns)
	return ok(put(m, a[1], &ts))
}

// clock_getres: EFAULT, EINVAL.
func clockGetres(t *kernel.Task, m Memory, a args) (int64, error) {
	if _, err := clock(t, a.int(0)); err != nil {
		return 0, err
	}
	res := abi.Timespec{Nsec: 1}
	if id := a.int(0); id == clockRealtimeCoarse || id == clockMonotonicCoarse {
		res.Nsec = int64(4 * time.Millisecond) // a tick of Linux, as Debian has it
	}
	return ok(putOpt(m, a[1], &res))
}

// clock_settime and settimeofday: EPERM: the clock is the host's.
func clockSettime(*kernel.Task, Memory, args) (int64, error) { return 0, abi.EPERM }

// gettimeofday: EFAULT. The time zone is UTC.
func gettimeofday(_ *kernel.Task, m Memory, a args) (int64, error) {
	now := time.Now()
	tv := abi.Timeval{Sec: now.Unix(), Usec: int64(now.Nanosecond() / 1000)}
	if err := putOpt(m, a[0], &tv); err != nil {
		return 0, err
	}
	var zone uint64
	return ok(putOpt(m, a[1], &zone))
}

// time: EFAULT.
func timeCall(_ *kernel.Task, m Memory, a args) (int64, error) {
	now := time.Now().Unix()
	return now, putOpt(m, a[0], &now)
}

// duration converts a struct timespec: EINVAL. What is too long for time.Duration is its longest.
func duration(ts abi.Timespec) (time.Duration, error) {
	if ts.Sec < 0 || ts.Nsec < 0 || ts.Nsec >= 1e9 {
		return 0, abi.EINVAL
	}
	if ts.Sec >= math.MaxInt64/int64(time.Second) {
		return math.MaxInt64, nil
	}
	return time.Duration(ts.Nanoseconds()), nil
}

// nanosleep: EFAULT, EINTR, EINVAL.
func nanosleep(t *kernel.Task, m Memory, a args) (int64, error) {
	return clockNanosleep(t, m, args{clockMonotonic, 0, a[0], a[1]})
}

// clock_nanosleep: EFAULT, EINTR, EINVAL; EOPNOTSUPP for clocks of CPU time.
func clockNanosleep(t *kernel.Task, m Memory, a args) (int64, error) {
	const absolute = 1 // TIMER_ABSTIME
	now, err := clock(t, a.int(0))
	if err != nil {
		return 0, err
	}
	if id := a.int(0); id == clockProcessCPU || id == clockThreadCPU {
		return 0, abi.EOPNOTSUPP
	}
	var ts abi.Timespec
	if err := get(m, a[2], &ts); err != nil {
		return 0, err
	}
	d, err := duration(ts)
	if err != nil {
		return 0, err
	}
	if a.int(1)&absolute != 0 {
		d -= time.Duration(now)
	}
	left, err := t.Sleep(d)
	if err == abi.EINTR && a.int(1)&absolute == 0 {
		rest := abi.TimespecOf(int64(left))
		if perr := putOpt(m, a[3], &rest); perr != nil {
			return 0, perr
		}
	}
	return ok(err)
}

// alarm cannot fail.
func alarm(t *kernel.Task, _ Memory, a args) (int64, error) {
	left, _ := t.SetTimer(time.Duration(a.u32(0))*time.Second, 0)
	return int64((left + time.Second - 1) / time.Second), nil
}

type itimerval struct{ interval, value abi.Timeval }

// getitimer: EFAULT, EINVAL.
func getitimer(t *kernel.Task, m Memory, a args) (int64, error) {
	var left, interval time.Duration
	switch a.int(0) {
	case itimerReal:
		left, interval = t.Timer()
	case itimerVirtual, itimerProf:
		left, interval = t.CPUTimer(cpuTimer(a.int(0)))
	default:
		return 0, abi.EINVAL
	}
	v := itimerval{timeval(interval), timeval(left)}
	return ok(put(m, a[1], &v))
}

const (
	itimerReal    = 0
	itimerVirtual = 1
	itimerProf    = 2
)

func cpuTimer(which int) kernel.CPUTimer {
	if which == itimerProf {
		return kernel.ProfilingTimer
	}
	return kernel.VirtualTimer
}

// setitimer: EFAULT, EINVAL.
func setitimer(t *kernel.Task, m Memory, a args) (int64, error) {
	var v itimerval
	if a[1] != 0 {
		if err := get(m, a[1], &v); err != nil {
			return 0, err
		}
	}
	after, err := timevalDuration(v.value)
	if err != nil {
		return 0, err
	}
	interval, err := timevalDuration(v.interval)
	if err != nil {
		return 0, err
	}
	var left, every time.Duration
	switch a.int(0) {
	case itimerReal:
		left, every = t.SetTimer(after, interval)
	case itimerVirtual, itimerProf:
		left, every = t.SetCPUTimer(cpuTimer(a.int(0)), after, interval)
	default:
		return 0, abi.EINVAL
	}
	old := itimerval{timeval(every), timeval(left)}
	return ok(putOpt(m, a[2], &old))
}

func timevalDuration(tv abi.Timeval) (time.Duration, error) {
	if tv.Usec < 0 || tv.Usec >= 1e6 {
		return 0, abi.EINVAL
	}
	return duration(abi.Timespec{Sec: tv.Sec, Nsec: tv.Usec * 1000})
}

const ticks = 100 // USER_HZ: units of times(2)

// times: EFAULT.
func times(t *kernel.Task, m Memory, a args) (int64, error) {
	unit := time.Second / ticks
	tms := [4]int64{int64(t.CPU() / unit), 0, int64(t.ChildCPU() / unit), 0}
	return int64(kernel.Monotonic() / unit), putOpt(m, a[0], &tms)
}

// getrusage: EFAULT, EINVAL.
func getrusage(t *kernel.Task, m Memory, a args) (int64, error) {
	const self, children, thread = 0, -1, 1
	var u abi.Rusage
	switch a.int(0) {
	case self, thread:
		own, _ := t.MaxMemory()
		u.Utime, u.Maxrss = timeval(t.CPU()), own/1024
	case children:
		_, most := t.MaxMemory()
		u.Utime, u.Maxrss = timeval(t.ChildCPU()), most/1024
	default:
		return 0, abi.EINVAL
	}
	return ok(put(m, a[1], &u))
}
