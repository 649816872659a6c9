package serve

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/headroom-dev/headroom/sim/backend"
)

// allowed reports whether a request carries the key that was asked for. The hashes are compared, so
// that the time it takes tells nothing.
func (s *Server) allowed(r *http.Request) bool {
	if s.options.APIKey == "" {
		return true
	}
	given := r.Header.Get("X-Api-Key")
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		given = strings.TrimSpace(token)
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.options.APIKey))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// A card is the entry of a model, as vLLM and OpenAI list it.
type card struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
	Longest *int   `json:"max_model_len,omitempty"`
}

func (s *Server) card() card {
	c := card{ID: s.model, Object: "model", Created: s.born.Unix(), OwnedBy: "headroom"}
	if s.longest > 0 {
		c.Longest = &s.longest
	}
	return c
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{"object": "list", "data": []card{s.card()}})
}

func (s *Server) showModel(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("model"); name != s.model {
		s.refuse(w, r, noModel(name))
		return
	}
	writeJSON(w, s.card())
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller has gone
}

// health is 200 with nothing in it while a replica can serve and no stop was asked for; 503 otherwise.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	live := false
	s.wall.Do(func() {
		for _, m := range s.running.Pool.Members() {
			live = live || m.State() == backend.Ready
		}
	})
	if !live || s.stopped.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]string{"version": s.options.Version})
}

// index is a page for people: what this is and how to talk to it.
func (s *Server) index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	base := "http://" + r.Host
	key := ""
	if s.options.APIKey != "" {
		key = ` -H "Authorization: Bearer $KEY"`
	}
	scenario, classes := s.Names()
	fmt.Fprintf(w, "headroom serve: the simulated service of scenario %s, model %s, profile %s, %g times real time.\nNothing here is a language model: the words mean nothing, the times do.\n\n",
		scenario, s.model, s.profile.Name, s.options.Speed)
	fmt.Fprintf(w, "curl%s %s/v1/models\n", key, base)
	fmt.Fprintf(w, "curl -N%s %s/v1/chat/completions -d '{\"model\":%s,\"stream\":true,\"max_tokens\":20,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n", key, base, quoted(s.model))
	fmt.Fprintf(w, "curl %s/metrics\ncurl -i %s/health\n", base, base)
	if len(classes) > 0 {
		io.WriteString(w, "\nHeader X-Priority: "+strings.Join(classes, ", ")+"\n")
	}
}

// requestID names a request whose call has no number: the service never saw it.
func requestID(r *http.Request) string {
	return fmt.Sprintf("req_%016x", mix(hashText(r.RemoteAddr+r.URL.Path)))
}
