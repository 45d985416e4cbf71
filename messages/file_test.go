package messages_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/waymeet/waymeet/messages"
)

func fileFrames() []messages.FileFrame {
	return []messages.FileFrame{
		messages.FileOffer{Name: "a.txt", Size: 1 << 40},
		messages.FileAccepted{},
		messages.FileStored{Hash: [32]byte{1}, Name: "a (2).txt"},
		messages.FileRefused{Reason: messages.FileNoSpace},
	}
}

func TestFileFramesAreReadBackInOrder(t *testing.T) {
	var stream []byte
	for _, frame := range fileFrames() {
		stream = messages.AppendFileFrame(stream, frame)
	}
	r := iotest.OneByteReader(bytes.NewReader(stream))
	for _, want := range fileFrames() {
		got, err := messages.ReadFileFrame(r)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	if _, err := messages.ReadFileFrame(r); err != io.ErrUnexpectedEOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestFileFrameIsRefusedWhen(t *testing.T) {
	long := messages.AppendFileFrame(nil, messages.FileOffer{Name: strings.Repeat("a", messages.MaxFileFrame)})
	tests := map[string]struct {
		frame []byte
		want  error
	}{
		"it is empty":               {[]byte{0, 0, 0, 0}, messages.ErrEncoding},
		"it is too long":            {long, messages.ErrEncoding},
		"its kind is unknown":       {[]byte{0, 0, 0, 1, 9}, messages.ErrEncoding},
		"accepted has a body":       {[]byte{0, 0, 0, 2, 2, 0}, messages.ErrEncoding},
		"the offer is no CBOR":      {[]byte{0, 0, 0, 2, 1, 0xff}, messages.ErrEncoding},
		"the name is no UTF-8":      {messages.AppendFileFrame(nil, messages.FileOffer{Name: "a\xff"}), messages.ErrEncoding},
		"it breaks off in its body": {[]byte{0, 0, 0, 9, 1}, io.ErrUnexpectedEOF},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := messages.ReadFileFrame(bytes.NewReader(test.frame)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestEveryFileRefusalHasWords(t *testing.T) {
	for reason := messages.FileNameBad; reason <= messages.FileNotPermitted; reason++ {
		if strings.HasPrefix(reason.String(), "reason ") {
			t.Errorf("%s has no words", reason)
		}
	}
	if got := messages.FileRefusal(99).String(); got != "reason 99" {
		t.Errorf("unknown: %q", got)
	}
}

func FuzzReadFileFrame(f *testing.F) {
	for _, frame := range fileFrames() {
		f.Add(messages.AppendFileFrame(nil, frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		frame, err := messages.ReadFileFrame(r)
		if err == nil && !bytes.Equal(messages.AppendFileFrame(nil, frame), b[:len(b)-r.Len()]) {
			t.Errorf("read and append changed %x", b)
		}
	})
}
