package scenarios

import "time"

// burstGPT is the format of BurstGPT (Wang et al., arXiv:2401.17644). Its times are seconds, whole ones
// in the first two releases; the third adds Session ID and Elapsed time behind Timestamp and has
// fractions. A call that failed has no response tokens.
var burstGPT = traceFormat{
	name: "burstgpt", shape: "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
	columns: [3]string{"Timestamp", "Request tokens", "Response tokens"}, bare: [3]int{0, 2, 3},
	time: inSeconds, read: (*traceReader).readCells,
	grain: time.Second, failed: true,
}
