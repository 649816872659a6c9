package backend

// ranked is jobs by a key, the least first, equal keys by order: a binary heap whose jobs know their
// place, so that one whose caller goes leaves at once.
type ranked[K int64 | float64] []rank[K]

type rank[K int64 | float64] struct {
	key   K
	order int64
	job   *job
}

func (r rank[K]) before(o rank[K]) bool {
	return r.key < o.key || r.key == o.key && r.order < o.order
}

func (h *ranked[K]) push(r rank[K]) {
	*h = append(*h, r)
	h.up(len(*h)-1, r)
}

// remove takes out the job at place i.
func (h *ranked[K]) remove(i int) rank[K] {
	old := *h
	out, last := old[i], len(old)-1
	moved := old[last]
	old[last] = rank[K]{}
	*h = old[:last]
	switch {
	case i == last:
	case i > 0 && moved.before(old[(i-1)/2]):
		h.up(i, moved)
	default:
		h.down(i, moved)
	}
	return out
}

func (h ranked[K]) up(i int, r rank[K]) {
	for i > 0 {
		parent := (i - 1) / 2
		if !r.before(h[parent]) {
			break
		}
		h.set(i, h[parent])
		i = parent
	}
	h.set(i, r)
}

func (h ranked[K]) down(i int, r rank[K]) {
	for {
		least := 2*i + 1
		if least >= len(h) {
			break
		}
		if right := least + 1; right < len(h) && h[right].before(h[least]) {
			least = right
		}
		if !h[least].before(r) {
			break
		}
		h.set(i, h[least])
		i = least
	}
	h.set(i, r)
}

func (h ranked[K]) set(i int, r rank[K]) {
	h[i] = r
	r.job.index = i
}
