//go:build unix

package actors

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/waymeet/waymeet/internal/bench"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/journal"
	"github.com/waymeet/waymeet/rendezvous/membership"
	"github.com/waymeet/waymeet/transport/store"
)

// The rows of `make bench` for the journal. The first number of append_64,
// append_1 and ingest is the speed of the whole node over that of the
// reference, more is better; the second its CPU time over the reference's.
const (
	journalRounds = 7
	appends       = 6400
	ingested      = 10_000
	manyFacts     = 100_000
	bodySize      = 100
)

// newBenchNode runs a node on a loopback socket.
func newBenchNode(b *testing.B, dir string) *Node {
	b.Helper()
	n, err := Start(Config{Dir: dir, Listen: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return n
}

// speed prints a row: how fast a is against b.
func speed(b *testing.B, row string, ours, theirs *bench.Contender, per int) {
	for _, c := range []*bench.Contender{ours, theirs} {
		b.Logf("%-9s %-12s %6.1f µs each, %6.1f µs of CPU", row, c.Name, 1e6*bench.Median(c.Wall)/float64(per), 1e6*bench.Median(c.CPU)/float64(per))
	}
	bench.Row(row, bench.Median(theirs.Wall)/bench.Median(ours.Wall), bench.Median(ours.CPU)/bench.Median(theirs.CPU))
}

// Facts of the host are appended by 64 callers, each of which waits for its
// own; against a bare bbolt program that commits the same bytes, already
// sealed and signed, in as many batches. A row of its own says what becomes of that
// program if it signs, too, and does nothing else.
func BenchmarkAppend64(b *testing.B) { benchAppend(b, "append_64", 64, appends) }

// The same with one caller: one transaction a fact.
func BenchmarkAppend1(b *testing.B) { benchAppend(b, "append_1", 1, appends/10) }

func benchAppend(b *testing.B, row string, callers, total int) {
	n := newBenchNode(b, b.TempDir())
	cx, err := n.Found(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	path := store.Directory(n.config.Dir).JournalPath(cx)
	fact := messages.ApplicationFact{Type: messages.FactApplication, Body: make([]byte, bodySize)}
	var batches int
	ours := &bench.Contender{Name: "waymeet", Turn: func() {
		before := lastTransaction(b, path)
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for range total / callers {
					if _, err := n.Append(b.Context(), cx, fact); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		batches = lastTransaction(b, path) - before
	}}
	bare := newBareDatabase(b, n, cx)
	theirs := &bench.Contender{Name: "bbolt", Turn: func() { bare.commit(total, batches) }}
	signed := &bench.Contender{Name: "bbolt, signed", Turn: func() { bare.signAndCommit(total, batches) }}
	bench.Rounds(journalRounds, ours, theirs, signed)
	b.Logf("%d appends were %d transactions", total, batches)
	speed(b, row, ours, theirs, total)
	speed(b, row+"_signed", signed, theirs, total)
}

// lastTransaction is the number of the last one that the file knows: bbolt
// keeps it in the two heads of the file.
func lastTransaction(b *testing.B, path string) (last int) {
	b.Helper()
	const inHead, headPages = 16 + 48, 2
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	for page := range headPages {
		var number [8]byte
		if _, err := file.ReadAt(number[:], int64(page*os.Getpagesize()+inHead)); err != nil {
			b.Fatal(err)
		}
		last = max(last, int(binary.NativeEndian.Uint64(number[:])))
	}
	return last
}

// bareDatabase commits records like those of a node, and knows nothing else.
type bareDatabase struct {
	b         *testing.B
	db        *bolt.DB
	fact      []byte
	operation []byte
	key       ed25519.PrivateKey
	next      uint64
}

// newBareDatabase takes the shape of a fact and of an operation from the node.
func newBareDatabase(b *testing.B, n *Node, cx messages.ContextID) *bareDatabase {
	b.Helper()
	fact := messages.ApplicationFact{Type: messages.FactApplication, Body: make([]byte, bodySize)}
	if _, err := n.Append(b.Context(), cx, fact); err != nil {
		b.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	database, _ := n.databases.find(cx)
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	bare := &bareDatabase{b: b, db: db, key: key}
	const sum = 8 // every record of a node ends with a checksum
	for record := range database.Records(messages.BucketFacts) {
		bare.fact = make([]byte, len(record.Value)+sum)
	}
	for record := range database.Records(messages.BucketOperations) {
		bare.operation = make([]byte, len(record.Value)+sum)
	}
	return bare
}

// commit writes so many facts, each with its operation, in so many batches.
func (d *bareDatabase) commit(total, batches int) {
	for batch := range batches {
		d.write(share(total, batches, batch))
	}
}

// signAndCommit is commit of facts that are signed here, on all cores: those of a
// batch while the one before is written. No journal that signs is faster.
func (d *bareDatabase) signAndCommit(total, batches int) {
	sign := func(facts int) { parallel(facts, func(int) { ed25519.Sign(d.key, d.fact[:32]) }) }
	sign(share(total, batches, 0))
	for batch := range batches {
		var next sync.WaitGroup
		if batch+1 < batches {
			next.Go(func() { sign(share(total, batches, batch+1)) })
		}
		d.write(share(total, batches, batch))
		next.Wait()
	}
}

// share is how many of the facts are in a batch.
func share(total, batches, batch int) int { return (batch+1)*total/batches - batch*total/batches }

// write puts so many facts into one transaction.
func (d *bareDatabase) write(facts int) {
	err := d.db.Update(func(tx *bolt.Tx) error {
		for range facts {
			if err := d.put(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.b.Fatal(err)
	}
}

func (d *bareDatabase) put(tx *bolt.Tx) error {
	d.next++
	key := make([]byte, 40)
	binary.BigEndian.PutUint64(key, d.next)
	for name, record := range map[messages.Bucket]struct{ key, value []byte }{
		messages.BucketFacts: {key[:8], d.fact}, messages.BucketOperations: {key, d.operation},
	} {
		bucket, err := tx.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			return err
		}
		bucket.FillPercent = 0.95
		if err := bucket.Put(record.key, record.value); err != nil {
			return err
		}
	}
	return nil
}

// Facts of a peer are decoded, verified, admitted and stored by a node, as
// many at once as one session may send; against the verification of their
// signatures alone, on all cores.
func BenchmarkIngest(b *testing.B) {
	founder := newFounder(b, 1)
	dir := founder.settle(2)
	founder.say((journalRounds+1)*ingested, bodySize)
	facts := founder.facts(1)
	n := newBenchNode(b, dir)
	cx := founder.context
	const window = 4 * journal.MaxBatchFacts
	take := func(some [][]byte) {
		for len(some) > 0 {
			piece := min(len(some), journal.MaxBatchFacts)
			n.tellStore(cx, messages.OfferFacts{Session: 1, From: founder.identity.Authority(), Facts: some[:piece]})
			some, facts = some[piece:], facts[piece:]
			due := uint64((journalRounds+1)*ingested+2) - uint64(len(facts))
			err := n.changed.await(b.Context(), func() bool { return n.views.View(cx).Count+min(window, uint64(len(some)))+1 > due })
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	take(facts[:len(facts)-(journalRounds+1)*ingested]) // what founded the context
	var last [][]byte
	ours := &bench.Contender{Name: "waymeet", Turn: func() {
		last = facts[:ingested]
		take(last)
	}}
	theirs := &bench.Contender{Name: "ed25519", Turn: func() { verifyAll(b, last, founder.identity.Public()) }}
	bench.Rounds(journalRounds, ours, theirs)
	speed(b, "ingest", ours, theirs, ingested)
}

func verifyAll(b *testing.B, facts [][]byte, key messages.PublicKey) {
	type signed struct {
		text      []byte
		signature messages.Signature
	}
	all := make([]signed, len(facts))
	for at, raw := range facts {
		fact, err := messages.ParseFact(raw)
		if err != nil {
			b.Fatal(err)
		}
		all[at] = signed{messages.SignedFact(fact.ID()), fact.Signature}
	}
	parallel(len(all), func(at int) {
		if !ed25519.Verify(key[:], all[at].text, all[at].signature[:]) {
			panic("forged")
		}
	})
}

// A journal of many facts by four authors, who hear of each other now and
// then, is opened. bytes_per_fact is what it takes of the heap for each fact.
// open_100k is the time for opening it, verified and ready, over that of
// reading its file, and the CPU time of the two: less is better.
func BenchmarkOpen(b *testing.B) {
	dir, cx, count := bigJournal(b)
	held := &journalWriter{t: b, dir: dir, identity: membership.NewIdentity([32]byte{1}), context: cx}
	before := heap()
	held.open()
	bytes := float64(heap()-before) / float64(count)
	b.Logf("%d facts", held.view.View.Count)
	held.close()
	bench.Row("bytes_per_fact", bytes, 0)

	ours := &bench.Contender{Name: "waymeet", Turn: held.open, Tidy: held.close}
	theirs := &bench.Contender{Name: "read", Turn: func() { scan(b, store.Directory(dir).JournalPath(cx)) }}
	bench.Rounds(journalRounds, ours, theirs)
	b.Logf("open %.0f ms, scan %.0f ms", 1e3*bench.Median(ours.Wall), 1e3*bench.Median(theirs.Wall))
	bench.Cost("open_100k", ours, theirs)
}

// bigJournal makes the journal of a founder with three members.
func bigJournal(b *testing.B) (dir string, cx messages.ContextID, count int) {
	founder := newFounder(b, 1)
	writers := []*journalWriter{founder, founder.member(2), founder.member(3), founder.member(4)}
	for _, w := range writers[1:] {
		w.learn(founder.facts(1)) // those who came later
	}
	for range 10 {
		var said [][]byte
		for _, w := range writers {
			from := messages.Place(w.view.View.Count + 1)
			w.say(manyFacts/10/len(writers), bodySize)
			said = append(said, w.facts(from)...)
		}
		for _, w := range writers {
			w.learn(said)
		}
	}
	count = int(founder.view.View.Count)
	for _, w := range writers {
		w.close()
	}
	return founder.dir, founder.context, count
}

// scan reads a file from its beginning to its end.
func scan(b *testing.B, path string) {
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{file}, make([]byte, 1<<20)); err != nil {
		b.Fatal(err)
	}
}

// heap is what is in use after all garbage is gone.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
