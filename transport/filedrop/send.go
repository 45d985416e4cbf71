package filedrop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/waymeet/waymeet/messages"
)

// Stream is the two-way stream that a file travels on. CloseWrite ends our
// half. Close ends both: what was written before still arrives, and a Read or
// Write that blocks returns. Close may come from another goroutine, and twice.
type Stream interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// chunk is how many bytes are read, hashed and written at a time.
const chunk = 128 << 10

// Outgoing is a file to send.
type Outgoing struct {
	// Name is the base name that the receiver is told; CheckName holds.
	Name string
	// Size is how many bytes Content has.
	Size    uint64
	Content io.Reader
	// Progress is called with the bytes sent so far, if it is not nil.
	Progress func(done uint64)
}

// Sent is what the peer acknowledged.
type Sent struct {
	// Name is what the peer stored the file under; it keeps the rule for
	// names, but a person should see it through messages.Printable.
	Name string
	Size uint64
	// Hash is SHA-256 of the content, the same at both ends.
	Hash [sha256.Size]byte
}

// Send sends one file over a stream whose protocol name has been written, and
// returns when the peer has stored it, durable. It closes the stream, and
// returns early when ctx ends.
//
// The error is a RefusedError, ErrBroken, ErrChanged, ErrHash, ErrName, or
// that of ctx.
//
// The receiver says FileAccepted before a byte of content moves, so that a
// refusal costs nobody the content.
func Send(ctx context.Context, s Stream, file Outgoing) (Sent, error) {
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	sent, err := send(s, file)
	if err != nil && ctx.Err() != nil {
		return Sent{}, context.Cause(ctx)
	}
	return sent, err
}

func send(s Stream, file Outgoing) (Sent, error) {
	if err := CheckName(file.Name); err != nil {
		return Sent{}, err
	}
	if err := write(s, messages.FileOffer{Name: file.Name, Size: file.Size}); err != nil {
		return Sent{}, err
	}
	if err := expectAccepted(s, file.Name); err != nil {
		return Sent{}, err
	}
	hash, err := sendContent(s, file)
	if errors.Is(err, ErrBroken) {
		// Who stopped reading may have said why.
		var refused *RefusedError
		if _, why := expectStored(s, file.Name); errors.As(why, &refused) {
			return Sent{}, refused
		}
	}
	if err != nil {
		return Sent{}, err
	}
	stored, err := expectStored(s, file.Name)
	if err != nil {
		return Sent{}, err
	}
	if !bytes.Equal(stored.Hash[:], hash[:]) {
		return Sent{}, ErrHash
	}
	return Sent{Name: stored.Name, Size: file.Size, Hash: hash}, nil
}

func sendContent(s Stream, file Outgoing) (hash [sha256.Size]byte, err error) {
	digest, buffer, done := sha256.New(), make([]byte, chunk), uint64(0)
	for done < file.Size {
		n, err := io.ReadFull(file.Content, buffer[:min(chunk, file.Size-done)])
		if err != nil {
			return hash, fmt.Errorf("%w: %w", ErrChanged, err)
		}
		digest.Write(buffer[:n])
		if _, err := s.Write(buffer[:n]); err != nil {
			return hash, fmt.Errorf("%w: %w", ErrBroken, err)
		}
		done += uint64(n)
		if file.Progress != nil {
			file.Progress(done)
		}
	}
	if err := s.CloseWrite(); err != nil {
		return hash, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	digest.Sum(hash[:0])
	return hash, nil
}

func expectAccepted(s Stream, name string) error {
	switch frame, err := read(s); f := frame.(type) {
	case messages.FileAccepted:
		return nil
	case messages.FileRefused:
		return &RefusedError{Name: name, Reason: f.Reason, ByPeer: true}
	default:
		return unexpected(err, "an answer to the offer")
	}
}

func expectStored(s Stream, name string) (messages.FileStored, error) {
	var none messages.FileStored
	switch frame, err := read(s); f := frame.(type) {
	case messages.FileStored:
		if checkName(f.Name, maxStoredName) != nil {
			return none, unexpected(nil, "a name that is allowed")
		}
		return f, nil
	case messages.FileRefused:
		return none, &RefusedError{Name: name, Reason: f.Reason, ByPeer: true}
	default:
		return none, unexpected(err, "an acknowledgement")
	}
}

// unexpected is err, or that the peer sent something else than was due.
func unexpected(err error, due string) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: the peer sent something else than %s", ErrBroken, due)
}

func write(s Stream, frame messages.FileFrame) error {
	if _, err := s.Write(messages.AppendFileFrame(nil, frame)); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

func read(s Stream) (messages.FileFrame, error) {
	frame, err := messages.ReadFileFrame(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return frame, nil
}
