package serve

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/headroom-dev/headroom/sim/backend"
)

// A fault is what is wrong with a request, before the service has seen it.
type fault struct {
	status      int
	message     string
	param, code string // "": null
}

func invalid(format string, args ...any) *fault {
	return &fault{http.StatusBadRequest, fmt.Sprintf(format, args...), "", ""}
}

func notFound(what string) *fault { return &fault{http.StatusNotFound, what, "", ""} }

func noModel(name string) *fault {
	return &fault{http.StatusNotFound, fmt.Sprintf("The model `%s` does not exist.", name), "model", "model_not_found"}
}

// tooLong is vLLM's text since 0.16.
func tooLong(prompt, output, longest int) *fault {
	return &fault{http.StatusBadRequest, fmt.Sprintf("You passed %d input tokens and requested %d output tokens. However, the model's context length is only %d tokens, "+
		"resulting in a maximum input length of %d tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=%d)",
		prompt, output, longest, max(0, longest-output), prompt), "input_tokens", "context_length_exceeded"}
}

var (
	unauthorized = &fault{http.StatusUnauthorized, "Incorrect API key provided.", "", "invalid_api_key"}
	stopping     = &fault{http.StatusServiceUnavailable, "The server is shutting down.", "", ""}
)

// kinds are the error types of the forms, by status. 503 and 529 are the profile's own.
var kinds = map[backend.ErrorForm]map[int]string{
	backend.OpenAIForm: {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error", 413: "invalid_request_error", 500: "server_error"},
	backend.VLLMForm:   {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 413: "BadRequestError", 500: "InternalServerError"},
	backend.AnthropicForm: {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
		413: "request_too_large", 500: "api_error"},
}

// refuse answers a request with what is wrong with it.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, f *fault) {
	says := backend.Refusal{Status: f.status, Type: kinds[s.profile.Form][f.status], Code: f.code, Message: f.message}
	if says.Type == "" {
		says.Type = s.profile.Overload.Type
	}
	s.writeError(w, says, f.param, requestID(r))
}

// writeError writes an error as an answer of its own.
func (s *Server) writeError(w http.ResponseWriter, says backend.Refusal, param, id string) {
	text := s.errorBody(says, param, id)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(says.Status)
	_, _ = w.Write(text) // the caller has gone
}

// errorBody returns the JSON of an error, in the provider's form.
func (s *Server) errorBody(says backend.Refusal, param, id string) []byte {
	text := func(v string) string {
		if v == "" {
			return "null"
		}
		return quoted(v)
	}
	message, kind := quoted(says.Message), quoted(says.Type)
	switch s.profile.Form {
	case backend.AnthropicForm:
		return []byte(`{"type":"error","error":{"type":` + kind + `,"message":` + message + `},"request_id":` + quoted(id) + `}`)
	case backend.TritonForm:
		return []byte(`{"error":` + message + `}`)
	case backend.VLLMForm:
		return []byte(`{"error":{"message":` + message + `,"type":` + kind + `,"param":` + text(param) + `,"code":` + strconv.Itoa(says.Status) + `}}`)
	}
	return []byte(`{"error":{"message":` + message + `,"type":` + kind + `,"param":` + text(param) + `,"code":` + text(says.Code) + `}}`)
}

// errorEvent returns the same inside a stream.
func (s *Server) errorEvent(says backend.Refusal, id string) []byte {
	data := "data: " + string(s.errorBody(says, "", id)) + "\n\n"
	if s.profile.Form == backend.AnthropicForm {
		data = "event: error\n" + data
	}
	return []byte(data)
}

func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
