package store

import "fmt"

// structure checks a database as a whole: that every page below the high water
// mark is in use once or free once, and that every page in use is what its place
// in the tree says. bbolt's own check runs in a goroutine that nothing guards.
type structure struct {
	pageFile
	// taken are the pages that are in use or free.
	taken []bool
}

// checkStructure checks the pages of the newest transaction.
func checkStructure(p pageFile) (what string) {
	s := &structure{pageFile: p, taken: make([]bool, p.head.highWater)}
	if what := s.take(0, metaPages); what != "" {
		return what
	}
	if what := s.checkFree(); what != "" {
		return what
	}
	if what := s.checkTree(p.head.root, true, span{}); what != "" {
		return what
	}
	for id, taken := range s.taken {
		if !taken {
			return fmt.Sprintf("page %d is neither in use nor free", id)
		}
	}
	return ""
}

// take marks pages.
func (s *structure) take(first, size uint64) (what string) {
	for id := first; id < first+size; id++ {
		switch {
		case id >= s.head.highWater:
			return fmt.Sprintf("page %d is beyond the end, %d", id, s.head.highWater)
		case s.taken[id]:
			return fmt.Sprintf("page %d is in use twice, or free and in use", id)
		}
		s.taken[id] = true
	}
	return ""
}

func (s *structure) checkFree() (what string) {
	ids, size, what := s.freeList()
	if what == "" {
		what = s.take(s.head.freeList, size)
	}
	for at := 0; what == "" && at < len(ids); at++ {
		what = s.take(ids[at], 1)
	}
	return what
}

// checkTree checks a page and all pages below it. That no page is taken twice
// keeps it from going round.
func (s *structure) checkTree(id uint64, root bool, within span) (what string) {
	n, what := s.node(id, root, within)
	if what == "" {
		what = s.take(id, n.size)
	}
	for at := 0; what == "" && at < len(n.elements); at++ {
		switch {
		case !n.leaf:
			what = s.checkTree(n.elements[at].page, root, n.below(at, within))
		case root:
			what = s.checkBucket(id, n.elements[at])
		}
	}
	return what
}

func (s *structure) checkBucket(id uint64, bucket element) (what string) {
	_, root, small, what := bucket.small(id)
	if what != "" || small {
		return what
	}
	return s.checkTree(root, false, span{})
}
