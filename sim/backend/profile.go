package backend

import "net/http"

// A Profile is how a provider says no: which status, headers and body a refusal for a reason has. One
// table serves the simulated reply and the HTTP front.
type Profile struct {
	Name, About string

	Limit    int // status over a limit on requests or tokens per time
	Overload int // status when the service is full
}

// Profiles lists the profiles there are, in the order in which they are shown. The first is the default.
var Profiles = []Profile{
	{Name: "vllm", About: "vLLM's own server: no limits unless set, then 503", Limit: http.StatusTooManyRequests, Overload: http.StatusServiceUnavailable},
}

// profileNamed returns the profile of that name; empty is the first.
func profileNamed(name string) (Profile, bool) {
	if name == "" {
		return Profiles[0], true
	}
	return find(Profiles, func(p Profile) bool { return p.Name == name })
}

// Status returns the status of a refusal for that reason.
func (p Profile) Status(reason string) int {
	switch reason {
	case ReasonRateRequests, ReasonRateTokens:
		return p.Limit
	case ReasonTooLong:
		return http.StatusBadRequest
	}
	return p.Overload
}
