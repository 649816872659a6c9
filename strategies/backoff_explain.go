package strategies

import "strings"

// Explain tells what a backoff does, its rule and its parameters.
func (b *Backoff) Explain() Explanation {
	return Explanation{
		Does: "Makes a failed attempt again, up to a number of tries, and waits longer before each. It stops when an " +
			"answer came, when the failure would come again the same, when the service or the budget says no, and " +
			"when the wait would outlast the caller's patience. A budget bounds the retries of all calls together.",
		Equation: strings.Join([]string{
			"v = min(cap, base · factor^n), n = 0, 1, .. counting retries",
			"wait = v (none); U(0, v) (full); v/2 + U(0, v/2) (equal); min(cap, U(base, 3 · last wait)) (decorrelated);",
			"       v + U(0, 0.1 v) (10%); v - U(0, 0.25 v) (-25%); v · U(0.8, 1.2) (+-20%)",
			"attempts failing with f, N retries: success 1 - f^(N+1), load (1 - f^(N+1))/(1 - f)",
			"with a budget of r per call: load at most 1 + r; above f = r/(1 + r) success is (1 - f) · load",
			"a service that serves the abandoned recovers from a spike iff lambda0 (1 + N) < C, with a budget lambda0 (1 + r) < C",
		}, "\n"),
		Helps: "Failures that pass within the caller's patience and come one by one; 503s in a spike that ends within the total " +
			"wait w, where it is a queue in the client that adds at most C·w/(lambda1·D) to the success.",
		Hurts: "Overloads: retries are load on top of the load, several layers multiply (3 layers of 3 tries are 27 attempts), " +
			"and without a budget the service may never come back. Without jitter, callers that failed together return together.",
		Parameters: backoffParameters(),
		Example:    "backoff: {preset: openai, budget: grpc}",
		Sources: []string{
			"Brooker, Exponential Backoff And Jitter (2015); Fixing retries with token buckets and circuit breakers (2022)",
			"the libraries of the presets and budgets, each named beside its rule",
		},
	}
}

func backoffParameters() []Parameter {
	presets := []string{}
	for _, p := range (*Backoff)(nil).Presets() {
		presets = append(presets, p.Name)
	}
	rules := []string{"off; or a rule by its name, or with settings as {grpc: {max: 10, ratio: 0.1}}"}
	for _, rule := range BudgetRules {
		rules = append(rules, rule.Name+": "+rule.About)
	}
	return []Parameter{
		{"preset", "the client whose rule the other settings go over: " + strings.Join(presets, ", ")},
		{"tries", "attempts in all, the first included; 1 to 1000, or 0 to leave it to elapsed"},
		{"elapsed", "how long after the first attempt began the last wait may end; 0s is no limit"},
		{"base", "wait before the second attempt; 0s or more"},
		{"throttled_base", "the base after a 429; 0s is the base itself"},
		{"factor", "each wait is so many times the one before; 1 (a constant wait) to 1000"},
		{"cap", "the longest wait, before the jitter of a percentage; 0s is no limit"},
		{"jitter", "how waits are spread: " + jitterAllowed},
		{"at_once", "true: the first retry does not wait, the second waits base · factor"},
		{"retry_on", "the failures that are tried again, a list of " + failuresAre + "; empty: 408, 429, 500, 502, 503, 504, 529, lost connections and timeouts"},
		{"only_idempotent", "true: what asking twice does twice (a POST) is not tried again"},
		{"advice", "obey or ignore what the service says of trying again (x-should-retry, gRPC's pushback below 0, spent credit)"},
		{"retry_after", "what the service's wish for a wait is worth: obey (the longer of the two, up to 10 % more), exact, jittered (the wish with this jitter), " +
			"capped (the wish, at most retry_after_max), clamp (at least the own wait, at most retry_after_max more) or ignore"},
		{"retry_after_on", "the failures whose wish is read, and which are tried again if they bear one; empty: all"},
		{"retry_after_max", "the longest wish that is granted, above it the call gives up (but see capped and clamp); 0s leaves that to the patience"},
		{"retry_after_restarts", "true: after a wait that the service set the own waits begin at base again"},
		{"min", "the patience that must be left after a wait for it to be begun; 0s or more"},
		{"budget", strings.Join(rules, "; ")},
		{"clients", "how many processes the callers are split over, each with a budget of its own; 1 to 1000000"},
	}
}
