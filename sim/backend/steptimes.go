package backend

// StepTimes says how long a step takes. Nothing given: linear, derived from model and card.
type StepTimes struct {
	Linear *Linear `yaml:"linear,omitempty"`
}

// stepTime returns the step time of the configuration, which Validate has passed.
func (m *LLM) stepTime() StepTime { return *m.StepTime.Linear }
