package strategies

var _ Explained = (*Cache)(nil)

// Explain describes the cache.
func (c *Cache) Explain() Explanation {
	return Explanation{
		Does: "Keeps ok answers, the most recently asked ones, and gives them to whoever asks the same. " +
			"Calls that ask for what is being fetched wait for that one attempt (a single flight), each with its own patience. " +
			"An answer that is no longer fresh may go out as degraded while one refresh runs in the background, and a failed call may get a fallback, degraded too.",
		Equation: "fresh until = stored + ttl·(1 - U(0, jitter)), stale until = fresh until + stale\n" +
			"hit rate of a full cache (Che): sum p_i·(1 - e^(-p_i·t)), t from sum (1 - e^(-p_i·t)) = entries; p_i is the share of calls that ask for key i\n" +
			"hit rate by age alone: l·T/(1 + l·T) for a key asked at rate l, T = ttl·(1 - jitter/2)\n" +
			"attempts for one key: 1/(S + T + 1/l) per second, with flights shared and a service time S",
		Helps: "Where calls ask the same: removing work is the one thing that beats the bound of capacity. " +
			"From a hit rate of 40 % to one of 85 % the service is left with a quarter of the load.",
		Hurts: "Where no two calls ask the same it does nothing. Answers stored together expire together, and their callers come together (jitter). " +
			"One slow flight delays all who joined it. Where every refresh fails, each stale answer still starts one. " +
			"A service that leans on a cache of 90 % meets ten times its load when the cache is lost.",
		Parameters: []Parameter{
			{"entries", "answers kept, in memory and in dir each; 1 to 10,000,000; the least recently asked leaves memory first, the oldest the directory"},
			{"ttl", "how long an answer is fresh; 0s keeps none, so that calls only share flights"},
			{"jitter", "each ttl is shortened by a random part of up to this share; 0% to 100%"},
			{"stale", "how long after its ttl an answer is given all the same, as degraded, while it is refreshed; 0s: not at all. " +
				"The refresh is an attempt with the cause refresh. It may take what is left of the patience of the call that began it, and where callers wait for ever ttl + stale, at most 10m"},
			{"coalesce", "true: calls that ask the same share one attempt while it is under way; false: each makes its own"},
			{"fallback", "what a failed call gets, as degraded: off; an age, as 10m, for the last good answer no older than that; canned, the same for all"},
			{"warm", "how many of the most asked keys have an answer before the start; 0 to entries, and 0 with private. " +
				"In virtual time nobody is asked for them; against a real target it is ignored with a warning, since there a second run with dir starts warm"},
			{"private", "true: each user has answers of its own; false: equal keys share them, whoever asks"},
			{"dir", "a directory that keeps the answers for the next program, a file for each, of one target only; none by default. " +
				"What is damaged or expired is not served. In virtual time it is ignored with a warning"},
		},
		Example: "{name: two-levels, stack: [cache: {entries: 100, ttl: 10s}, cache: {entries: 10000, ttl: 10m, jitter: 20%, stale: 1h, fallback: canned}, pooled]}",
		Sources: []string{
			"Che, Tung, Wang: Hierarchical Web Caching Systems (IEEE JSAC 20, 2002), for the hit rate",
			"RFC 5861, for stale-while-revalidate",
			"hashicorp/golang-lru/v2 v2.0.7 simplelru, the list of least recent use",
		},
	}
}
