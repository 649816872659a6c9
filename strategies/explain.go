package strategies

// An Explanation is what `headroom explain` and the manual say of a strategy. It stands beside the
// strategy's code, so that the two change together.
type Explanation struct {
	Does       string      // what it does, in a few sentences
	Equation   string      // the formula that governs it, its letters named; several lines are kept as they are
	Helps      string      // when
	Hurts      string      // when, and how it fails
	Parameters []Parameter // one for each setting, in the order of the struct
	Example    string      // YAML of a stack with it, as Parse reads it
	Sources    []string    // papers, libraries with their versions
}

// A Parameter explains one setting.
type Parameter struct {
	Name    string // as in YAML
	Meaning string // with unit and range
}

// Explained is a strategy that explains itself. All of All are.
type Explained interface {
	Explain() Explanation
}
