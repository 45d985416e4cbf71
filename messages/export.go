package messages

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An export is the facts of one context in a file. It is canonical: nodes that
// agree on the facts write the same bytes, but for the signature of a fact that
// its author, against the rules, has signed twice. It holds no key; the bodies are
// sealed as they were sent. All integers are big-endian:
//
//	"waymeet/1 export" 16 ‖ context 32
//	a fact: length 4, not 0 ‖ the fact          any number, in the order of (HLC, FactID)
//	the end: 0 4 ‖ count 8 ‖ fingerprint 32
const exportMagic = "waymeet/1 export"

// ErrExport reports a file that is no export, or not a whole one.
var ErrExport = errors.New("not a whole export of a journal")

// ExportWriter writes an export. Nothing is checked: the caller gives the facts
// in their order.
type ExportWriter struct{ to io.Writer }

// NewExportWriter begins an export.
func NewExportWriter(to io.Writer, context ContextID) (ExportWriter, error) {
	_, err := to.Write(append([]byte(exportMagic), context[:]...))
	return ExportWriter{to}, err
}

// Write writes the next fact.
func (w ExportWriter) Write(fact []byte) error {
	_, err := w.to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(fact))), fact...))
	return err
}

// End writes what describes all the facts.
func (w ExportWriter) End(count uint64, fingerprint [32]byte) error {
	end := binary.BigEndian.AppendUint64(make([]byte, 4), count)
	_, err := w.to.Write(append(end, fingerprint[:]...))
	return err
}

// ExportReader reads an export.
type ExportReader struct {
	// Context is whose facts they are.
	Context ContextID
	// Count and Fingerprint are what the end says; they are known after io.EOF.
	Count       uint64
	Fingerprint [32]byte

	from *bufio.Reader
	read uint64
}

// NewExportReader reads the beginning of an export.
func NewExportReader(from io.Reader) (*ExportReader, error) {
	r := &ExportReader{from: bufio.NewReader(from)}
	var head [len(exportMagic) + len(r.Context)]byte
	if err := r.full(head[:]); err != nil {
		return nil, err
	}
	if string(head[:len(exportMagic)]) != exportMagic {
		return nil, fmt.Errorf("%w: it begins with something else", ErrExport)
	}
	r.Context = ContextID(head[len(exportMagic):])
	return r, nil
}

// Next is the next fact, unchecked, or io.EOF after the last one of a whole
// export.
func (r *ExportReader) Next() ([]byte, error) {
	var length [4]byte
	if err := r.full(length[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(length[:])
	if size == 0 {
		return nil, r.end()
	}
	if size > MaxFactSize {
		return nil, fmt.Errorf("%w: fact of %d bytes, at most %d", ErrExport, size, MaxFactSize)
	}
	fact := make([]byte, size)
	if err := r.full(fact); err != nil {
		return nil, err
	}
	r.read++
	return fact, nil
}

func (r *ExportReader) end() error {
	var end [8 + 32]byte
	if err := r.full(end[:]); err != nil {
		return err
	}
	r.Count, r.Fingerprint = binary.BigEndian.Uint64(end[:]), [32]byte(end[8:])
	switch _, err := r.from.ReadByte(); {
	case err == nil:
		return fmt.Errorf("%w: bytes follow its end", ErrExport)
	case !errors.Is(err, io.EOF):
		return err
	case r.Count != r.read:
		return fmt.Errorf("%w: %d facts are in it, it was made of %d", ErrExport, r.read, r.Count)
	}
	return io.EOF
}

func (r *ExportReader) full(b []byte) error {
	_, err := io.ReadFull(r.from, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut short", ErrExport)
	}
	return err
}
