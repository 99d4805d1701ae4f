// Package calc holds bc and dc.
package calc

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// number is a decimal of any size: digits / 10^scale. Its value is never changed once made.
type number struct {
	digits *big.Int
	scale  int
}

// What calculations fail with.
var (
	errDivide   = errors.New("divide by zero")
	errNegative = errors.New("negative number")
	errInteger  = errors.New("not an integer")
	errRange    = errors.New("number is not in range")
)

// maxExponent keeps powers from eating all memory.
const maxExponent = 10_000_000

func integer(n int64) *number { return &number{big.NewInt(n), 0} }

func truth(b bool) *number {
	if b {
		return integer(1)
	}
	return integer(0)
}

func tenTo(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// to returns the number with another scale; digits past it are cut off.
func (a *number) to(scale int) *number {
	switch {
	case scale > a.scale:
		return &number{new(big.Int).Mul(a.digits, tenTo(scale-a.scale)), scale}
	case scale < a.scale:
		return &number{new(big.Int).Quo(a.digits, tenTo(a.scale-scale)), scale}
	}
	return a
}

func aligned(a, b *number) (x, y *big.Int, scale int) {
	scale = max(a.scale, b.scale)
	return a.to(scale).digits, b.to(scale).digits, scale
}

func (a *number) cmp(b *number) int {
	x, y, _ := aligned(a, b)
	return x.Cmp(y)
}

func (a *number) isZero() bool { return a.digits.Sign() == 0 }

func (a *number) neg() *number { return &number{new(big.Int).Neg(a.digits), a.scale} }

func (a *number) add(b *number) *number {
	x, y, scale := aligned(a, b)
	return &number{new(big.Int).Add(x, y), scale}
}

func (a *number) sub(b *number) *number { return a.add(b.neg()) }

// mul multiplies; POSIX's bc says how many digits are kept.
func (a *number) mul(b *number, scale int) *number {
	p := &number{new(big.Int).Mul(a.digits, b.digits), a.scale + b.scale}
	return p.to(min(a.scale+b.scale, max(scale, a.scale, b.scale)))
}

func (a *number) div(b *number, scale int) (*number, error) {
	if b.isZero() {
		return nil, errDivide
	}
	shift := scale + b.scale - a.scale
	x, y := a.digits, b.digits
	if shift >= 0 {
		x = new(big.Int).Mul(x, tenTo(shift))
	} else {
		y = new(big.Int).Mul(y, tenTo(-shift))
	}
	return &number{new(big.Int).Quo(x, y), scale}, nil
}

// mod is what the division to a scale leaves.
func (a *number) mod(b *number, scale int) (*number, error) {
	q, err := a.div(b, scale)
	if err != nil {
		return nil, err
	}
	whole := &number{new(big.Int).Mul(q.digits, b.digits), q.scale + b.scale}
	return a.sub(whole).to(max(scale+b.scale, a.scale)), nil
}

// whole returns the number as an int, which it must be.
func (a *number) whole() (int64, error) {
	n := a.to(0)
	if n.cmp(a) != 0 {
		return 0, errInteger
	}
	if !n.digits.IsInt64() {
		return 0, errRange
	}
	return n.digits.Int64(), nil
}

func (a *number) pow(b *number, scale int) (*number, error) {
	n, err := b.whole()
	if err != nil {
		return nil, err
	}
	if n < -maxExponent || n > maxExponent {
		return nil, errRange
	}
	times := n
	if n < 0 {
		times = -n
	}
	p := &number{new(big.Int).Exp(a.digits, big.NewInt(times), nil), a.scale * int(times)}
	if n < 0 {
		if a.isZero() {
			return nil, errDivide
		}
		return integer(1).div(p, scale)
	}
	return p.to(min(p.scale, max(scale, a.scale))), nil
}

func (a *number) sqrt(scale int) (*number, error) {
	if a.digits.Sign() < 0 {
		return nil, errNegative
	}
	scale = max(scale, a.scale)
	return &number{new(big.Int).Sqrt(a.to(2 * scale).digits), scale}, nil
}

// length is the number of significant digits.
func (a *number) length() int {
	return len(new(big.Int).Abs(a.digits).String())
}

const digitSet = "0123456789ABCDEF"

// parseNumber reads digits of a base; those that the base does not have count as its highest, but for a single one.
func parseNumber(text string, base int) *number {
	whole, fraction, _ := strings.Cut(text, ".")
	single := len(whole)+len(fraction) == 1
	if base == 10 && strings.IndexFunc(text, func(r rune) bool { return r > '9' }) < 0 {
		n, _ := new(big.Int).SetString("0"+whole+fraction, 10)
		return &number{n, len(fraction)}
	}
	digit := func(x byte) *big.Int {
		d := strings.IndexByte(digitSet, x)
		if d >= base && !single {
			d = base - 1
		}
		return big.NewInt(int64(d))
	}
	b := big.NewInt(int64(base))
	n := new(big.Int)
	for i := range len(whole) {
		n.Mul(n, b).Add(n, digit(whole[i]))
	}
	if fraction == "" {
		return &number{n, 0}
	}
	f, unit := new(big.Int), big.NewInt(1)
	for i := range len(fraction) {
		f.Mul(f, b).Add(f, digit(fraction[i]))
		unit.Mul(unit, b)
	}
	scale := len(fraction)
	f.Mul(f, tenTo(scale)).Quo(f, unit)
	return (&number{n, 0}).add(&number{f, scale})
}

// text writes a number in a base. Past base 16 each digit is a decimal number of its own.
func (a *number) text(base int) string {
	if a.isZero() {
		return "0"
	}
	sign := ""
	abs := new(big.Int).Abs(a.digits)
	if a.digits.Sign() < 0 {
		sign = "-"
	}
	unit := tenTo(a.scale)
	whole, fraction := new(big.Int).QuoRem(abs, unit, new(big.Int))
	if base == 10 {
		text := ""
		if whole.Sign() != 0 {
			text = whole.String()
		}
		if a.scale > 0 {
			text += fmt.Sprintf(".%0*s", a.scale, fraction.String())
		}
		return sign + text
	}
	width := len(fmt.Sprint(base - 1))
	digit := func(n *big.Int) string {
		if base <= 16 {
			return digitSet[n.Int64() : n.Int64()+1]
		}
		return fmt.Sprintf(" %0*d", width, n.Int64())
	}
	b := big.NewInt(int64(base))
	text := ""
	if base <= 16 {
		if whole.Sign() != 0 {
			text = strings.ToUpper(whole.Text(base))
		}
	} else {
		for rest := new(big.Int).Set(whole); rest.Sign() != 0; {
			d := new(big.Int)
			rest.QuoRem(rest, b, d)
			text = digit(d) + text
		}
	}
	if a.scale > 0 {
		text += "."
		// As many digits as tell apart what the decimal ones do.
		for t := big.NewInt(1); t.Cmp(unit) < 0; t.Mul(t, b) {
			d := new(big.Int)
			d.QuoRem(fraction.Mul(fraction, b), unit, fraction)
			if d := digit(d); strings.HasSuffix(text, ".") {
				text += strings.TrimPrefix(d, " ")
			} else {
				text += d
			}
		}
	}
	if text == "" {
		text = "0"
	}
	return sign + text
}

// wrapped breaks a long number into lines of two characters less than width, and a backslash; below 3 it breaks nothing.
func wrapped(text string, width int) string {
	if width < 3 {
		return text
	}
	var b strings.Builder
	for len(text) > width-2 {
		b.WriteString(text[:width-2] + "\\\n")
		text = text[width-2:]
	}
	return b.String() + text
}
