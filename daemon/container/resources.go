package container

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	types "github.com/moby/moby/api/types/container"
)

// minMemory is the least memory limit in bytes that dockerd takes.
const minMemory = 6 << 20

// checkResources refuses limits as dockerd does, in its order and words. With update, they are changes to a container
// that may have a memory limit already.
func checkResources(r *types.Resources, update bool) error {
	if err := checkMemory(r, update); err != nil {
		return err
	}
	if err := checkCPU(r); err != nil {
		return err
	}
	for _, u := range r.Ulimits {
		if _, ok := rlimitNumbers[u.Name]; !ok {
			return invalid("invalid ulimit type: %s", u.Name)
		}
		if u.Hard != -1 && u.Soft > u.Hard {
			return invalid("ulimit soft limit must be less than or equal to hard limit: %d > %d", u.Soft, u.Hard)
		}
	}
	return nil
}

func checkMemory(r *types.Resources, update bool) error {
	switch {
	case r.Memory != 0 && r.Memory < minMemory:
		return invalid("Minimum memory limit allowed is 6MB")
	case r.Memory > 0 && r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
	case r.Memory == 0 && r.MemorySwap > 0 && !update:
		return invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
	case r.MemoryReservation > 0 && r.MemoryReservation < minMemory:
		return invalid("Minimum memory reservation allowed is 6MB")
	case r.Memory > 0 && r.MemoryReservation > 0 && r.Memory < r.MemoryReservation:
		return invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
	}
	if s := r.MemorySwappiness; s != nil && *s != -1 && (*s < 0 || *s > 100) {
		return invalid("Invalid value: %d, valid memory swappiness range is 0-100", *s)
	}
	return nil
}

func checkCPU(r *types.Resources) error {
	cpus := runtime.NumCPU()
	switch {
	case r.NanoCPUs > 0 && r.CPUPeriod > 0:
		return invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case r.NanoCPUs > 0 && r.CPUQuota > 0:
		return invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case r.NanoCPUs < 0 || r.NanoCPUs > int64(cpus)*1e9:
		return invalid("range of CPUs is from 0.01 to %[1]d.00, as there are only %[1]d CPUs available", cpus)
	case r.CPUShares < 0:
		return invalid("invalid CPU shares (%d): value must be a positive integer", r.CPUShares)
	case r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1000000):
		return invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	case r.CPUQuota > 0 && r.CPUQuota < 1000:
		return invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
	case r.IOMaximumBandwidth != 0:
		return invalid("invalid option: QoS maximum bandwidth configuration is not supported on linux")
	case r.IOMaximumIOps != 0:
		return invalid("invalid option: QoS maximum IOPs configuration is not supported on linux")
	}
	if err := checkSet("cpuset cpus", "CPUs", r.CpusetCpus, cpus); err != nil {
		return err
	}
	return checkSet("cpuset mems", "memory nodes", r.CpusetMems, 1) // the sandbox has one memory node
}

// checkSet checks a list of numbers and ranges (cpuset(7), "List format") against those from 0 to count-1.
func checkSet(option, what, list string, count int) error {
	if list == "" {
		return nil
	}
	bad := invalid("Invalid value %s for %s: invalid format: %s", list, option, list)
	highest := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, err := strconv.Atoi(first)
		if err != nil || a < 0 {
			return bad
		}
		b, err := strconv.Atoi(last)
		if err != nil || b < a {
			return bad
		}
		highest = max(highest, b)
	}
	if highest >= count {
		available := "0"
		if count > 1 {
			available = fmt.Sprintf("0-%d", count-1)
		}
		return invalid("Requested %s are not available - requested %s, available: %s", what, list, available)
	}
	return nil
}

// limitWarnings tells the limits that are not kept, in dockerd's words where it has some.
func limitWarnings(r *types.Resources) (warnings []string) {
	for _, w := range []struct {
		asked bool
		text  string
	}{
		{r.CpusetCpus != "" || r.CpusetMems != "", "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded."},
		{r.CPURealtimePeriod != 0 || r.CPURealtimeRuntime != 0, "Real-time scheduling is not supported. Limitation discarded."},
		{r.CPUPercent != 0, "linux does not support CPU percent. Percent discarded."},
		{r.MemoryReservation != 0, "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded."},
		{r.MemorySwap > 0 && r.MemorySwap != r.Memory && r.MemorySwap != 2*r.Memory,
			"Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap."},
		{r.MemorySwappiness != nil && *r.MemorySwappiness != -1,
			"Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded."},
		{r.OomKillDisable != nil && *r.OomKillDisable, "Your kernel does not support OomKillDisable. OomKillDisable discarded."},
		{r.BlkioWeight != 0, "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."},
		{len(r.BlkioWeightDevice) > 0, "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded."},
		{len(r.BlkioDeviceReadBps) > 0, "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded."},
		{len(r.BlkioDeviceWriteBps) > 0, "Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded."},
		{len(r.BlkioDeviceReadIOps) > 0, "Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded."},
		{len(r.BlkioDeviceWriteIOps) > 0, "Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded."},
	} {
		if w.asked {
			warnings = append(warnings, w.text)
		}
	}
	return warnings
}
