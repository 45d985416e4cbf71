package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

var context = messages.ContextID{7}

// factRecord is a fact in its place.
func factRecord(n int) messages.Record {
	header := messages.Header{Chained: messages.Chained{Version: 1, Context: context, Seq: 1, HLC: messages.HLC(n)}}
	fact := messages.Fact{Header: header, HeaderBytes: messages.Encode(header), Body: make([]byte, 300)}
	return messages.Record{Bucket: messages.BucketFacts, Key: messages.Place(n + 1).Key(), Value: fact.Append(nil)}
}

// placeOf says which fact the record holds, and where.
func placeOf(t testing.TB, record messages.Record) messages.FactPlace {
	t.Helper()
	id, err := messages.FactIDOf(record.Value)
	if err != nil {
		t.Fatal(err)
	}
	return messages.FactPlace{Place: messages.Place(binary.BigEndian.Uint64(record.Key)), Fact: id}
}

// sample is some of everything.
func sample(n int) []messages.Record {
	var records []messages.Record
	for i := range n {
		records = append(records, factRecord(i),
			messages.Record{Bucket: messages.BucketCharges, Key: fmt.Append(nil, "charge ", i), Value: []byte{byte(i)}},
			messages.Record{Bucket: messages.BucketOperations, Key: fmt.Append(nil, "operation ", i), Value: []byte{}})
	}
	return append(records, messages.Record{Bucket: messages.BucketKeys, Key: []byte("founded"), Value: []byte("op")})
}

// create makes a database with the records, in two batches, and closes it.
func create(t testing.TB, records []messages.Record) (state string) {
	t.Helper()
	state = t.TempDir()
	half := len(records) / 2
	if err := store.Directory(state).Create(context, records[:half]); err != nil {
		t.Fatal(err)
	}
	s := open(t, state)
	if err := s.Writer().Write(records[half:]); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return state
}

func open(t testing.TB, state string) *store.Store {
	t.Helper()
	s, err := store.Directory(state).Journal(context)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// dump is everything in the database, by bucket and key.
func dump(s *store.Store) (map[string]string, error) {
	all := map[string]string{}
	for _, bucket := range []messages.Bucket{messages.BucketFacts, messages.BucketCharges, messages.BucketOperations, messages.BucketKeys} {
		for record, err := range s.Records(bucket) {
			if err != nil {
				return nil, err
			}
			all[string(bucket)+"/"+string(record.Key)] = string(record.Value)
		}
	}
	return all, nil
}

func asMap(records []messages.Record) map[string]string {
	all := map[string]string{}
	for _, record := range records {
		all[string(record.Bucket)+"/"+string(record.Key)] = string(record.Value)
	}
	return all
}

func TestWhatIsWrittenIsThereAfterReopening(t *testing.T) {
	records := sample(400)
	s := open(t, create(t, records))
	all, err := dump(s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asMap(records), all); diff != "" {
		t.Error(diff)
	}
	facts, err := s.Facts([]messages.FactPlace{placeOf(t, records[3]), placeOf(t, records[0])})
	if err != nil || string(facts[0]) != string(records[3].Value) || string(facts[1]) != string(records[0].Value) {
		t.Errorf("facts by place: %v", err)
	}
	from := 0
	for record, err := range s.RecordsFrom(messages.BucketFacts, messages.Place(301).Key(), 300) {
		if err != nil || string(record.Key) != string(messages.Place(301+from).Key()) {
			t.Fatalf("record %d from place 301 on has key %x, %v", from, record.Key, err)
		}
		from++
	}
	if from != 100 {
		t.Errorf("%d records from place 301 on, want 100", from)
	}
}

func TestWriteReplacesAndDeletes(t *testing.T) {
	state := create(t, sample(3))
	s := open(t, state)
	err := s.Writer().Write([]messages.Record{
		{Bucket: messages.BucketCharges, Key: []byte("charge 0"), Value: []byte("new")},
		{Bucket: messages.BucketCharges, Key: []byte("charge 1")},
		{Bucket: messages.BucketCharges, Key: []byte("never there")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := dump(open(t, state))
	if err != nil {
		t.Fatal(err)
	}
	_, deleted := all["charges/charge 1"]
	if all["charges/charge 0"] != "new" || deleted || len(all) != 9 {
		t.Errorf("%d records: %q", len(all), slices.Sorted(maps.Keys(all)))
	}
}

// A bucket all of whose records were deleted is sound, and holds none.
func TestBucketThatWasEmptiedIsSound(t *testing.T) {
	charge := messages.Record{Bucket: messages.BucketCharges, Key: []byte("charge"), Value: []byte{1}}
	state := create(t, []messages.Record{charge, factRecord(0)})
	s := open(t, state)
	charge.Value = nil
	if err := errors.Join(s.Writer().Write([]messages.Record{charge}), s.Close()); err != nil {
		t.Fatal(err)
	}
	if all, err := dump(open(t, state)); err != nil || len(all) != 1 {
		t.Errorf("%d records, %v", len(all), err)
	}
}

func TestFactWithAnotherIDIsNeverGiven(t *testing.T) {
	record := factRecord(1)
	s := open(t, create(t, []messages.Record{factRecord(0), record}))
	for name, at := range map[string]messages.FactPlace{
		"another fact":  {Place: placeOf(t, record).Place, Fact: messages.FactID{1}},
		"another place": {Place: 1, Fact: placeOf(t, record).Fact},
		"no place":      {Place: 9, Fact: placeOf(t, record).Fact},
	} {
		facts, err := s.Facts([]messages.FactPlace{at})
		var damage *store.Damage
		if facts != nil || !errors.As(err, &damage) || damage.Bucket != messages.BucketFacts || string(damage.Key) != string(at.Place.Key()) {
			t.Errorf("%s: got %v, %v", name, facts, err)
		}
	}
}

func TestFileCutShortIsDamage(t *testing.T) {
	state := create(t, sample(60))
	path := store.Directory(state).JournalPath(context)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{info.Size() / 2, 8192, 4096, 100, 0} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		var damage *store.Damage
		if _, err := store.Directory(state).Journal(context); !errors.As(err, &damage) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestFileOfAnotherContextIsRefused(t *testing.T) {
	state := create(t, sample(2))
	other := messages.ContextID{8}
	if err := os.Rename(store.Directory(state).JournalPath(context), store.Directory(state).JournalPath(other)); err != nil {
		t.Fatal(err)
	}
	var damage *store.Damage
	if _, err := store.Directory(state).Journal(other); !errors.As(err, &damage) || damage.Bucket != "meta" {
		t.Errorf("got %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	state := create(t, sample(2))
	if _, err := store.Directory(state).Journal(messages.ContextID{9}); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("absent: %v", err)
	}
	if err := store.Directory(state).Create(context, nil); !errors.Is(err, store.ErrExists) {
		t.Errorf("there already: %v", err)
	}
	open(t, state)
	if _, err := store.Directory(state).Journal(context); !errors.Is(err, store.ErrInUse) {
		t.Errorf("open already: %v", err)
	}
	contexts, err := store.Directory(state).Contexts()
	if err != nil || !slices.Equal(contexts, []messages.ContextID{context}) {
		t.Errorf("contexts: %v, %v", contexts, err)
	}
}

func TestCreateThatWasCutOffLeavesNothing(t *testing.T) {
	state := t.TempDir()
	path := store.Directory(state).JournalPath(context)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte("half of a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if contexts, err := store.Directory(state).Contexts(); err != nil || len(contexts) != 0 {
		t.Fatalf("contexts: %v, %v", contexts, err)
	}
	if err := store.Directory(state).Create(context, sample(1)); err != nil {
		t.Fatal(err)
	}
	open(t, state)
}

// TestHelperProcess is the second process of TestSecondProcessIsRefused.
func TestHelperProcess(t *testing.T) {
	state := os.Getenv("STORE_TEST_STATE")
	if state == "" {
		return
	}
	_, err := store.Directory(state).Lock()
	fmt.Printf("lock: %t\n", errors.Is(err, store.ErrInUse))
	_, err = store.Directory(state).Journal(context)
	fmt.Printf("open: %t\n", errors.Is(err, store.ErrInUse))
}

func TestSecondProcessIsRefused(t *testing.T) {
	state := create(t, sample(2))
	lock, err := store.Directory(state).Lock()
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, state)
	second := func() string {
		command := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$")
		command.Env = append(os.Environ(), "STORE_TEST_STATE="+state)
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out[:len("lock: true\nopen: true\n")])
	}
	if got := second(); got != "lock: true\nopen: true\n" {
		t.Errorf("while we hold it:\n%s", got)
	}
	if err := errors.Join(s.Close(), lock.Release()); err != nil {
		t.Fatal(err)
	}
	if got := second(); got == "lock: true\nopen: true\n" {
		t.Error("it is still refused after we let go")
	}
}
