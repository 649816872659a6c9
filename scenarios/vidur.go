package scenarios

// vidur is the format of the processed traces of Vidur (Agrawal et al., MLSys 2024): seconds.
var vidur = traceFormat{
	name: "vidur", shape: "arrived_at,num_prefill_tokens,num_decode_tokens",
	columns: [3]string{"arrived_at", "num_prefill_tokens", "num_decode_tokens"}, bare: [3]int{0, 1, 2},
	time: inSeconds, read: (*traceReader).readCells,
}
