package backend

import "math"

const gib = 1 << 30

// memory is where the memory of a replica's cards goes, in bytes over all of them. The three lumps
// are inference-sim's figures for vLLM.
type memory struct {
	usable      float64 // what the engine may take: GiB x gpu_memory_utilization x TP
	weights     float64 // the model, wbytes L P + 2 V d 2 B: embedding and head are not quantised
	activations float64 // 5.5 GiB dense, 8 GiB with experts
	other       float64 // what does not belong to the framework: 0.15 GiB a card alone, 0.6 GiB a card of several
	perToken    float64 // keys and values of one token
}

// memory returns the memory of one replica. fp8 keys and values take one byte here, though their
// reading did not get faster in measurements: time always uses two (physics).
func (m *LLM) memory() memory {
	tp := float64(m.TP)
	out := memory{
		usable:      m.GPU.Memory * gib * float64(m.GPUMemoryUtilization) * tp,
		activations: 5.5 * gib,
		other:       0.15 * gib,
		perToken:    m.Model.kvValues() * m.KV.bytes() * m.kvCopies(),
	}
	if m.TP > 1 {
		out.other = 0.6 * gib * tp
	}
	if !m.Model.dense() {
		out.activations = 8 * gib
	}
	out.weights = m.Precision.bytes()*m.Model.layersParams() + m.Precision.headBytes()*m.Model.embedding()
	return out
}

// kvCopies is how often the same keys and values are kept: cards beyond the number of KV heads hold
// copies, and every card holds all of a latent.
func (m *LLM) kvCopies() float64 {
	if m.Model.Latent > 0 {
		return float64(m.TP)
	}
	return max(1, float64(m.TP)/float64(m.Model.KVHeads))
}

// blocks returns how many blocks of keys and values fit, the reserved one included:
//
//	blocks = floor((GiB util TP - weights - activations - other) / (block kvtok))
//
// It is zero or less where the model itself does not fit.
func (m memory) blocks(block int) int {
	return int(math.Floor((m.usable - m.weights - m.activations - m.other) / (float64(block) * m.perToken)))
}
