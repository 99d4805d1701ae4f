package kernel

import (
	"github.com/sockerless/sockerless/sandbox/abi"
	"github.com/sockerless/sockerless/sandbox/vfs"
)

// masterFile is the master side of a pseudo-terminal that a program in the sandbox has opened (pty(7)).
type masterFile struct{ t *TTY }

func (p *ptyTable) openMaster(k *Kernel) vfs.File { return &masterFile{p.add(k)} }

func (f *masterFile) Read(p []byte, _ int64) (int, error) {
	t := f.t
	t.mu.Lock()
	if len(t.output) == 0 {
		defer t.mu.Unlock()
		if t.slaves == 0 && t.hadSlave {
			return 0, abi.EIO
		}
		return 0, abi.EAGAIN
	}
	n := copy(p, t.output)
	t.output = t.output[n:]
	t.mu.Unlock()
	t.slaveQueue.Notify(abi.POLLOUT)
	return n, nil
}

func (f *masterFile) Write(p []byte, _ int64) (int, error) {
	n, err := f.t.Input(p)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *masterFile) Ready() vfs.Events {
	t := f.t
	t.mu.Lock()
	defer t.mu.Unlock()
	var ev vfs.Events
	if len(t.output) > 0 {
		ev |= abi.POLLIN
	}
	if len(t.input)+len(t.line) < maxInput {
		ev |= abi.POLLOUT
	}
	if t.slaves == 0 && t.hadSlave {
		ev |= abi.POLLHUP
	}
	return ev
}

func (f *masterFile) Queue() *vfs.WaitQueue { return &f.t.masterQueue }

func (f *masterFile) Close() error {
	f.t.Close()
	return nil
}

// Ioctl serves TIOCGPTN and TIOCSPTLCK, and the slave's requests.
func (f *masterFile) Ioctl(ctx vfs.IoctlContext, req uint32, value uint64, arg []byte) (int, error) {
	switch req {
	case abi.TIOCGPTN:
		n := int32(f.t.index)
		if copy(arg, abi.Bytes(&n)) < 4 {
			return 0, abi.EFAULT
		}
		return 0, nil
	case abi.TIOCSPTLCK:
		return 0, nil
	}
	return f.t.ioctl(ctx, req, value, arg)
}
