package strategies

// Explain says what compress does and when it helps.
func (c *Compress) Explain() Explanation {
	return Explanation{
		Does: "Sends the bodies of requests compressed, from a size on, and says so in Content-Encoding. Each attempt is compressed anew. " +
			"It counts the bytes before and as sent; the network counts the milliseconds of transfer that were saved and those of work that were spent.",
		Equation: "time = b cpu + 8 b/(ratio bandwidth) for a body of b bytes, in place of 8 b/bandwidth\n" +
			"it pays where cpu < (8/bandwidth) (1 - 1/ratio): br below 630 Mbit/s",
		Helps: "Long prompts over thin lines, such as callers at home or on the road, and where traffic is paid by the byte.",
		Hurts: "A service bound by its GPUs does not notice: 8 KB at 100 Mbit/s are 0.65 ms of an answer's seconds, so say \"no effect\". " +
			"Many APIs refuse Content-Encoding on requests, with 415 or because they read no JSON in it; such failures are not retried. " +
			"Base64 around it gives a third of the bytes back, and no server undoes it. High levels cost ten times the work for a few percent.",
		Parameters: []Parameter{
			{"codec", "br (Brotli), zstd or gzip"},
			{"level", "how hard it tries: 1 to 9, of zstd to 22 in four steps; 0 is 4 of br, 3 of zstd, 6 of gzip"},
			{"min", "a smaller body is sent as it is, such as 512, 10kB or 1KiB; in virtual time a prompt has 4 bytes a token"},
			{"ratio", "size before / size after, in virtual time; 1 to 1000; 0 is what was measured on synthetic JSON of chats at level 0: br 6.0, zstd 5.2, gzip 6.4. Prose has 2 to 3"},
			{"cpu", "work on each megabyte before, in virtual time; 0s to 1m; 0s is what was measured at level 0: br 10.5 ms, zstd 6.1 ms, gzip 27 ms. Real time does the work"},
		},
		Example: "[pooled, {compress: {codec: zstd, min: 4KiB, ratio: 2.7}}]",
		Sources: []string{
			"RFC 7932 (Brotli), RFC 8878 (zstd), RFC 1952 (gzip), RFC 9110 8.4 (Content-Encoding) and 15.5.16 (415)",
			"github.com/andybalholm/brotli v1.2.8 (NewWriterV2), github.com/klauspost/compress v1.20.3 (zstd), compress/gzip",
		},
	}
}
