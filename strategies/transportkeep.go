package strategies

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// A packedAnswer is an answer as a cache writes it to its directory.
type packedAnswer struct {
	Status  int         `json:"status"`
	Proto   string      `json:"proto"`
	Header  http.Header `json:"header"`
	Trailer http.Header `json:"trailer,omitempty"`
	Length  int64       `json:"length"` // as the head says it; -1: it does not
	Text    []byte      `json:"text"`
}

var _ Keeper = (*roundTrip)(nil)

// PackReply turns what a reply carries into bytes, for a cache that outlives the program. Cookies stay
// with the caller they were for.
func (*roundTrip) PackReply(payload any) ([]byte, error) {
	got, ok := payload.(*received)
	if !ok || got.head == nil || got.open || got.err != nil {
		return nil, errors.New("no complete answer")
	}
	header := got.head.Header.Clone()
	header.Del("Set-Cookie")
	return json.Marshal(packedAnswer{got.head.StatusCode, got.head.Proto, header, got.head.Trailer, got.head.ContentLength, got.text})
}

// UnpackReply returns what PackReply packed.
func (*roundTrip) UnpackReply(packed []byte) (any, error) {
	var k packedAnswer
	if err := json.Unmarshal(packed, &k); err != nil {
		return nil, err
	}
	major, minor, ok := http.ParseHTTPVersion(k.Proto)
	if !ok || k.Status < 100 || k.Header == nil {
		return nil, errors.New("no answer is kept there")
	}
	return &received{text: k.Text, head: &http.Response{
		Status: strconv.Itoa(k.Status) + " " + http.StatusText(k.Status), StatusCode: k.Status, Proto: k.Proto, ProtoMajor: major, ProtoMinor: minor,
		Header: k.Header, Trailer: k.Trailer, ContentLength: k.Length, Body: http.NoBody,
	}}, nil
}
