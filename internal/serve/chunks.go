package serve

import (
	"net/http"
	"strconv"
)

// word appends the text of token i of an answer: three letters and a space, so that an answer that is
// sent back as a prompt counts as many tokens as it had.
func word(b []byte, seed uint64, i int) []byte {
	z := mix(seed + uint64(i))
	const consonants, vowels = "bdfgklmnprstvz", "aeiou"
	return append(b, consonants[z%14], vowels[z>>8%5], consonants[z>>16%14], ' ')
}

func words(b []byte, seed uint64, from, to int) []byte {
	for i := from; i < to; i++ {
		b = word(b, seed, i)
	}
	return b
}

// seed names the text of a flow: the same request has the same answer.
func (f *flow) seed() uint64 { return f.prompt.key() + uint64(f.number)<<32 }

// reason is vLLM's and OpenAI's finish_reason.
func (f *flow) reason() string {
	if f.capped {
		return endNames[length]
	}
	return endNames[stopped]
}

// beginning is how every event or answer begins.
func (o *out) beginning(kind string) []byte {
	prefix := "cmpl-"
	if o.ask.chat {
		prefix = "chatcmpl-"
	}
	b := append([]byte(`{"id":"`), prefix...)
	b = append(b, o.id...)
	b = append(b, `","object":"`...)
	b = append(b, kind...)
	b = append(b, `","created":`...)
	b = strconv.AppendInt(b, o.begun.Unix(), 10)
	b = append(b, `,"model":`...)
	b = append(b, quoted(o.server.model)...)
	return append(b, `,"choices":[`...)
}

// events writes the tokens that came since the last look, as one event for each flow that has some,
// and at the end what closes the stream. The first event carries the role together with the first
// token: a role alone would look like a first token before there is one.
func (o *out) events(end bool) bool {
	o.buffer = o.buffer[:0]
	for i, f := range o.flows {
		come := f.tokens()
		if end {
			come = f.reply.Tokens
		}
		if fresh := come - o.sent[i]; fresh > 0 && (end || o.sent[i] == 0 || fresh >= o.server.options.ChunkTokens) {
			o.event(f, o.sent[i], come)
			o.sent[i] = come
		}
		if end {
			o.event(f, come, come)
		}
	}
	if end {
		if o.ask.usage {
			o.buffer = append(o.buffer, o.eventHead()...)
			o.buffer = append(o.buffer, `],"usage":`...)
			o.buffer = append(o.usage(o.buffer), "}\n\n"...)
		}
		o.buffer = append(o.buffer, "data: [DONE]\n\n"...)
	}
	if len(o.buffer) == 0 {
		return true
	}
	return o.start(http.StatusOK) && o.write(o.buffer)
}

func (o *out) eventHead() []byte {
	if o.head == nil {
		kind := "text_completion"
		if o.ask.chat {
			kind = "chat.completion.chunk"
		}
		o.head = append([]byte("data: "), o.beginning(kind)...)
	}
	return o.head
}

// event appends the event of tokens from..to of a flow; none of them: the event that says why it ended.
func (o *out) event(f *flow, from, to int) {
	b := append(o.buffer, o.eventHead()...)
	b = append(b, `{"index":`...)
	b = strconv.AppendInt(b, int64(f.number), 10)
	switch {
	case !o.ask.chat:
		b = append(b, `,"text":"`...)
		b = append(words(b, f.seed(), from, to), '"')
	case from == to:
		b = append(b, `,"delta":{}`...)
	default:
		b = append(b, `,"delta":{`...)
		if from == 0 {
			b = append(b, `"role":"assistant",`...)
		}
		b = append(b, `"content":"`...)
		b = append(words(b, f.seed(), from, to), `"}`...)
	}
	b = append(b, `,"logprobs":null,"finish_reason":`...)
	if from == to {
		b = append(b, '"')
		b = append(b, f.reason()...)
		b = append(b, '"')
	} else {
		b = append(b, "null"...)
	}
	b = append(b, "}]"...)
	if o.ask.usage {
		b = append(b, `,"usage":null`...)
	}
	o.buffer = append(b, "}\n\n"...)
}

// plain writes the whole answer.
func (o *out) plain() bool {
	kind := "text_completion"
	if o.ask.chat {
		kind = "chat.completion"
	}
	b := o.beginning(kind)
	for i, f := range o.flows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(f.number), 10)
		if o.ask.chat {
			b = append(b, `,"message":{"role":"assistant","content":"`...)
			b = append(words(b, f.seed(), 0, f.reply.Tokens), `","refusal":null}`...)
		} else {
			b = append(b, `,"text":"`...)
			b = append(words(b, f.seed(), 0, f.reply.Tokens), '"')
		}
		b = append(b, `,"logprobs":null,"finish_reason":"`...)
		b = append(b, f.reason()...)
		b = append(b, `"}`...)
	}
	b = append(b, `],"usage":`...)
	b = append(o.usage(b), '}')
	if !o.started {
		o.w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	}
	return o.start(http.StatusOK) && o.write(b)
}

// usage appends the counts of tokens. A prompt counts once, however many choices it has.
func (o *out) usage(b []byte) []byte {
	output, cached := 0, 0
	for i, f := range o.flows {
		output += f.reply.Tokens
		if i%o.ask.n == 0 {
			cached += f.reply.Cached
		}
	}
	b = append(b, `{"prompt_tokens":`...)
	b = strconv.AppendInt(b, int64(o.ask.prompt), 10)
	b = append(b, `,"completion_tokens":`...)
	b = strconv.AppendInt(b, int64(output), 10)
	b = append(b, `,"total_tokens":`...)
	b = strconv.AppendInt(b, int64(o.ask.prompt+output), 10)
	b = append(b, `,"prompt_tokens_details":{"cached_tokens":`...)
	b = strconv.AppendInt(b, int64(cached), 10)
	return append(b, "}}"...)
}
