package strategies

// A Preset is the defaults of a real library or client, under its name: a scenario that says
// {preset: openai} gets its exact rule, traps included, and may still change single settings.
type Preset struct {
	Name   string
	About  string          // the rule in a few words
	Source string          // library, version and file, or the paper, that the numbers are from
	New    func() Strategy // the strategy with these defaults, its own field preset set
}

// presetted is a strategy with presets. Its configuration has a field `preset`, which holds the name of
// the one that was asked for, "" for none.
type presetted interface {
	// Presets returns them in the order in which they are listed.
	Presets() []Preset
}

// PresetsOf returns the presets of a strategy; nil if it has none.
func PresetsOf(s Strategy) []Preset {
	if p, ok := s.(presetted); ok {
		return p.Presets()
	}
	return nil
}
