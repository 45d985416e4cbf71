package supervision

// queue is a first-in first-out ring that grows and, once empty, lets go of a
// buffer of which little was needed since it was empty before: bursts that come
// again find room, one that came once costs nothing for long. The length of buf
// is a power of two.
type queue[T any] struct {
	buf  []T
	head int
	n    int
	most int // elements at once, since it was empty
}

const (
	queueFirst = 4  // slots of the first buffer
	queueKeep  = 64 // slots that are kept in any case
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
	q.most = max(q.most, q.n)
}

// at is the i-th oldest element; there must be one.
func (q *queue[T]) at(i int) *T { return &q.buf[(q.head+i)&(len(q.buf)-1)] }

// remove takes the i-th oldest element out; those behind it move up.
func (q *queue[T]) remove(i int) {
	for ; i < q.n-1; i++ {
		*q.at(i) = *q.at(i + 1)
	}
	var zero T
	*q.at(i) = zero
	q.n--
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
	if q.n == 0 {
		if len(q.buf) > max(queueKeep, 4*q.most) {
			q.buf, q.head = nil, 0
		}
		q.most = 0
	}
	return v
}
