package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// A Size is a number of bytes, zero or more.
type Size int64

// maxSize bounds what is read: beyond a pebibyte it is a slip of the finger.
const maxSize = 1 << 50

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1}}

// UnmarshalText reads a size; without a unit it is in bytes:
//
//	size = number [ "B" | "kB" | "MB" | "GB" | "KiB" | "MiB" | "GiB" ] ;
//
// kB and its like are powers of 1000, KiB and its like powers of 1024. KB, which is used for both, is
// refused, and so is a part of a byte.
func (s *Size) UnmarshalText(text []byte) error {
	const allowed = "a number of bytes, as 512, 10kB, 1KiB, 1.5MiB"
	number, bytes := string(text), int64(1)
	for _, unit := range sizeUnits {
		if before, found := strings.CutSuffix(number, unit.name); found {
			number, bytes = before, unit.bytes
			break
		}
	}
	value, ok := parseNumber(number)
	value *= float64(bytes)
	switch {
	case !ok:
		return wrong(fmt.Sprintf("%q is not a size", text), allowed)
	case value < 0 || value > maxSize:
		return wrong(string(text), "0 to 1048576GiB")
	case value != float64(int64(value)):
		return wrong(fmt.Sprintf("%s is no whole number of bytes", text), allowed)
	}
	*s = Size(value)
	return nil
}

// MarshalText writes the size in the largest unit of which it is a whole number.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the size as in "1KiB".
func (s Size) String() string {
	for _, unit := range sizeUnits {
		if s != 0 && int64(s)%unit.bytes == 0 {
			return strconv.FormatInt(int64(s)/unit.bytes, 10) + unit.name
		}
	}
	return "0B"
}
