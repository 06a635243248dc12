package format

import (
	"math"
	"math/big"
	"strconv"
)

// Decimal returns the number that a person means by v: its shortest decimal that reads back as v. The float 0.1 is not
// one tenth, but Decimal(0.1) is. It returns nil if v is not finite.
func Decimal(v float64) *big.Rat {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(v, 'g', -1, 64)) // at most 17 digits, an exponent up to 324
	if !ok {
		return nil
	}
	return r
}

// MeanDecimal returns the exact mean of values as Decimal reads them. It returns nil if there are none, or if one is
// not finite.
func MeanDecimal(values []float64) *big.Rat {
	if len(values) == 0 {
		return nil
	}
	sum := new(big.Rat)
	for _, v := range values {
		d := Decimal(v)
		if d == nil {
			return nil
		}
		sum.Add(sum, d)
	}
	return sum.Quo(sum, new(big.Rat).SetInt64(int64(len(values))))
}
