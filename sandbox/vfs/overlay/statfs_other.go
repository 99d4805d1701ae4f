//go:build !linux

package overlay

import "github.com/sockerless/sockerless/sandbox/abi"

func hostStatfs(string) (abi.Statfs, error) { return abi.Statfs{}, nil }

func allocated(any) (int64, bool) { return 0, false }
