package backend

// An Engine is the software that serves the model: whose costs a step has, and whose scheduling.
type Engine struct {
	Name       string `yaml:"name"`                 // vllm
	Version    string `yaml:"version,omitempty"`    // absent: the newest class
	Scheduling string `yaml:"scheduling,omitempty"` // sync or async; absent: as the version has it
}

// async reports whether a step's batch is formed while the step before it runs.
func (e Engine) async() bool { return e.Scheduling != "sync" }
