package strategies

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// A Budget bounds how many attempts beyond the first a client makes, over all of its calls: backoff asks
// it for each retry and hedge for each copy. It is no stage of its own, because a stage outside cannot see
// the retries inside. It is written as the name of a rule, or as one with settings over that rule's
// defaults:
//
//	budget: off
//	budget: grpc
//	budget: {brooker: {ratio: 0.2, cap: 10}}
//
// The zero Budget is off: every attempt is allowed.
//
// Fails by: many small clients, each with a bucket of its own, behave as if there was none, because they
// never empty it (Brooker 2022); `clients` of backoff and hedge splits the callers so.
type Budget struct {
	Rule BudgetRule // nil is off; read, never written, by the strategies that share it
}

// A BudgetRule is the settings of one rule. BudgetRules lists them.
type BudgetRule interface {
	// Validate names the settings that are out of range.
	Validate() error
	// budget returns the state of one client, with nothing sent yet.
	budget() budget
}

// A budget is what one client has left, under one rule. Every method is told the time, on the clock of
// the run, which never goes backwards.
type budget interface {
	// sent notes that attempt n of a call is sent; 0 is the first, with which the call begins.
	sent(now time.Duration, n int)
	// may asks for attempt n of a call, above 0, after the failure of one, or after no failure yet (the
	// zero Reply) for a second copy. What it takes for a granted attempt is handed back to ended.
	may(now time.Duration, n int, failed sim.Reply) (cost int64, ok bool)
	// ended notes how attempt n, for which may took cost, has ended. One that was granted and then not
	// made after all is endedUnsent.
	ended(now time.Duration, n int, cost int64, how finish)
	// over notes that a call is over, after its last attempt.
	over(now time.Duration)
}

// A finish is what an attempt's end means to a budget.
type finish uint8

const (
	endedUnsent    finish = iota // granted, and not made after all
	endedOK                      // answered
	endedRetryable               // failed in a way that is tried again, whether or not it is
	endedOtherwise               // failed for good, or cut off by the caller
)

// A BudgetEntry is one rule, under the name by which it is chosen. New returns it with its defaults.
type BudgetEntry struct {
	Name, About string
	Source      string // library, version and file, or the paper
	New         func() BudgetRule
}

// BudgetRules are the rules there are, those of the libraries with their exact defaults.
var BudgetRules = []BudgetEntry{
	{"brooker", "a call deposits 0.1 tokens, a retry costs 1 and needs more than 1; a bucket of 5, full at first",
		"mbrooker/simulator_example, retry_sim/retry_strategy.py", func() BudgetRule { return NewBrookerBudget() }},
	{"aws", "500 tokens, full at first; a success deposits 1; a retry costs 5, after a timeout 10, and gets it back if it succeeds",
		"aws-sdk-go-v2 v1.47.6 aws/retry standard.go, middleware.go", func() BudgetRule { return NewAWSBudget() }},
	{"aws-2026", "500 tokens, full at first; a success at the first attempt deposits 1; a retry costs 14, after a 429 only 5, and gets it back if it succeeds",
		"aws-sdk-go-v2 v1.47.6 aws/retry with AWS_NEW_RETRIES_2026=true", func() BudgetRule { return NewAWS2026Budget() }},
	{"grpc", "10 tokens, full at first; a call that succeeds deposits 0.1, a failure takes 1; retries while more than half is left",
		"grpc-go v1.85.0 clientconn.go; grpc/proposal A6", func() BudgetRule { return NewGRPCBudget() }},
	{"finagle", "20 % of the calls of the last 10 s, and 10 retries a second besides",
		"twitter/finagle RetryBudget.scala", func() BudgetRule { return NewFinagleBudget() }},
	{"envoy", "retries under way are fewer than 20 % of all attempts under way, or than 3",
		"Envoy circuit_breaker.proto, RetryBudget", func() BudgetRule { return NewEnvoyBudget() }},
	{"failsafe", "as envoy, but at most 20 %, and asked after the wait instead of before",
		"failsafe-go v0.9.8 budget, retrypolicy/retryexecutor.go", func() BudgetRule { return NewFailsafeBudget() }},
	{"retry-breaker", "retries only while failed attempts are at most 10 % of the calls, since the start",
		"mbrooker/simulator_example, retry_sim/retry_strategy.py", func() BudgetRule { return NewRetryBreakerBudget() }},
	{"sre", "at most 3 tries, and retries are at most 10 % of the client's calls",
		"Site Reliability Engineering (2016), Handling Overload", func() BudgetRule { return NewSREBudget() }},
}

// NewBudget returns the rule of that name with its defaults, or an error that says which there are.
// "off" is the zero Budget.
func NewBudget(name string) (Budget, error) {
	if name == "off" {
		return Budget{}, nil
	}
	for _, entry := range BudgetRules {
		if entry.Name == name {
			return Budget{entry.New()}, nil
		}
	}
	return Budget{}, sim.Faults{{Found: fmt.Sprintf("unknown budget %q", name), Allowed: budgetNames()}}
}

func budgetNames() string {
	names := []string{"off"}
	for _, entry := range BudgetRules {
		names = append(names, entry.Name)
	}
	return strings.Join(names, ", ")
}

// Off reports whether there is no budget.
func (b Budget) Off() bool { return b.Rule == nil }

// perClient returns the state of n clients. Without a rule nothing is to be asked, and it is not called.
func (b Budget) perClient(n int) perClient[budget] {
	return newPerClient(n, func(int) budget { return b.Rule.budget() })
}

// afterWait reports whether the rule is asked when a retry's wait is over, and not before it begins.
func (b Budget) afterWait() bool {
	_, is := b.Rule.(*FailsafeBudget)
	return is
}

// entry returns the list's entry of the rule, nil for none.
func (b Budget) entry() *BudgetEntry {
	for i := range BudgetRules {
		if reflect.TypeOf(BudgetRules[i].New()) == reflect.TypeOf(b.Rule) {
			return &BudgetRules[i]
		}
	}
	return nil
}

// Validate names the settings that are out of range.
func (b Budget) Validate() error {
	if b.Off() {
		return nil
	}
	return b.Rule.Validate()
}
