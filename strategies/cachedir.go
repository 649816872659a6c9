package strategies

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/headroom-dev/headroom/sim"
)

// A Keeper is a Request.Payload that brings the Reply.Payload of its call into bytes and back. A cache
// with a directory finds it by assertion; a reply with a Payload but without a Keeper stays in memory.
type Keeper interface {
	PackReply(payload any) ([]byte, error)
	UnpackReply(packed []byte) (any, error)
}

// files are the directory of a cache: one file for each answer, written aside and renamed, so that whoever
// reads finds all of it or nothing. A file that is damaged, too old or not there is a miss, and one that
// cannot be written is lost: neither is a failure of the call.
//
// This is the one place of the strategies that asks for the time of day: a run's own clock begins anew
// with each program, and an answer must not become young by that.
type files struct {
	wall  *sim.Wall
	path  string
	names *simplelru.LRU[string, struct{}] // by when they were stored: reading one does not make it younger
	over  []string                         // names that are too many, their files still there

	read, failed int64
}

// A page is what a file holds after the line with its hash.
type page struct {
	Key     uint64        `json:"key"`
	User    uint64        `json:"user"`
	Stored  time.Time     `json:"stored"` // time of day
	TTL     time.Duration `json:"ttl_ns"` // with the jitter it drew
	Status  int           `json:"status"`
	Tokens  int           `json:"tokens"`
	Cached  int           `json:"cached"`
	Packed  bool          `json:"packed"` // there is a Payload
	Payload []byte        `json:"payload,omitempty"`
}

const (
	asideEnding = ".aside"  // of files that are being written
	asideLife   = time.Hour // after which one is what a crash left behind
)

// openFiles looks through a directory, which it makes where there is none, and removes the oldest answers
// beyond most. It returns nil without a path, and in virtual time. A directory that cannot be had is an
// empty one whose every file fails.
func openFiles(env sim.Env, path string, most int) *files {
	wall := wallOf(env)
	if path == "" || wall == nil {
		return nil
	}
	f := &files{wall: wall, path: path}
	var err error
	if f.names, err = simplelru.NewLRU(most, func(name string, _ struct{}) { f.over = append(f.over, name) }); err != nil {
		panic("strategies: cache: " + err.Error()) // Validate refuses such a size
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		f.failed++
		return f
	}
	for _, name := range f.list() {
		f.names.Add(name, struct{}{})
	}
	f.remove(f.over)
	f.over = nil
	return f
}

// wallOf returns the Wall that an Env is, below the names a stack gave to its streams; nil for a World.
func wallOf(env sim.Env) *sim.Wall {
	for {
		switch e := env.(type) {
		case renamed:
			env = e.Env
		case *sim.Wall:
			return e
		default:
			return nil
		}
	}
}

// list returns the names of the answers in the directory, the oldest first. Files of other names are
// somebody else's, but for what a crash left half-written.
func (f *files) list() []string {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		f.failed++
	}
	type aged struct {
		name string
		at   time.Time
	}
	var found []aged
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch name := entry.Name(); {
		case len(name) == 2*sha256.Size && strings.Trim(name, "0123456789abcdef") == "":
			found = append(found, aged{name, info.ModTime()})
		case strings.HasSuffix(name, asideEnding) && time.Since(info.ModTime()) > asideLife:
			f.remove([]string{name})
		}
	}
	slices.SortStableFunc(found, func(a, b aged) int { return a.at.Compare(b.at) })
	names := make([]string, len(found))
	for i, one := range found {
		names[i] = one.name
	}
	return names
}

// fileName is the SHA-256 of the question, in hexadecimal.
func (q question) fileName() string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, q.key), q.user))
	return hex.EncodeToString(sum[:])
}

// find reads the answer to a question. It gives up the turn only where there is a file.
func (f *files) find(asked question, payload any) (answer, bool) {
	name := asked.fileName()
	if !f.names.Contains(name) {
		return answer{}, false
	}
	var p page
	var err error
	var age time.Duration
	f.wall.Block(func() {
		p, err = readPage(filepath.Join(f.path, name))
		age = time.Since(p.Stored)
	})
	switch {
	case errors.Is(err, fs.ErrNotExist): // another program that has this directory removed it
		return answer{}, false
	case err != nil || p.Key != asked.key || p.User != asked.user:
		f.failed++
		return answer{}, false
	case age < 0: // the clock was set back: nobody knows how old it is
		return answer{}, false
	}
	reply := sim.Reply{Outcome: sim.OK, Status: p.Status, Tokens: p.Tokens, Cached: p.Cached}
	if p.Packed {
		keeper, ok := payload.(Keeper)
		if ok {
			reply.Payload, err = keeper.UnpackReply(p.Payload)
		}
		if !ok || err != nil {
			f.failed++
			return answer{}, false
		}
	}
	f.read++
	stored := f.wall.Now() - age
	return answer{reply: reply, stored: stored, until: later(stored, p.TTL)}, true
}

// write keeps an answer that was stored just now. It is written in a process of its own: nobody waits for
// a disk.
func (f *files) write(asked question, kept answer, payload any) {
	p := page{
		Key: asked.key, User: asked.user, Stored: time.Now().Round(0), TTL: kept.until - kept.stored,
		Status: kept.reply.Status, Tokens: kept.reply.Tokens, Cached: kept.reply.Cached,
	}
	if kept.reply.Payload != nil {
		keeper, ok := payload.(Keeper)
		if !ok {
			return
		}
		var err error
		if p.Payload, err = keeper.PackReply(kept.reply.Payload); err != nil {
			f.failed++
			return
		}
		p.Packed = true
	}
	name := asked.fileName()
	f.names.Add(name, struct{}{})
	over := f.over
	f.over = nil
	f.wall.Go(func() {
		var err error
		f.wall.Block(func() {
			err = f.writePage(name, p)
			f.remove(over)
		})
		if err != nil {
			f.failed++
		}
		if !f.names.Contains(name) { // by the time it was written it was one too many
			f.wall.Block(func() { f.remove([]string{name}) })
		}
	})
}

// writePage writes a file aside and gives it its name. It is not forced to the disk: what a power cut
// leaves of it does not have its hash.
func (f *files) writePage(name string, p page) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	aside, err := os.CreateTemp(f.path, name+".*"+asideEnding)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(aside, "%x\n%s", sum, text)
	err = errors.Join(err, aside.Close())
	if err == nil {
		err = os.Rename(aside.Name(), filepath.Join(f.path, name))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(aside.Name()))
	}
	return err
}

// readPage reads a file back; one that is not as it was written is an error.
func readPage(path string) (p page, err error) {
	all, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	head, text, _ := bytes.Cut(all, []byte("\n"))
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != string(head) {
		return p, fmt.Errorf("%s is damaged", path)
	}
	return p, json.Unmarshal(text, &p)
}

// remove deletes files. One that stays is found by the next program, and removed then.
func (f *files) remove(names []string) {
	for _, name := range names {
		_ = os.Remove(filepath.Join(f.path, name)) // it may have been removed by another program
	}
}

// counts are answers found in files, and files that could not be read or written.
func (f *files) counts() (read, failed int64) {
	if f == nil {
		return 0, 0
	}
	return f.read, f.failed
}
