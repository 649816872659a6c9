package strategies

// Explain says what shard does and when it helps.
func (s *Shard) Explain() Explanation {
	return Explanation{
		Does: "Sends all calls of one user, or for one key, to the same endpoint: a replica of the simulated service, or one of several targets. " +
			"The choice is a hash, the same in every process, so no table is kept and no two clients need to agree.",
		Equation: "modulo:     hash(k) mod n                     n -> n + 1 moves n/(n + 1) of the keys\n" +
			"jump:       Lamping and Veach                 n -> n + 1 moves 1/(n + 1)\n" +
			"rendezvous: the i with the highest hash(k, i) n -> n + 1 moves 1/(n + 1)\n" +
			"bound:      an endpoint takes at most ceil(bound (m + 1)/n) calls, m being in flight\n" +
			"hottest:    the first of N users under Zipf's law has 1/H(N, s) of the calls, H = sum of i^-s",
		Helps: "Where an endpoint answers sooner what it has seen before: the prefix cache of a language model, a session, a local store.",
		Hurts: "Calls of a hot user stay together, and so does the queue they make; bound trades their affinity for evenness, and with fewer calls in flight than endpoints it lets none have two at once. " +
			"It goes past the balancer and its checks: a dead endpoint fails its users until it is back, unless failover sends their retries to a second choice. " +
			"Replicas that an autoscaler adds get nothing. With modulo one endpoint more or less moves nearly everybody, and the caches start cold.",
		Parameters: []Parameter{
			{"by", "what decides: user, who asks, or key, what is asked"},
			{"algorithm", "rendezvous, modulo or jump"},
			{"bound", "calls in flight an endpoint may have, as a multiple of the mean, before the next best gets the call; 1 to 1000, 0 is no bound; of rendezvous alone"},
			{"failover", "true sends retries and hedge copies to the next best endpoint (modulo, jump: the next in order); false keeps them with the first"},
		},
		Example: "[{backoff: {base: 100ms}}, {shard: {by: key, failover: true}}]",
		Sources: []string{
			"Thaler and Ravishankar: Using Name-Based Mappings to Increase Hit Rates, 1998 (rendezvous)",
			"Lamping and Veach: A Fast, Minimal Memory, Consistent Hash Algorithm, 2014 (jump)",
			"Mirrokni, Thorup and Zadimoghaddam: Consistent Hashing with Bounded Loads, 2018 (bound)",
			"github.com/cespare/xxhash/v2 v2.3.0 (xxHash64, seed 0)",
		},
	}
}
