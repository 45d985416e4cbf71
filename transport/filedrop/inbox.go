package filedrop

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/waymeet/waymeet/messages"
)

const (
	// partDir holds the files that are not complete.
	partDir = ".part"
	// maxNumber is the greatest number that is put behind a name.
	maxNumber = 9999
	// maxStoredName is MaxName with room for " (9999)".
	maxStoredName = MaxName + 7
)

// Limits bound what an Inbox takes. A zero field means its default.
type Limits struct {
	// MaxSize is the greatest file, in bytes. Default: what the disk holds.
	MaxSize uint64
	// Reserve is how many bytes of the disk stay free. Default 64 MiB.
	Reserve uint64
	// MaxAtOnce is how many files may be under way. Default 16.
	MaxAtOnce int
	// MaxPerSender is how many of them one sender may have. Default 4.
	MaxPerSender int
	// Patience is how long a sender may stay silent. Default 30 s.
	Patience time.Duration
}

func (l Limits) maxSize() uint64 { return cmp.Or(l.MaxSize, math.MaxInt64) }
func (l Limits) reserve() uint64 { return cmp.Or(l.Reserve, 64<<20) }
func (l Limits) maxAtOnce() int  { return cmp.Or(l.MaxAtOnce, 16) }

func (l Limits) maxPerSender() int       { return cmp.Or(l.MaxPerSender, 4) }
func (l Limits) patience() time.Duration { return cmp.Or(l.Patience, 30*time.Second) }

// Sender is whose share of the Inbox a file takes: whatever string stands for
// one peer.
type Sender string

// Inbox stores files from peers in one directory. It is safe for concurrent
// use; there is one Inbox for a directory.
//
// Invariants:
//  1. whatever a peer says, nothing outside the directory is touched, and no
//     file in it is changed or replaced;
//  2. a file appears under its name complete and durable, or not at all.
type Inbox struct {
	limits Limits
	root   *os.Root
	// dir is the directory itself, for fsync and for its free space.
	dir *os.File
	// free tells the free bytes of the disk.
	free func() (uint64, error)

	mu sync.Mutex
	// all is what all senders have together, of what each one has.
	all share
	of  map[Sender]share
	// parts numbers the part files.
	parts uint64
}

// OpenInbox opens the directory, which it makes if there is none (0700), and
// removes what an earlier run left half done.
func OpenInbox(directory string, limits Limits) (*Inbox, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("folder for received files: %w", err)
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return nil, fmt.Errorf("folder for received files: %w", err)
	}
	inbox := &Inbox{limits: limits, root: root, of: make(map[Sender]share)}
	if err := inbox.prepare(); err != nil {
		inbox.Close()
		return nil, fmt.Errorf("folder for received files: %w", err)
	}
	return inbox, nil
}

func (i *Inbox) prepare() (err error) {
	if i.dir, err = i.root.Open("."); err != nil {
		return err
	}
	i.free = func() (uint64, error) { return freeSpace(i.dir) }
	if err := i.root.RemoveAll(partDir); err != nil {
		return err
	}
	return i.root.Mkdir(partDir, 0o700)
}

// Close lets go of the directory. Files under way fail.
func (i *Inbox) Close() error {
	if i.dir != nil {
		i.dir.Close()
	}
	return i.root.Close()
}

// Received is a file that was stored.
type Received struct {
	// Name is what it is stored under, in the directory of the Inbox. A peer
	// chose it: show it through messages.Printable.
	Name string
	Size uint64
	// Hash is SHA-256 of the content.
	Hash [sha256.Size]byte
}

// Receive takes one file from a stream whose protocol name has been read. It
// returns when the file is durable and acknowledged, closes the stream, and
// ends early when ctx ends, or when nothing comes for as long as Limits.Patience
// (if the stream is a net.Conn or like one). Whatever goes wrong before the file is complete
// leaves nothing behind.
//
// The error is a RefusedError (the peer was told), ErrBroken, or that of ctx.
// If it is ErrBroken and the name is not empty, the file is stored, but the
// peer may not know it.
func (i *Inbox) Receive(ctx context.Context, from Sender, s Stream) (Received, error) {
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	s = patientStream{s, i.limits.patience()}
	received, err := i.receive(from, s)
	var refused *RefusedError
	switch {
	case err == nil:
		return received, nil
	case ctx.Err() != nil:
		return received, context.Cause(ctx)
	case errors.As(err, &refused):
		// The peer may be gone; the refusal is the error all the same.
		_ = write(s, messages.FileRefused{Reason: refused.Reason})
	}
	return received, err
}

func (i *Inbox) receive(from Sender, s Stream) (Received, error) {
	frame, err := messages.ReadFileFrame(s)
	offer, ok := frame.(messages.FileOffer)
	switch {
	case errors.Is(err, messages.ErrEncoding) || err == nil && !ok:
		return Received{}, &RefusedError{Reason: messages.FileMalformed, Err: err}
	case err != nil:
		return Received{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err := CheckName(offer.Name); err != nil {
		return Received{}, &RefusedError{Name: offer.Name, Reason: messages.FileNameBad, Err: err}
	}
	if refused := i.admit(from, offer); refused != nil {
		return Received{}, refused
	}
	coming := place{from: from, due: offer.Size}
	defer i.release(&coming)
	if err := write(s, messages.FileAccepted{}); err != nil {
		return Received{}, err
	}
	received, err := i.store(s, offer, &coming)
	if err != nil {
		return Received{}, err
	}
	if err := write(s, messages.FileStored{Hash: received.Hash, Name: received.Name}); err != nil {
		return received, err
	}
	return received, nil
}

// store writes the content to a part file and, when it is complete and
// durable, gives it its name.
func (i *Inbox) store(s Stream, offer messages.FileOffer, coming *place) (received Received, err error) {
	part := path.Join(partDir, strconv.FormatUint(i.nextPart(), 10))
	notStored := func(err error) error {
		return &RefusedError{Name: offer.Name, Reason: messages.FileNotStored, Err: err}
	}
	file, err := i.root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Received{}, notStored(err)
	}
	defer func() {
		file.Close()
		// What cannot be removed now is removed by the next OpenInbox.
		_ = i.root.Remove(part)
	}()
	received = Received{Size: offer.Size}
	if received.Hash, err = i.content(file, s, offer, coming); err != nil {
		return Received{}, err
	}
	if err := file.Sync(); err != nil {
		return Received{}, notStored(err)
	}
	if received.Name, err = i.publish(part, offer.Name); err != nil {
		return Received{}, notStored(err)
	}
	if err := i.dir.Sync(); err != nil {
		return Received{}, notStored(errors.Join(err, i.root.Remove(received.Name)))
	}
	return received, nil
}

// content copies exactly the announced bytes, and sees that no more follow.
func (i *Inbox) content(file io.Writer, s Stream, offer messages.FileOffer, coming *place) (hash [sha256.Size]byte, err error) {
	digest, buffer := sha256.New(), make([]byte, chunk)
	for coming.due > 0 {
		n, err := s.Read(buffer[:min(chunk, coming.due)])
		digest.Write(buffer[:n])
		if _, wrong := file.Write(buffer[:n]); wrong != nil {
			return hash, &RefusedError{Name: offer.Name, Reason: notWritten(wrong), Err: wrong}
		}
		i.arrived(n, coming)
		switch {
		case err == io.EOF && coming.due > 0:
			return hash, fmt.Errorf("%w: %d of %d bytes are missing", ErrBroken, coming.due, offer.Size)
		case err != nil && err != io.EOF:
			return hash, fmt.Errorf("%w: %w", ErrBroken, err)
		}
	}
	switch _, err := io.ReadFull(s, buffer[:1]); {
	case err == nil:
		return hash, &RefusedError{Name: offer.Name, Reason: messages.FileMalformed, Err: errors.New("more bytes than announced")}
	case err != io.EOF:
		return hash, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	digest.Sum(hash[:0])
	return hash, nil
}

// notWritten says why the disk did not take bytes.
func notWritten(err error) messages.FileRefusal {
	if errors.Is(err, syscall.ENOSPC) {
		return messages.FileNoSpace
	}
	return messages.FileNotStored
}

// publish links the part file under the first name that is free.
//
// docs/wire.md: "Files from peers": "linked, without overwriting, into
// `received/`: as `name.ext`, `name (2).ext`".
func (i *Inbox) publish(part, name string) (string, error) {
	for n := 1; n <= maxNumber; n++ {
		stored := numbered(name, n)
		err := i.root.Link(part, stored)
		if err == nil {
			return stored, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%d files have that name already", maxNumber)
}

func (i *Inbox) nextPart() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.parts++
	return i.parts
}
