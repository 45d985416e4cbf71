package supervision

// queue is a first-in first-out ring that grows and, once empty, lets go of a
// large buffer. The length of buf is a power of two.
type queue[T any] struct {
	buf  []T
	head int
	n    int
}

const (
	queueFirst = 4  // slots of the first buffer
	queueKeep  = 64 // the largest buffer kept while empty
)

func (q *queue[T]) push(v T) {
	if q.n == len(q.buf) {
		bigger := make([]T, max(queueFirst, 2*len(q.buf)))
		for i := range q.n {
			bigger[i] = q.buf[(q.head+i)&(len(q.buf)-1)]
		}
		q.buf, q.head = bigger, 0
	}
	q.buf[(q.head+q.n)&(len(q.buf)-1)] = v
	q.n++
}

// front is the oldest element; the queue must not be empty.
func (q *queue[T]) front() T { return q.buf[q.head] }

// pop takes the oldest element; the queue must not be empty.
func (q *queue[T]) pop() T {
	var zero T
	v := q.buf[q.head]
	q.buf[q.head] = zero
	q.head = (q.head + 1) & (len(q.buf) - 1)
	q.n--
	if q.n == 0 && len(q.buf) > queueKeep {
		*q = queue[T]{}
	}
	return v
}
