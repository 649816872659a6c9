package strategies

// jump gives a hash one of n endpoints, from 0, without a table (Lamping and Veach: A Fast, Minimal
// Memory, Consistent Hash Algorithm, 2014, figure 1). As n grows a key stays where it is or jumps to the
// newest endpoint: from n to n + 1 that is 1/(n + 1) of the keys. Only the last endpoint can be taken
// away.
//
//	x = 2862933555777941757 x + 1 mod 2^64, j = floor((b + 1) 2^31/((x >> 33) + 1)), until j >= n
func jump(hash uint64, n int) int {
	b, j := int64(-1), int64(0)
	for j < int64(n) {
		b = j
		hash = hash*2862933555777941757 + 1
		// The quotient first, as in the paper: another order rounds otherwise, and a key would lie elsewhere
		// than with every other implementation.
		j = int64(float64(b+1) * (float64(int64(1)<<31) / float64(hash>>33+1)))
	}
	return int(b)
}
