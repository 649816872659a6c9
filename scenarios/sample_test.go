package scenarios

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headroom-dev/headroom/sim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The sample traces are made here and nowhere else, of services that never were.
func TestSampleTracesAreMadeByThisProject(t *testing.T) {
	for name, got := range map[string][]byte{
		"azure_sample.csv":      sampleTrace(),
		"azure_lmm_sample.csv":  sampleImages(),
		"burstgpt_sample.csv":   sampleFailures(),
		"mooncake_sample.jsonl": sampleConversations(),
		"vidur_sample.csv":      sampleSeconds("arrived_at,num_prefill_tokens,num_decode_tokens", "%.6f,%d,%d"),
		"splitwise_sample.csv":  sampleSeconds("request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size", "%[4]d,2,0,%.6[1]f,1,%[2]d,%[3]d"),
	} {
		path := filepath.Join("..", "fixtures", "traces", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Error(cmp.Diff(string(want), string(got)))
		}
	}
	r := fixture(t, "azure_sample.csv")
	if len(r.Rows) != 600 || len(r.Skipped) != 0 {
		t.Fatalf("read %d rows, skipped %d", len(r.Rows), len(r.Skipped))
	}
	busiest, gaps := busiestSecond(r.Rows)
	if busiest < 20 || gaps < 2 {
		t.Errorf("busiest second %d calls, gap CV %.1f: the sample should come in bursts", busiest, gaps)
	}
}

// fixture reads a sample trace.
func fixture(t *testing.T, name string) *Recording {
	t.Helper()
	r, err := ReadTraceFile(fixturePrefix + "traces/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sampleTrace alternates quiet stretches with bursts: sessions arrive about every four seconds, and
// each is a geometric number of calls close together.
func sampleTrace() []byte {
	const rows = 600
	var b bytes.Buffer
	b.WriteString(traceHeader + "\n")
	clock := time.Date(2025, time.March, 3, 10, 0, 0, 0, time.UTC)
	pause, burst := sim.NewStream(2025, "sample pause"), sim.NewStream(2025, "sample burst")
	tokens := sim.NewStream(2025, "sample tokens")
	for n, left := 0, 0; n < rows; n++ {
		gap := 30 * time.Millisecond
		if left == 0 {
			r := pause.For(n, 0)
			gap = time.Duration(4 * r.ExpFloat64() * float64(time.Second))
			left = 1 + int(math.Log(1-r.Float64())/math.Log(1-1.0/8))
			if n == 310 || n > 300 && n < 310 { // the spike: everybody saves at once
				left, gap = 45, 2*time.Second
			}
		} else {
			gap = time.Duration(burst.For(n, 0).ExpFloat64() * float64(gap))
		}
		left--
		clock = clock.Add(gap)
		r := tokens.For(n, 0)
		prompt := int(min(max(math.Exp(7.2+0.9*r.NormFloat64()), 3), 7400))
		output := int(min(max(math.Exp(2.6+0.8*r.NormFloat64()), 1), 1000))
		fmt.Fprintf(&b, "%s%07d,%d,%d\n", clock.Format("2006-01-02 15:04:05."), clock.Nanosecond()/100, prompt, output)
	}
	return b.Bytes()
}

// busiestSecond counts the calls of the second, from the first arrival, that has most of them, and
// returns the coefficient of variation of the gaps.
func busiestSecond(rows []Row) (most int, cv float64) {
	perSecond := map[time.Duration]int{}
	var sum, squares float64
	for i, row := range rows {
		perSecond[row.At/time.Second]++
		most = max(most, perSecond[row.At/time.Second])
		if i > 0 {
			gap := (row.At - rows[i-1].At).Seconds()
			sum, squares = sum+gap, squares+gap*gap
		}
	}
	n := float64(len(rows) - 1)
	mean := sum / n
	return most, math.Sqrt(squares/n-mean*mean) / mean
}
