package filedrop

import "time"

// deadliner is what a Stream may be besides, as a net.Conn is: one whose reads
// and writes can be bounded in time.
type deadliner interface{ SetDeadline(time.Time) error }

// patientStream gives up a peer that stays silent, or takes nothing, for that
// long.
type patientStream struct {
	Stream
	patience time.Duration
}

// Read reads, as long as patience lasts.
func (s patientStream) Read(b []byte) (int, error) {
	s.rewind()
	return s.Stream.Read(b)
}

// Write writes, as long as patience lasts.
func (s patientStream) Write(b []byte) (int, error) {
	s.rewind()
	return s.Stream.Write(b)
}

func (s patientStream) rewind() {
	if d, ok := s.Stream.(deadliner); ok {
		_ = d.SetDeadline(time.Now().Add(s.patience)) // a stream that is over says so itself
	}
}
