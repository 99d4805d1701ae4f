package calc

import "math/big"

// guard is how many digits more than wanted the functions of bc -l calculate with.
const guard = 12

// exp returns e^x.
func exp(x *number, scale int) *number {
	negative := x.digits.Sign() < 0
	if negative {
		x = x.neg()
	}
	whole := x.to(0).digits
	if !whole.IsInt64() || whole.Int64() > 1<<20 {
		return integer(0)
	}
	// Digits before the point: a little less than half of x.
	s := scale + guard + int(whole.Int64()/2)
	halvings := 0
	y := x.to(s)
	for y.cmp(integer(1)) > 0 {
		y = &number{new(big.Int).Rsh(y.digits, 1), s}
		halvings++
	}
	sum, term := integer(1).to(s), integer(1).to(s)
	for i := int64(1); !term.isZero(); i++ {
		term = multiplied(term, y, s)
		term = &number{term.digits.Quo(term.digits, big.NewInt(i)), s}
		sum = sum.add(term)
	}
	for range halvings {
		sum = multiplied(sum, sum, s)
	}
	if negative {
		sum, _ = integer(1).div(sum, scale+guard)
	}
	return sum.to(scale)
}

// multiplied is the product to a scale.
func multiplied(a, b *number, scale int) *number {
	return (&number{new(big.Int).Mul(a.digits, b.digits), a.scale + b.scale}).to(scale)
}

// ln returns the natural logarithm; bc gives a very low number for what has none.
func ln(x *number, scale int) *number {
	if x.digits.Sign() <= 0 {
		return integer(1).sub(&number{tenTo(scale), 0}).to(scale)
	}
	s := scale + guard
	y := x.to(max(s, x.scale))
	factor := int64(2)
	two, half := integer(2), &number{big.NewInt(5), 1}
	for y.cmp(two) >= 0 || y.cmp(half) <= 0 {
		y, _ = y.to(max(y.scale, s)).sqrt(s + 4)
		factor *= 2
	}
	s = y.scale
	z, _ := y.sub(integer(1)).div(y.add(integer(1)), s)
	square := multiplied(z, z, s)
	sum, power := z, z
	for i := int64(3); !power.isZero(); i += 2 {
		power = multiplied(power, square, s)
		sum = sum.add(&number{new(big.Int).Quo(power.digits, big.NewInt(i)), s})
	}
	return multiplied(sum, integer(factor), s).to(scale)
}

// atan returns the arc tangent.
func atan(x *number, scale int) *number {
	s := scale + guard
	negative := x.digits.Sign() < 0
	if negative {
		x = x.neg()
	}
	// atan x = 2 atan (x / (1 + sqrt(1 + x²)))
	y := x.to(max(s, x.scale)).to(s)
	factor := int64(1)
	for y.cmp(&number{big.NewInt(2), 1}) > 0 {
		root, _ := multiplied(y, y, s).add(integer(1)).sqrt(s)
		y, _ = y.div(root.add(integer(1)), s)
		factor *= 2
	}
	square := multiplied(y, y, s)
	sum, power := y, y
	for i := int64(3); !power.isZero(); i += 2 {
		power = multiplied(power, square, s).neg()
		sum = sum.add(&number{new(big.Int).Quo(power.digits, big.NewInt(i)), s})
	}
	sum = multiplied(sum, integer(factor), s)
	if negative {
		sum = sum.neg()
	}
	return sum.to(scale)
}

func pi(scale int) *number { return multiplied(atan(integer(1), scale+guard), integer(4), scale) }

// sin returns the sine; cosine with shift.
func sin(x *number, scale int, shift bool) *number {
	s := scale + guard + x.length()
	p := pi(s)
	y := x.to(max(s, x.scale)).to(s)
	half := &number{new(big.Int).Quo(p.digits, big.NewInt(2)), s}
	if shift {
		y = y.add(half)
	}
	// Into -π/2 … π/2.
	turns, _ := y.div(p, 1)
	n := new(big.Int).Quo(turns.digits, big.NewInt(10))
	y = y.sub(&number{new(big.Int).Mul(p.digits, n), s})
	flip := n.Bit(0) == 1
	square := multiplied(y, y, s).neg()
	sum, term := y, y
	for i := int64(2); !term.isZero(); i += 2 {
		term = multiplied(term, square, s)
		term = &number{term.digits.Quo(term.digits, big.NewInt(i*(i+1))), s}
		sum = sum.add(term)
	}
	if flip {
		sum = sum.neg()
	}
	return sum.to(scale)
}

// bessel returns the Bessel function of an integer order.
func bessel(order, x *number, scale int) *number {
	n := order.to(0).digits.Int64()
	negative := false
	if n < 0 {
		n = -n
		negative = n%2 == 1
	}
	s := scale + guard + x.length() + int(n)
	half := &number{new(big.Int).Quo(x.to(max(s, x.scale)).to(s).digits, big.NewInt(2)), s}
	term := integer(1).to(s)
	for i := int64(1); i <= n; i++ {
		term = multiplied(term, half, s)
		term = &number{term.digits.Quo(term.digits, big.NewInt(i)), s}
	}
	square := multiplied(half, half, s).neg()
	sum := term
	for i := int64(1); !term.isZero(); i++ {
		term = multiplied(term, square, s)
		term = &number{term.digits.Quo(term.digits, big.NewInt(i*(i+n))), s}
		sum = sum.add(term)
	}
	if negative {
		sum = sum.neg()
	}
	return sum.to(scale)
}
