package container

import (
	"bufio"
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	types "github.com/moby/moby/api/types/container"
)

// statsInterval is the time between two samples.
const statsInterval = time.Second

// StatsOptions are the parameters of GET /containers/{id}/stats.
type StatsOptions struct {
	Stream  bool // go on until the client goes or the container is removed
	OneShot bool // without Stream: one sample at once, not compared with one before
}

// Stats calls send with samples of what a container uses. A container that doesn't run has empty ones.
func (m *Manager) Stats(ctx context.Context, ref string, opts StatsOptions, send func(*types.StatsResponse) error) error {
	c, err := m.get(ref)
	if err != nil {
		return err
	}
	before := m.sample(c)
	if opts.Stream || opts.OneShot || before.Read.IsZero() {
		if err := send(before); err != nil || !opts.Stream {
			return err
		}
	}
	tick := time.NewTicker(statsInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-m.ctx.Done():
			return nil
		}
		c.mu.Lock()
		gone := c.gone
		c.mu.Unlock()
		if gone {
			return nil
		}
		s := m.sample(c)
		if !s.Read.IsZero() {
			s.PreRead, s.PreCPUStats = before.Read, before.CPUStats
		}
		before = s
		if err := send(s); err != nil || !opts.Stream {
			return err
		}
	}
}

// sample measures a container now.
func (m *Manager) sample(c *container) *types.StatsResponse {
	c.mu.Lock()
	s := &types.StatsResponse{ID: c.id, Name: "/" + c.def.Name, OSType: "linux"}
	running := c.state.alive()
	limits := limitsOf(&c.def.HostConfig.Resources)
	c.mu.Unlock()
	box := c.box.open()
	if !running || box == nil {
		return s
	}
	u := box.Usage()
	s.Read = now()
	s.CPUStats = types.CPUStats{
		CPUUsage:    types.CPUUsage{TotalUsage: uint64(u.CPU), UsageInUsermode: uint64(u.CPU)},
		SystemUsage: hostCPU(), OnlineCPUs: uint32(runtime.NumCPU()),
	}
	s.MemoryStats = types.MemoryStats{
		Usage: uint64(u.Memory), MaxUsage: uint64(u.MaxMemory), Failcnt: uint64(u.OOMKills), Limit: uint64(limits.Memory),
	}
	if limits.Memory == 0 {
		s.MemoryStats.Limit = uint64(hostMemory())
	}
	s.PidsStats = types.PidsStats{Current: uint64(u.Tasks), Limit: uint64(limits.Pids)}
	return s
}

// hostCPU is the CPU time of the whole machine since it was started, in nanoseconds over all CPUs: the first line of
// /proc/stat (proc_stat(5)), or where there is none, what has passed for this daemon.
func hostCPU() uint64 {
	const tick = uint64(time.Second / 100) // USER_HZ
	if f, err := os.Open("/proc/stat"); err == nil {
		defer f.Close()
		line, _ := bufio.NewReader(f).ReadString('\n')
		var sum uint64
		for i, word := range strings.Fields(line) {
			if i < 1 || i > 8 { // the guests' time is in the users'
				continue
			}
			n, err := strconv.ParseUint(word, 10, 64)
			if err != nil {
				break
			}
			sum += n * tick
		}
		return sum
	}
	return uint64(time.Now().UnixNano()) * uint64(runtime.NumCPU())
}

// hostMemory is the machine's memory in bytes (proc_meminfo(5)), 0 if it isn't known.
var hostMemory = sync.OnceValue(func() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "MemTotal:" {
			kb, _ := strconv.ParseInt(words[1], 10, 64)
			return kb << 10
		}
	}
	return 0
})
