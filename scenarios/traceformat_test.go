package scenarios

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/headroom-dev/headroom/internal/shareddata"
	"github.com/headroom-dev/headroom/sim"
)

const ms = time.Millisecond

// Lines as the publishers of each trace print them, and what they mean.
func TestTraceFormats(t *testing.T) {
	for _, row := range []struct {
		name, named, text, format string
		rows                      []Row
		notes                     []string
	}{
		{"azure 2024", "", "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:00.017335+00:00,2399,6\n", "azure",
			[]Row{{Prompt: 2162, Output: 5}, {At: 7405 * time.Microsecond, Prompt: 2399, Output: 6}}, nil},
		{"azure 2025", "", "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-01-01 00:00:00.5,0,100,5\n2025-01-01 00:00:01,3,200,6\n2025-01-01 00:00:02,1,300,7\n", "azure",
			[]Row{{Prompt: 100, Output: 5}, {At: 500 * ms, Prompt: 200, Output: 6}, {At: 1500 * ms, Prompt: 300, Output: 7}},
			[]string{"NumImages of 2 rows say more than 0: it is not replayed"}},
		{"burstgpt 1", "", "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,230,1317,Conversation log\n118,GPT-4,417,276,693,Conversation log\n", "burstgpt",
			[]Row{{Prompt: 472, Output: 18}, {At: 40 * time.Second, Prompt: 1087, Output: 230}, {At: 113 * time.Second, Prompt: 417, Output: 276}}, nil},
		{"burstgpt, four in a second", "", "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n9,a,1,1,2,x\n10,a,2,1,3,x\n10,a,3,1,4,x\n10,a,4,1,5,x\n10,a,5,1,6,x\n11,a,6,1,7,x\n", "burstgpt",
			[]Row{{Prompt: 1, Output: 1}, {At: 1000 * ms, Prompt: 2, Output: 1}, {At: 1250 * ms, Prompt: 3, Output: 1}, {At: 1500 * ms, Prompt: 4, Output: 1}, {At: 1750 * ms, Prompt: 5, Output: 1}, {At: 2000 * ms, Prompt: 6, Output: 1}},
			[]string{"times are whole multiples of 1s: calls of one time are spread evenly over its 1s"}},
		{"burstgpt 3", "", "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n10530000.25,7f,1.5,GPT-4,10,20,30,Conversation log\n10530000.25,,0.5,GPT-4,11,21,32,API log\n10530001,,2,GPT-4,12,22,34,API log\n", "burstgpt",
			[]Row{{Prompt: 10, Output: 20}, {Prompt: 11, Output: 21}, {At: 750 * ms, Prompt: 12, Output: 22}}, nil},
		{"burstgpt, failed", "", "Timestamp,Model,Request tokens,Response tokens\n1,a,7,0\n2,a,8,33\n3,a,0,0\n4,a,9,0\n", "burstgpt",
			[]Row{{Prompt: 7, Output: 33}, {At: time.Second, Prompt: 8, Output: 33}, {At: 3 * time.Second, Prompt: 9, Output: 33}},
			[]string{"2 calls with an output of 0 failed when recorded: each is replayed, with the output of another"}},
		{"burstgpt without a header", "burstgpt", "5,ChatGPT,472,18,490,Conversation log\n", "burstgpt", []Row{{Prompt: 472, Output: 18}}, nil},
		{"mooncake, to the millisecond", "", `{"timestamp": 27482, "input_length": 6955, "output_length": 52}` + "\n" + `{"timestamp": 30535, "input_length": 6472, "output_length": 26}` + "\n" + `{"timestamp": 30535, "input_length": 100, "output_length": 0}`, "mooncake",
			[]Row{{Prompt: 6955, Output: 52}, {At: 3053 * ms, Prompt: 6472, Output: 26}, {At: 3053 * ms, Prompt: 100, Output: 1}}, nil},
		{"mooncake, to three seconds", "", `{"timestamp": 3000, "input_length": 1, "output_length": 1}` + "\n" + `{"timestamp": 0, "input_length": 2, "output_length": 1}` + "\n" + `{"timestamp": 0, "input_length": 3, "output_length": 1}`, "mooncake",
			[]Row{{Prompt: 2, Output: 1}, {At: 1500 * ms, Prompt: 3, Output: 1}, {At: 3 * time.Second, Prompt: 1, Output: 1}},
			[]string{"times are whole multiples of 3s: calls of one time are spread evenly over its 3s"}},
		{"vidur", "", "arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n4.314579,396,109\n", "vidur",
			[]Row{{Prompt: 374, Output: 44}, {At: 4314579 * time.Microsecond, Prompt: 396, Output: 109}}, nil},
		{"vidur with an index and more", "", ",num_prefill_tokens,num_decode_tokens,pd_ratio,arrived_at\n0,374,44,8.5,1.25e1\n1,375,44,8.5,12\n", "vidur",
			[]Row{{Prompt: 375, Output: 44}, {At: 500 * ms, Prompt: 374, Output: 44}}, nil},
		{"vidur without a header", "vidur", "1.5,374,44\n", "vidur", []Row{{Prompt: 374, Output: 44}}, nil},
		{"splitwise", "", "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n0,2,0,0.02,1,1155,109\n1,2,0,0.07,2,6,51\n", "splitwise",
			[]Row{{Prompt: 1155, Output: 109}, {At: 50 * ms, Prompt: 6, Output: 51}}, []string{"batch_size of 1 row say more than 1: it is not replayed"}},
		{"splitwise without a header", "splitwise", "0,2,0,0.02,1,1155,109\n", "splitwise", []Row{{Prompt: 1155, Output: 109}}, nil},
	} {
		r, err := ReadTrace("t", strings.NewReader(row.text), row.named)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if diff := cmp.Diff(row.rows, r.Rows); diff != "" || r.Format != row.format || !slices.Equal(r.Notes, row.notes) {
			t.Errorf("%s: %s, notes %q\n%s", row.name, r.Format, r.Notes, diff)
		}
	}
	if _, err := ReadTrace("t", strings.NewReader("1,2,3"), "sharegpt"); err == nil || err.Error() != `t: trace format "sharegpt", want one of azure, burstgpt, mooncake, vidur, splitwise` {
		t.Errorf("got %v", err)
	}
	if _, err := ReadTrace("t", strings.NewReader("a,b,c\n"), "mooncake"); err == nil || !strings.HasPrefix(err.Error(), `t:1: "a,b,c" is no JSON object`) {
		t.Errorf("got %v", err)
	}
}

// A file that gzip has packed is the file.
func TestPackedTraceIsTheSame(t *testing.T) {
	want := fixture(t, "azure_lmm_sample.csv")
	if len(want.Rows) != 39 || !slices.Equal(want.Skipped, []int{18}) || len(want.Notes) != 1 {
		t.Errorf("%d rows, skipped %v, notes %q", len(want.Rows), want.Skipped, want.Notes)
	}
	var packed bytes.Buffer
	to := gzip.NewWriter(&packed)
	to.Write(sampleImages())
	to.Close()
	path := filepath.Join(t.TempDir(), "lmm.csv.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	s := parse(t, fmt.Sprintf("load: {arrivals: {trace: {file: %q}}}", path))
	if diff := cmp.Diff(want.Rows, s.Load.Arrivals.Trace.Rows()); diff != "" {
		t.Error(diff)
	}
	if got := s.Warnings(); len(got) != 2 || !strings.HasSuffix(got[0], "1 row with no prompt was left out (line 18)") || !strings.HasSuffix(got[1], "NumImages of 10 rows say more than 0: it is not replayed") {
		t.Errorf("warnings %q", got)
	}
	if err := os.WriteFile(path, packed.Bytes()[:packed.Len()-20], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTraceFile(path); err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("a file that is cut off: got %v", err)
	}
}

// What is drawn for failed calls is the outputs of the others: their mean to within what 100,000 draws of
// this spread allow, and the same each time.
func TestFailedCallsGetTheOutputsOfOthers(t *testing.T) {
	var b strings.Builder
	b.WriteString("Timestamp,Model,Request tokens,Response tokens\n")
	for n := range 100_000 {
		fmt.Fprintf(&b, "%d,x,5,%d\n%d,x,7,0\n", 2*n, 1+n%100, 2*n+1)
	}
	first, err := ReadTrace("t", strings.NewReader(b.String()), "")
	if err != nil {
		t.Fatal(err)
	}
	sum, n := 0, 0
	for _, row := range first.Rows {
		if row.Prompt == 7 {
			sum, n = sum+row.Output, n+1
		}
	}
	// Uniform from 1 to 100: mean 50.5, standard deviation sqrt((100^2-1)/12) = 28.9.
	if mean, slack := float64(sum)/float64(n), 4*28.9/math.Sqrt(100_000); n != 100_000 || math.Abs(mean-50.5) > slack {
		t.Errorf("%d failed calls with an output of %.2f, want 50.5 within %.2f", n, mean, slack)
	}
	again, err := ReadTrace("t", strings.NewReader(b.String()), "")
	if err != nil || !slices.Equal(first.Rows, again.Rows) {
		t.Errorf("another reading differs, %v", err)
	}
}

// Of 1000 tokens the first 512 are a whole block of 32 names; the other 488 make 30 and a half.
func TestHashIDsBecomeBlockNames(t *testing.T) {
	r, err := ReadTrace("t", strings.NewReader(`{"timestamp": 0, "input_length": 1000, "output_length": 5, "hash_ids": [46, 47, 48]}
{"timestamp": 1, "input_length": 1536, "output_length": 5, "hash_ids": [46, 9]}
{"timestamp": 2, "input_length": 15, "output_length": 5, "hash_ids": [3]}
{"timestamp": 3, "input_length": 900, "output_length": 5, "hash_ids": []}`), "")
	if err != nil {
		t.Fatal(err)
	}
	names := func(row int) []uint64 {
		all := slices.Clone(r.Names(r.Rows[row]))
		for i := range all {
			all[i] &^= 1 << 62
		}
		return all
	}
	count := func(from uint64, n int) (all []uint64) {
		for i := range n {
			all = append(all, from+uint64(i))
		}
		return all
	}
	for i, want := range [][]uint64{count(46*32, 62), append(count(46*32, 32), count(9*32, 32)...), {}, nil} {
		if got := names(i); !slices.Equal(got, want) {
			t.Errorf("row %d: got %v, want %v", i, got, want)
		}
	}
	// The second prompt begins with the 512 tokens of 46: of 1000 + 1536 + 15 + 900.
	if share, ok := r.Shared(); !ok || share != 512.0/3451 {
		t.Errorf("shared %v, %v, want 512 of 3451", share, ok)
	}
	if share, ok := fixture(t, "vidur_sample.csv").Shared(); ok {
		t.Errorf("a trace without blocks shares %v", share)
	}
}

// Two prompts have as many names in common as they have whole blocks of 16 tokens in common.
func TestNamesAgreeAsPromptsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (prompt, blocks int) {
			prompt = rapid.IntRange(1, 5000).Draw(t, name)
			return prompt, (prompt + mooncakeBlock - 1) / mooncakeBlock
		}
		a, blocksA := draw("a")
		b, blocksB := draw("b")
		common := rapid.IntRange(0, min(blocksA, blocksB)).Draw(t, "common")
		line := func(at, prompt, blocks, own int) string {
			ids := make([]string, blocks)
			for i := range ids {
				ids[i] = fmt.Sprint(i)
				if i >= common {
					ids[i] = fmt.Sprint(own + i)
				}
			}
			return fmt.Sprintf(`{"timestamp": %d, "input_length": %d, "output_length": 1, "hash_ids": [%s]}`+"\n", at, prompt, strings.Join(ids, ","))
		}
		r, err := ReadTrace("t", strings.NewReader(line(1, a, blocksA, 1000)+line(2, b, blocksB, 2000)), "")
		if err != nil {
			t.Fatal(err)
		}
		x, y := r.Names(r.Rows[0]), r.Names(r.Rows[1])
		same := 0
		for same < min(len(x), len(y)) && x[same] == y[same] {
			same++
		}
		if want := min(common*mooncakeBlock, a, b) / sim.PrefixBlock; same != want || len(x) != a/sim.PrefixBlock || len(y) != b/sim.PrefixBlock {
			t.Fatalf("%d names of %d and %d in common, want %d", same, len(x), len(y), want)
		}
		if share, _ := r.Shared(); math.Abs(share*float64(a+b)-float64(same*sim.PrefixBlock)) > 1e-6 {
			t.Fatalf("share %v of %d tokens, want %d", share, a+b, same*sim.PrefixBlock)
		}
	})
}

// Spreading moves no call out of its second, and none before another.
func TestSpreadStaysInsideTheGrain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 60).Draw(t, "seconds")
		slices.Sort(at)
		rows, counts := make([]Row, len(at)), map[int]int{}
		for i, s := range at {
			rows[i] = Row{At: time.Duration(s) * time.Second, Prompt: i}
			counts[s]++
		}
		moved := spread(rows, time.Second)
		if moved != (len(counts) < len(at)) {
			t.Fatalf("moved %v", moved)
		}
		for i, row := range rows {
			if int(row.At/time.Second) != at[i] || row.Prompt != i {
				t.Fatalf("row %d at %v, was in second %d", i, row.At, at[i])
			}
			if i > 0 && at[i] == at[i-1] {
				if gap, want := row.At-rows[i-1].At, time.Second/time.Duration(counts[at[i]]); gap < want-1 || gap > want+1 {
					t.Fatalf("gap %v, want %v", gap, want)
				}
			}
		}
	})
}

// A window keeps what it would keep of the whole trace, in whatever order its rows stand.
func TestWindowKeepsNoMoreThanItNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.IntRange(-50, 50), 1, 40).Draw(t, "at")
		end := rapid.IntRange(1, 60).Draw(t, "end")
		var b strings.Builder
		for i, x := range at {
			fmt.Fprintf(&b, `{"timestamp": %d, "input_length": %d, "output_length": 1, "hash_ids": [%d, %d]}`+"\n", x, 513+i, i, 100+i)
		}
		whole, err := ReadTrace("t", strings.NewReader(b.String()), "")
		if err != nil {
			t.Fatal(err)
		}
		part := &Trace{File: "t", Window: Window{To: time.Duration(end) * ms}}
		if err := part.ReadFiles(opened(b.String())); err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(slices.Clone(whole.Rows), func(r Row) bool { return r.At >= part.Window.To })
		if len(want) != len(part.rows) {
			t.Fatalf("%d rows, want %d", len(part.rows), len(want))
		}
		for i, row := range part.rows {
			if row.At != want[i].At || row.Prompt != want[i].Prompt || !slices.Equal(part.Names(row), whole.Names(want[i])) {
				t.Fatalf("row %d: %+v, want %+v", i, row, want[i])
			}
		}
	})
}

// The public Mooncake sample: 1,200 calls in 329,224 ms, 14,210,353 prompt tokens. Its times are no
// multiples of 3 s, so they stay. Of its prompts 2,784,315 tokens lie in leading blocks of 512 seen
// before, counted by a script of its own; in whole blocks of 16 a little less.
func TestMooncakeTraceIsReplayedWhole(t *testing.T) {
	r, err := ReadTraceFile(shareddata.Path(t, "mooncake_synthetic_head1200.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	prompt := 0
	for _, row := range r.Rows {
		prompt += row.Prompt
	}
	if len(r.Rows) != 1200 || prompt != 14_210_353 || len(r.Notes) != 0 || r.Rows[1199].At != 329_224*ms {
		t.Errorf("%d rows, %d tokens, notes %q, last %+v", len(r.Rows), prompt, r.Notes, r.Rows[1199])
	}
	if first := r.Rows[0]; first.Prompt != 40160 || first.Output != 6 || first.Blocks.N != 79 || len(r.Names(first)) != 2510 {
		t.Errorf("first row %+v", first)
	}
	if share, _ := r.Shared(); share > 2784315.0/14210353 || share < 2784315.0/14210353-0.001 {
		t.Errorf("%v of the prompt tokens shared, want just below %v", share, 2784315.0/14210353)
	}
}

// opened opens every name as that text.
func opened(text string) func(string) (io.ReadCloser, error) {
	return func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}
