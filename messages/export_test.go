package messages_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// export is an export of the facts.
func export(facts ...[]byte) []byte {
	var b bytes.Buffer
	w, err := messages.NewExportWriter(&b, messages.ContextID{7})
	for _, fact := range facts {
		err = errors.Join(err, w.Write(fact))
	}
	if err := errors.Join(err, w.End(uint64(len(facts)), [32]byte{9})); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func readExport(b []byte) (r *messages.ExportReader, facts [][]byte, err error) {
	if r, err = messages.NewExportReader(bytes.NewReader(b)); err != nil {
		return nil, nil, err
	}
	for {
		fact, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, facts, nil
		}
		if err != nil {
			return r, facts, err
		}
		facts = append(facts, fact)
	}
}

func TestExportIsReadAsItWasWritten(t *testing.T) {
	want := [][]byte{{1}, bytes.Repeat([]byte{2}, messages.MaxFactSize), {3, 4}}
	r, facts, err := readExport(export(want...))
	if err != nil || !slices.EqualFunc(facts, want, bytes.Equal) {
		t.Fatalf("%d facts, %v", len(facts), err)
	}
	if r.Context != (messages.ContextID{7}) || r.Count != 3 || r.Fingerprint != [32]byte{9} {
		t.Errorf("context %s, %d facts, fingerprint %x", r.Context, r.Count, r.Fingerprint)
	}
}

func TestExportIsRefusedWhen(t *testing.T) {
	whole := export([]byte("one"), []byte("two"))
	for at := range whole {
		if _, _, err := readExport(whole[:at]); !errors.Is(err, messages.ErrExport) {
			t.Fatalf("cut after %d of %d bytes: %v", at, len(whole), err)
		}
	}
	change := func(at int, b byte) []byte {
		changed := bytes.Clone(whole)
		changed[at] = b
		return changed
	}
	for name, test := range map[string]struct {
		file []byte
		why  string
	}{
		"it is something else":   {change(0, 'W'), "begins"},
		"a fact is too large":    {change(48, 1), "at most"},
		"a fact is missing":      {append(bytes.Clone(whole[:48+7]), export()[48:]...), "made of 0"},
		"something follows":      {append(bytes.Clone(whole), 0), "follow"},
		"its count is of others": {change(len(whole)-33, 5), "made of 5"},
	} {
		if _, _, err := readExport(test.file); !errors.Is(err, messages.ErrExport) || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadExport(f *testing.F) {
	f.Add(export())
	f.Add(export([]byte("one"), []byte("two")))
	f.Add([]byte("waymeet/1 export"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, facts, err := readExport(b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		w, err := messages.NewExportWriter(&again, r.Context)
		for _, fact := range facts {
			err = errors.Join(err, w.Write(fact))
		}
		if err := errors.Join(err, w.End(r.Count, r.Fingerprint)); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Errorf("read and write changed %x: %v", b, err)
		}
	})
}
