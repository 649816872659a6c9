package scenarios

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// sampleImages is forty calls in the format of Azure's multimodal trace, every fourth with images; one
// has no prompt.
func sampleImages() []byte {
	var b bytes.Buffer
	b.WriteString("TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n")
	clock := time.Date(2025, time.March, 3, 10, 0, 0, 0, time.UTC)
	stream := sim.NewStream(2025, "images")
	for n := range 40 {
		r := stream.For(n, 0)
		clock = clock.Add(time.Duration(r.ExpFloat64() * float64(time.Second)))
		images, prompt := 0, 100+r.IntN(900)
		switch {
		case n%4 == 3:
			images = 1 + r.IntN(3)
		case n == 16:
			prompt = 0
		}
		fmt.Fprintf(&b, "%s%07d+00:00,%d,%d,%d\n", clock.Format("2006-01-02 15:04:05."), clock.Nanosecond()/100, images, prompt, 10+r.IntN(190))
	}
	return b.Bytes()
}

// sampleFailures is two hundred calls in the format of BurstGPT, in whole seconds; every thirteenth
// failed.
func sampleFailures() []byte {
	var b bytes.Buffer
	b.WriteString("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n")
	stream, at := sim.NewStream(2025, "failures"), 5.0
	for n := range 200 {
		r := stream.For(n, 0)
		at += 0.4 * r.ExpFloat64()
		prompt, output := 20+r.IntN(1500), 1+r.IntN(400)
		if n%13 == 12 {
			output = 0
		}
		model := []string{"ChatGPT", "GPT-4"}[r.IntN(2)]
		fmt.Fprintf(&b, "%d,%s,%d,%d,%d,API log\n", int(at), model, prompt, output, prompt+output)
	}
	return b.Bytes()
}

// sampleConversations is twelve conversations of five turns in the format of Mooncake: each turn asks
// with all that was said before, behind a system prompt of two blocks that all have.
func sampleConversations() []byte {
	var b bytes.Buffer
	stream := sim.NewStream(2025, "conversations")
	next := 2
	length, ids := [12]int{}, [12][]int{}
	for n := range 60 {
		who, r := n%12, stream.For(n, 0)
		if ids[who] == nil {
			length[who], ids[who] = 2*mooncakeBlock, []int{0, 1}
		}
		length[who] += 200 + r.IntN(1500)
		whole := length[who] / mooncakeBlock
		for len(ids[who]) < whole { // blocks that the next turn finds again
			ids[who] = append(ids[who], next)
			next++
		}
		all := ids[who]
		if length[who]%mooncakeBlock > 0 { // and one that it fills up, and so names anew
			all = append(all[:whole:whole], next)
			next++
		}
		output := 50 + r.IntN(300)
		fmt.Fprintf(&b, "{\"timestamp\": %d, \"input_length\": %d, \"output_length\": %d, \"hash_ids\": [%s]}\n",
			3000*(n/4), length[who], output, strings.Trim(strings.ReplaceAll(fmt.Sprint(all), " ", ", "), "[]"))
		length[who] += output
	}
	return b.Bytes()
}

// sampleSeconds is thirty calls with their times in seconds: a row gets time, prompt, output and number.
func sampleSeconds(header, row string) []byte {
	var b bytes.Buffer
	b.WriteString(header + "\n")
	stream, at := sim.NewStream(2025, "seconds"), 0.0
	for n := range 30 {
		r := stream.For(n, 0)
		line := fmt.Sprintf(row, at, 50+r.IntN(3000), 1+r.IntN(500), n)
		line, _, _ = strings.Cut(line, "%!")
		b.WriteString(line + "\n")
		at += 0.5 * r.ExpFloat64()
	}
	return b.Bytes()
}
