package messages

import (
	"errors"
	"fmt"
	"io"
)

// MaxFileFrame is the greatest frame on `file/1`, in bytes after its length.
const MaxFileFrame = 4096

// FileRefusal says why a receiver does not take a file. Values are on the wire
// and are never used again.
type FileRefusal uint8

const (
	// FileNameBad: the name breaks the rule for names.
	FileNameBad FileRefusal = 1
	// FileTooLarge: more bytes than the receiver takes.
	FileTooLarge FileRefusal = 2
	// FileNoSpace: the receiver's disk has no room for it.
	FileNoSpace FileRefusal = 3
	// FileBusy: as many files as the receiver takes at once are under way.
	FileBusy FileRefusal = 4
	// FileNotStored: the receiver's disk failed.
	FileNotStored FileRefusal = 5
	// FileMalformed: the sender broke the protocol: no offer, too few bytes, or
	// too many.
	FileMalformed FileRefusal = 6
	// FileNotPermitted: the receiver takes no files on this channel.
	FileNotPermitted FileRefusal = 7
)

var fileRefusalNames = map[FileRefusal]string{
	FileNameBad: "the name is not allowed", FileTooLarge: "the file is too large",
	FileNoSpace: "no space left", FileBusy: "too many files at once",
	FileNotStored: "it could not be stored", FileMalformed: "the sender broke the protocol",
	FileNotPermitted: "files are not taken here",
}

// String is the reason in words; it is ours, not the peer's.
func (r FileRefusal) String() string {
	if name, ok := fileRefusalNames[r]; ok {
		return name
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// FileOffer announces a file: the first frame, from the sender.
type FileOffer struct {
	// Name is what the sender calls the file. The receiver trusts none of it.
	Name string `cbor:"1,keyasint"`
	Size uint64 `cbor:"2,keyasint"`
}

// FileAccepted lets the content follow, Size bytes without frames and then the
// end of the sender's half of the stream.
type FileAccepted struct{}

// FileStored acknowledges the file: it is on the receiver's disk, durable.
type FileStored struct {
	// Hash is SHA-256 of the content as it was stored.
	Hash [32]byte `cbor:"1,keyasint"`
	// Name is what the receiver stored it under.
	Name string `cbor:"2,keyasint"`
}

// FileRefused ends the exchange without a file; it may stand in place of
// FileAccepted or of FileStored.
type FileRefused struct {
	Reason FileRefusal `cbor:"1,keyasint"`
}

// FileFrame is what travels on `file/1` besides content: FileOffer,
// FileAccepted, FileStored or FileRefused.
type FileFrame interface{ fileFrame() }

func (FileOffer) fileFrame()    {}
func (FileAccepted) fileFrame() {}
func (FileStored) fileFrame()   {}
func (FileRefused) fileFrame()  {}

const (
	frameFileOffer    = 1
	frameFileAccepted = 2
	frameFileStored   = 3
	frameFileRefused  = 4
)

// AppendFileFrame writes a frame after b:
//
//	length 4 (of what follows) ‖ kind 1 (1 offer, 2 accepted, 3 stored, 4 refused) ‖ CBOR
func AppendFileFrame(b []byte, frame FileFrame) []byte {
	switch f := frame.(type) {
	case FileOffer:
		return appendFrame(b, frameFileOffer, Encode(f))
	case FileAccepted:
		return appendFrame(b, frameFileAccepted, nil)
	case FileStored:
		return appendFrame(b, frameFileStored, Encode(f))
	case FileRefused:
		return appendFrame(b, frameFileRefused, Encode(f))
	}
	panic(fmt.Sprintf("messages: %T is no file frame", frame))
}

// ReadFileFrame reads one frame from the stream. The error is ErrEncoding when
// the peer wrote no frame, else the stream's own; a stream that ends before
// the frame is io.ErrUnexpectedEOF.
func ReadFileFrame(r io.Reader) (FileFrame, error) {
	kind, body, err := readFrame(r, MaxFileFrame)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	switch kind {
	case frameFileOffer:
		return asFileFrame(Decode[FileOffer](body))
	case frameFileAccepted:
		if len(body) > 0 {
			return nil, fmt.Errorf("%w: an accepted frame has no body", ErrEncoding)
		}
		return FileAccepted{}, nil
	case frameFileStored:
		return asFileFrame(Decode[FileStored](body))
	case frameFileRefused:
		return asFileFrame(Decode[FileRefused](body))
	}
	return nil, fmt.Errorf("%w: file frame of unknown kind %d", ErrEncoding, kind)
}

func asFileFrame[F FileFrame](frame F, err error) (FileFrame, error) {
	if err != nil {
		return nil, err
	}
	return frame, nil
}
