package scenarios

// splitwise is the format of the traces of SplitwiseSim (Patel et al., Splitwise, ISCA 2024): seconds.
var splitwise = traceFormat{
	name: "splitwise", shape: "request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size",
	columns: [3]string{"arrival_timestamp", "prompt_size", "token_size"}, bare: [3]int{3, 5, 6},
	time: inSeconds, read: (*traceReader).readCells,
	unread: "batch_size", plain: "1",
}
