package strategies

// modulo gives a hash one of n endpoints, from 0: the remainder. From n to n + 1 endpoints all but
// 1/(n + 1) of the keys move, because the remainder keeps its value only where hash mod n(n + 1) < n.
func modulo(hash uint64, n int) int { return int(hash % uint64(n)) }
