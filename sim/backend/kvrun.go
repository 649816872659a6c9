package backend

// A run is blocks that follow each other in every prompt they are part of. Whoever holds one of them
// holds all before it, and they are released from the end; so those that are there are always the first
// `present`, and those that are held the first held() of them.
type run struct {
	name    runName // zero for what a sequence has put out
	present int
	holders lengths

	lowest, highest *extent // of the blocks that nobody holds, [held(), present)
}

// held returns how many blocks of the run somebody holds.
func (r *run) held() int { return r.holders.most() }

// lengths are how many holders hold the first so many blocks of a run. There are few lengths: holders
// whose prompts are done hold the same.
type lengths []struct{ length, holders int }

func (l lengths) most() int {
	most := 0
	for _, one := range l {
		most = max(most, one.length)
	}
	return most
}

func (l *lengths) add(n int) {
	for i := range *l {
		if (*l)[i].length == n {
			(*l)[i].holders++
			return
		}
	}
	*l = append(*l, struct{ length, holders int }{n, 1})
}

// remove takes away one holder of n blocks, which must be there.
func (l *lengths) remove(n int) {
	for i := range *l {
		one := &(*l)[i]
		if one.length != n {
			continue
		}
		if one.holders--; one.holders == 0 {
			last := len(*l) - 1
			*one = (*l)[last]
			*l = (*l)[:last]
		}
		return
	}
	panic("backend: a holder left a run that it does not hold")
}

// An extent is the blocks [from, to) of a run that were released together, or blocks without a name if
// it has no run. They are taken from the end.
type extent struct {
	run        *run
	from, to   int
	prev, next *extent // released before it, and after
	higher     *extent // the one of the same run that was released before it
	lower      *extent // and after
}

func (e *extent) size() int { return e.to - e.from }

// extents are released blocks, the longest released first. The extents of a run stand in it from the
// highest to the lowest.
type extents struct {
	first, last *extent
	unused      *extent // linked by next
}

// pushBlank puts k blocks without a name at the end.
func (l *extents) pushBlank(k int) {
	if l.last != nil && l.last.run == nil {
		l.last.to += k
		return
	}
	l.append(nil, 0, k)
}

// push puts the blocks [from, to) of r at the end. They must lie right below its others.
func (l *extents) push(r *run, from, to int) {
	if l.last != nil && l.last.run == r {
		l.last.from = from
		return
	}
	e := l.append(r, from, to)
	e.higher, r.lowest = r.lowest, e
	if e.higher == nil {
		r.highest = e
	} else {
		e.higher.lower = e
	}
}

func (l *extents) append(r *run, from, to int) *extent {
	e := l.unused
	if e == nil {
		e = new(extent)
	} else {
		l.unused = e.next
	}
	*e = extent{run: r, from: from, to: to, prev: l.last}
	if l.last == nil {
		l.first = e
	} else {
		l.last.next = e
	}
	l.last = e
	return e
}

// take takes out the released blocks of r below n.
func (l *extents) take(r *run, n int) {
	for e := r.lowest; e != nil && e.from < n; e = r.lowest {
		if e.to > n {
			e.from = n
			return
		}
		l.remove(e)
	}
}

// remove takes out an extent.
func (l *extents) remove(e *extent) {
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	if r := e.run; r != nil {
		if e.higher == nil {
			r.highest = e.lower
		} else {
			e.higher.lower = e.lower
		}
		if e.lower == nil {
			r.lowest = e.higher
		} else {
			e.lower.higher = e.higher
		}
	}
	*e = extent{next: l.unused}
	l.unused = e
}
