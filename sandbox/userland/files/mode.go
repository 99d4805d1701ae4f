package files

import (
	"strconv"
	"strings"

	"github.com/sockerless/sockerless/sandbox/abi"
)

// ParseMode applies a mode of chmod(1), octal or symbolic, to the mode a file has. umask counts where a clause names
// no one.
func ParseMode(text string, current, umask uint32) (uint32, bool) {
	if text == "" {
		return 0, false
	}
	if text[0] >= '0' && text[0] <= '9' {
		n, err := strconv.ParseUint(text, 8, 32)
		return uint32(n), err == nil && n <= 0o7777
	}
	mode := current & abi.PermMask
	for clause := range strings.SplitSeq(text, ",") {
		var ok bool
		if mode, ok = applyClause(clause, mode, current&abi.S_IFMT == abi.S_IFDIR, umask); !ok {
			return 0, false
		}
	}
	return mode, true
}

func applyClause(clause string, mode uint32, dir bool, umask uint32) (uint32, bool) {
	who := uint32(0)
	i := 0
	for ; i < len(clause); i++ {
		switch clause[i] {
		case 'u':
			who |= 0o4700
		case 'g':
			who |= 0o2070
		case 'o':
			who |= 0o1007
		case 'a':
			who |= 0o7777
		default:
			goto operations
		}
	}
operations:
	if i == len(clause) {
		return 0, false
	}
	mask := who
	if who == 0 {
		who, mask = 0o7777, 0o7777&^umask
	}
	for i < len(clause) {
		op := clause[i]
		if op != '+' && op != '-' && op != '=' {
			return 0, false
		}
		i++
		bits := uint32(0)
		if i < len(clause) && strings.IndexByte("ugo", clause[i]) >= 0 {
			three := mode >> (6 - 3*strings.IndexByte("ugo", clause[i])) & 7
			bits = three | three<<3 | three<<6
			i++
		} else {
			for ; i < len(clause); i++ {
				switch clause[i] {
				case 'r':
					bits |= 0o444
				case 'w':
					bits |= 0o222
				case 'x':
					bits |= 0o111
				case 'X':
					if dir || mode&0o111 != 0 {
						bits |= 0o111
					}
				case 's':
					bits |= abi.S_ISUID | abi.S_ISGID
				case 't':
					bits |= abi.S_ISVTX
				case '+', '-', '=':
					goto apply
				default:
					return 0, false
				}
			}
		}
	apply:
		bits &= mask | abi.S_ISVTX&bits
		switch op {
		case '+':
			mode |= bits
		case '-':
			mode &^= bits
		case '=':
			mode = mode&^who | bits
		}
	}
	return mode, true
}
