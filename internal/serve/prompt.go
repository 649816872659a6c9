package serve

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"

	"github.com/headroom-dev/headroom/sim"
)

const (
	bytesPerToken = 4                               // the rule of thumb for English, as harness makes its prompts
	blockBytes    = sim.PrefixBlock * bytesPerToken // of text stand for one block of a prefix cache
)

// A prompt is one text to complete.
type prompt struct {
	text   string
	tokens int // ceil(bytes / 4), or as many as were given as tokens
}

func newPrompt(text string) prompt {
	return prompt{text, max(1, (len(text)+bytesPerToken-1)/bytesPerToken)}
}

// A message is one turn of a conversation. Content is a text or a list of parts, of which those with a
// text count; images and sounds are as if they were not there.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// chatPrompt joins the messages of a conversation. The first stands as it is; each further one follows
// its role on a line of its own, so that a longer conversation begins with the shorter one.
func chatPrompt(messages []message) ([]prompt, error) {
	if len(messages) == 0 {
		return nil, errors.New("messages is missing or empty; allowed: a list of {role, content}")
	}
	var all strings.Builder
	for i, m := range messages {
		if i > 0 {
			all.WriteString("\n" + m.Role + "\n")
		}
		if err := appendContent(&all, m.Content); err != nil {
			return nil, err
		}
	}
	return []prompt{newPrompt(all.String())}, nil
}

func appendContent(all *strings.Builder, content json.RawMessage) error {
	if len(content) == 0 || string(content) == "null" {
		return nil // an assistant's turn that only calls tools
	}
	var text string
	if json.Unmarshal(content, &text) == nil {
		all.WriteString(text)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(content, &parts) != nil {
		return errors.New("a message's content is neither a text nor a list of parts")
	}
	for _, part := range parts {
		all.WriteString(part.Text)
	}
	return nil
}

// textPrompts reads the field prompt: a text, a list of texts, a list of tokens, or a list of such.
func textPrompts(raw json.RawMessage) ([]prompt, error) {
	var text string
	var texts []string
	var tokens []int
	var lists [][]int
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, errors.New("prompt is missing; allowed: a text, a list of texts, or tokens as numbers")
	case json.Unmarshal(raw, &text) == nil:
		return []prompt{newPrompt(text)}, nil
	case json.Unmarshal(raw, &texts) == nil && len(texts) > 0:
		var all []prompt
		for _, text := range texts {
			all = append(all, newPrompt(text))
		}
		return all, nil
	case json.Unmarshal(raw, &tokens) == nil && len(tokens) > 0:
		return []prompt{tokenPrompt(tokens)}, nil
	case json.Unmarshal(raw, &lists) == nil && len(lists) > 0:
		var all []prompt
		for _, tokens := range lists {
			all = append(all, tokenPrompt(tokens))
		}
		return all, nil
	}
	return nil, errors.New("prompt is neither a text, nor a list of texts, nor tokens as numbers")
}

// tokenPrompt writes each token as four bytes, so that sixteen of them are a block.
func tokenPrompt(tokens []int) prompt {
	text := make([]byte, 0, len(tokens)*bytesPerToken)
	for _, t := range tokens {
		text = binary.LittleEndian.AppendUint32(text, uint32(t))
	}
	return prompt{string(text), max(1, len(tokens))}
}

// blocks names the full blocks of a prompt, each name standing for all before it too: a chain of
// hashes of 64 bytes each. A prompt of more tokens than its text has goes on with names that follow
// from what there is.
func (p prompt) blocks() []uint64 {
	names := make([]uint64, 0, p.tokens/sim.PrefixBlock)
	var name uint64
	for rest := p.text; len(names) < cap(names); {
		block := rest[:min(blockBytes, len(rest))]
		rest = rest[len(block):]
		name = mix(name ^ hashText(block))
		names = append(names, name)
	}
	return names
}

// key names the whole prompt.
func (p prompt) key() uint64 { return mix(hashText(p.text) + uint64(p.tokens)) }

// hashText is FNV-1a: the same in every process, so that a request has the same answer every time.
func hashText(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
