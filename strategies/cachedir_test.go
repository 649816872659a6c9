package strategies

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/headroom-dev/headroom/sim"
)

// A program is one life of a cache: its own Wall, its own memory, the directory of the one before.
func program(t *testing.T, c *Cache, service sim.Handler, f func(w *sim.Wall, ask func(key uint64) sim.Reply)) map[string]int64 {
	t.Helper()
	one := Fresh(c).(*Cache)
	w := sim.NewWall(1)
	w.Do(func() {
		stack := Stack(NewSync(), one).Wrap(w, service) // in a stack, as a level behind another
		call := 0
		f(w, func(key uint64) sim.Reply {
			call++
			return stack(sim.Request{Call: call, Key: key, Payload: letters{}})
		})
	})
	w.Wait()
	return counts(one)
}

// letters is the Payload of requests whose replies carry a string.
type letters struct{}

func (letters) PackReply(payload any) ([]byte, error) {
	if text, ok := payload.(string); ok {
		return []byte(text), nil
	}
	return nil, errors.New("no string")
}

func (letters) UnpackReply(packed []byte) (any, error) {
	if string(packed) == "spoilt" {
		return nil, errors.New("spoilt")
	}
	return string(packed), nil
}

func fileCache(t *testing.T) *Cache {
	c := NewCache()
	c.Dir = filepath.Join(t.TempDir(), "answers")
	return c
}

func fileOf(c *Cache, key uint64) string {
	return filepath.Join(c.Dir, question{key: key}.fileName())
}

func TestCacheDirOutlivesTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fileCache(t)
		c.Stale, c.Fallback.Age = 30*time.Second, 5*time.Minute
		service := func(sim.Request) sim.Reply {
			return sim.Reply{Outcome: sim.OK, Status: 203, Tokens: 12, Cached: 3, Payload: "body"}
		}
		program(t, c, service, func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1) })
		down := func(sim.Request) sim.Reply { return busy }
		for _, row := range []struct {
			after   time.Duration // since the one before
			outcome sim.Outcome
			reason  string
			counted string
		}{
			{0, sim.OK, "", "hit_fresh"},
			{time.Minute - 1, sim.OK, "", "hit_fresh"},
			{1, sim.Degraded, "stale", "hit_stale"},
			{30*time.Second - 1, sim.Degraded, "stale", "hit_stale"},
			{1, sim.Degraded, "fallback", "hit_fallback"},
			{5*time.Minute - 90*time.Second, sim.Degraded, "fallback", "hit_fallback"},
			{1, sim.Busy, "queue-full", "miss"},
		} {
			time.Sleep(row.after)
			var got sim.Reply
			counted := program(t, c, down, func(w *sim.Wall, ask func(uint64) sim.Reply) {
				got = ask(1)
				got.First = 0
			})
			want := sim.Reply{Outcome: row.outcome, Reason: row.reason, Status: 203, Tokens: 12, Cached: 3, Payload: "body"}
			if row.outcome == sim.Busy {
				want = busy
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v later (-want +got):\n%s", row.after, diff)
			}
			if counted[row.counted] != 1 || counted["dir_failed"] != 0 {
				t.Errorf("%v later: counted %v, want one %s", row.after, counted, row.counted)
			}
		}
	})
}

// The ttl goes on where it was: a program does not make an answer young, and one that stays in memory
// expires at the same moment.
func TestCacheDirKeepsTheAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fileCache(t)
		program(t, c, always(good), func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1) })
		time.Sleep(50 * time.Second)
		asked := 0
		service := func(sim.Request) sim.Reply { asked++; return good }
		counted := program(t, c, service, func(w *sim.Wall, ask func(uint64) sim.Reply) {
			ask(1)
			sim.Sleep(w, 10*time.Second-1, nil)
			ask(1)
			sim.Sleep(w, 1, nil)
			ask(1)
		})
		if asked != 1 || counted["dir_read"] != 1 {
			t.Errorf("asked %d times, read %d files, want once each: %v", asked, counted["dir_read"], counted)
		}
	})
}

// Whatever has become of a file, it is a miss and never a wrong answer, and the next good answer mends it.
func TestCacheDirSurvivesDamage(t *testing.T) {
	c := fileCache(t)
	program(t, c, always(good), func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1); ask(2) })
	path := fileOf(c, 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(fileOf(c, 2))
	if err != nil {
		t.Fatal(err)
	}
	damaged := [][]byte{nil, []byte("\n"), []byte("{}"), other, append(whole, ' ')}
	for i := range whole {
		flipped := append([]byte(nil), whole...)
		flipped[i] ^= 1
		damaged = append(damaged, flipped, whole[:i])
	}
	for _, text := range damaged {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		asked := 0
		counted := program(t, c, func(sim.Request) sim.Reply { asked++; return good }, func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1) })
		if asked != 1 || counted["dir_failed"] != 1 || counted["miss"] != 1 {
			t.Fatalf("a file of %q: asked %d times, counted %v, want a miss and a failed file", text, asked, counted)
		}
	}
	counted := program(t, c, always(busy), func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1) })
	if counted["hit_fresh"] != 1 {
		t.Errorf("not mended: counted %v", counted)
	}
}

// An answer from the future is of an unknown age: a clock was set back.
func TestCacheDirTrustsNoFuture(t *testing.T) {
	c := fileCache(t)
	program(t, c, always(good), func(*sim.Wall, func(uint64) sim.Reply) {})
	ahead := page{Key: 1, Stored: time.Now().Add(time.Hour), TTL: time.Minute}
	if err := (&files{path: c.Dir}).writePage(filepath.Base(fileOf(c, 1)), ahead); err != nil {
		t.Fatal(err)
	}
	counted := program(t, c, always(good), func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1) })
	if counted["miss"] != 1 || counted["dir_failed"] != 0 {
		t.Errorf("counted %v, want a miss", counted)
	}
}

func TestCacheDirIsBounded(t *testing.T) {
	c := fileCache(t)
	c.Entries = 3
	held := func() (keys []uint64) {
		for key := range uint64(10) {
			if _, err := os.Stat(fileOf(c, key)); err == nil {
				keys = append(keys, key)
			}
		}
		return keys
	}
	foreign := filepath.Join(c.Dir, "README")
	program(t, c, always(good), func(w *sim.Wall, ask func(uint64) sim.Reply) {
		if err := os.WriteFile(foreign, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for key := range uint64(5) {
			ask(key)
			sim.Sleep(w, 20*time.Millisecond, nil) // files that bear different times
		}
		ask(2) // reading does not make it younger
		ask(6)
	})
	if diff := cmp.Diff([]uint64{3, 4, 6}, held()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	old, recent := filepath.Join(c.Dir, "x"+asideEnding), filepath.Join(c.Dir, "y"+asideEnding)
	for _, name := range []string{old, recent} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-2 * asideLife)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	c.Entries = 1
	program(t, c, always(good), func(*sim.Wall, func(uint64) sim.Reply) {})
	if diff := cmp.Diff([]uint64{6}, held()); diff != "" {
		t.Errorf("files after a smaller bound (-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{foreign: true, old: false, recent: true} {
		if _, err := os.Stat(name); (err == nil) != want {
			t.Errorf("%s: %v, want it kept: %v", filepath.Base(name), err, want)
		}
	}
}

func TestCacheDirIsForItsOwnerOnly(t *testing.T) {
	c := fileCache(t)
	program(t, c, always(good), func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1) })
	for path, want := range map[string]os.FileMode{c.Dir: 0o700, fileOf(c, 1): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want && os.PathSeparator == '/' {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files (%v), want the answer alone: nothing is left aside", len(entries), err)
	}
}

// A directory that cannot be had costs no answer.
func TestCacheWithoutItsDirStillAnswers(t *testing.T) {
	c := fileCache(t)
	if err := os.WriteFile(c.Dir, nil, 0o600); err != nil { // a file in its place
		t.Fatal(err)
	}
	counted := program(t, c, always(good), func(_ *sim.Wall, ask func(uint64) sim.Reply) {
		for range 3 {
			if got := ask(1); got.Outcome != sim.OK {
				t.Errorf("%v, want ok", got.Outcome)
			}
		}
	})
	if counted["hit_fresh"] != 2 || counted["dir_failed"] == 0 {
		t.Errorf("counted %v, want 2 hits from memory and a failed directory", counted)
	}
}

// Only who can bring a Payload into bytes has it written down.
func TestCacheDirAsksForThePayload(t *testing.T) {
	for _, row := range []struct {
		name         string
		payload      any
		hit          int64
		failed       int64 // when written
		failedLater  int64 // when read
		withoutFiles bool
	}{
		{"none", nil, 1, 0, 0, false},
		{"one that is known", "text", 1, 0, 0, false},
		{"one that cannot be packed", 7, 0, 1, 0, true},
		{"one that cannot be unpacked", "spoilt", 0, 0, 1, false},
	} {
		c := fileCache(t)
		service := always(sim.Reply{Outcome: sim.OK, Payload: row.payload})
		wrote := program(t, c, service, func(_ *sim.Wall, ask func(uint64) sim.Reply) { ask(1) })
		_, err := os.Stat(fileOf(c, 1))
		if (err != nil) != row.withoutFiles || wrote["dir_failed"] != row.failed {
			t.Errorf("%s: file %v, counted %v", row.name, err, wrote)
		}
		read := program(t, c, service, func(_ *sim.Wall, ask func(uint64) sim.Reply) {
			if got := ask(1); got.Payload != row.payload {
				t.Errorf("%s: got payload %v, want %v", row.name, got.Payload, row.payload)
			}
		})
		if read["hit_fresh"] != row.hit || read["dir_failed"] != row.failed+row.failedLater {
			t.Errorf("%s: then counted %v, want %d hits", row.name, read, row.hit)
		}
	}
}

func TestCacheDirIsIgnoredInVirtualTime(t *testing.T) {
	c := fileCache(t)
	run(t, func(w *sim.World) { c.Wrap(w, always(good))(sim.Request{}) })
	if _, err := os.Stat(c.Dir); !os.IsNotExist(err) {
		t.Errorf("the directory was touched: %v", err)
	}
	if got := counts(c); got["dir_read"]+got["dir_failed"] != 0 {
		t.Errorf("counted %v", got)
	}
}

// Many at once ask for what is in files, while others are written and removed: on one Wall with real
// processes, for the race detector.
func TestCacheDirServesManyAtOnce(t *testing.T) {
	c := fileCache(t)
	c.Entries = 8
	for range 2 {
		counted := program(t, c, always(good), func(w *sim.Wall, ask func(uint64) sim.Reply) {
			for caller := range 16 {
				w.Go(func() {
					for i := range 30 {
						if got := ask(uint64((caller + i*i) % 12)); got.Outcome != sim.OK {
							t.Errorf("%v, want ok", got.Outcome)
						}
						sim.Sleep(w, time.Millisecond, nil)
					}
				})
			}
		})
		if got := counted["hit_fresh"] + counted["miss"]; got != 16*30 {
			t.Errorf("%d calls counted, want %d: %v", got, 16*30, counted)
		}
	}
	entries, err := os.ReadDir(c.Dir)
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), asideEnding) {
			t.Errorf("%s was left aside", entry.Name())
		}
	}
	if err != nil || len(entries) > 8 {
		t.Errorf("%d files (%v), want at most 8", len(entries), err)
	}
}
