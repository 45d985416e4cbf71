package crash

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/transport/store"
)

// SPEC 3.5: "damage is one clear error that names file, bucket and key, never
// wrong bytes and never a silently missing fact."
//
// Bits change while the file is closed, and while it is open.
func TestBitFlipsNeverGiveWrongBytes(t *testing.T) {
	t.Parallel()
	for name, v := range victims(t, pick(manyFacts, fewFacts)) {
		t.Run(name, func(t *testing.T) {
			outcomes := map[string]int{}
			for _, bit := range flips(v.good, pick(1000, 200)) {
				flip := func(file []byte) []byte {
					file[bit/8] ^= 1 << (bit % 8)
					return file
				}
				outcomes["at rest: "+v.atRest(t, bit, flip)]++
				read, again := v.whileOpen(t, bit, flip)
				outcomes["open: "+read]++
				outcomes["opened again: "+again]++
				results.flips.Add(1)
			}
			t.Log(outcomes)
			want := []string{"at rest: " + damaged, "at rest: " + harmless, "open: " + harmless, "opened again: " + damaged, "opened again: " + harmless}
			if name == "journal" { // the node's own database is not read while it is open
				want = append(want, "open: "+damaged)
			}
			for _, outcome := range want {
				if outcomes[outcome] == 0 {
					t.Errorf("%v: not every outcome was seen", outcomes)
				}
			}
		})
	}
}

// SPEC 3.5, for a store that dies and comes back while the file is open: it reads
// what its index does not cover, and no bit of the pages that lead there makes
// that less.
func TestBitFlipsNeverShortenWhatARestartLoads(t *testing.T) {
	t.Parallel()
	v := victims(t, pick(manyFacts, fewFacts))["journal"]
	d, err := v.open()
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]int{}
	for _, bit := range leads(v.good, pick(2000, 200)) {
		harmed := slices.Clone(v.good)
		harmed[bit/8] ^= 1 << (bit % 8)
		if err := v.put(harmed); err != nil {
			t.Fatal(err)
		}
		outcomes[v.outcome(t, bit, v.restart(d))]++
		results.flips.Add(1)
	}
	t.Log(outcomes)
	if outcomes[damaged] == 0 || outcomes[harmless] == 0 {
		t.Errorf("%v: not every outcome was seen", outcomes)
	}
	if err := errors.Join(v.put(v.good), v.restart(d), d.Close()); err != nil {
		t.Errorf("the file as it was: %v", err)
	}
}

// leads are bits by which pages lead to records and to each other: some of the
// counts of all leaves, and of the heads of all branches.
func leads(file []byte, n int) (bits []int) {
	for at := 0; at < len(file); at += pageSize {
		for bit := range 16 {
			bits = append(bits, 8*(at+10)+bit) // the count
		}
		if isBranch(file[at:]) {
			for bit := range 16 * 16 {
				bits = append(bits, 8*(at+16)+bit) // the first entries
			}
		}
	}
	random := rand.New(rand.NewPCG(uint64(len(file)), 0))
	random.Shuffle(len(bits), func(a, b int) { bits[a], bits[b] = bits[b], bits[a] })
	return bits[:min(n, len(bits))]
}

// isBranch reports whether bbolt's flags say that a page is a branch.
func isBranch(page []byte) bool { return binary.NativeEndian.Uint16(page[8:]) == 1 }

// With manyFacts a journal has an index.
const (
	manyFacts = 1100
	fewFacts  = 80
)

// What may become of a file that is harmed.
const (
	harmless = "without effect"
	damaged  = "a clear error"
	wrong    = "wrong"
)

// SPEC 3.5, for files that are cut short and for pages that are gone.
func TestLostPagesAreDamage(t *testing.T) {
	t.Parallel()
	for name, v := range victims(t, fewFacts) {
		t.Run(name, func(t *testing.T) {
			outcomes := map[string]int{}
			var harms []func([]byte) []byte
			for _, size := range []int{0, 1, 100, pageSize - 1, pageSize, pageSize + 80, 2 * pageSize, 3*pageSize + 1, len(v.good) / 2, len(v.good) - 1} {
				harms = append(harms, func(file []byte) []byte { return file[:size] })
			}
			for at := 0; at < len(v.good); at += pageSize * pick(1, 3) {
				harms = append(harms, func(file []byte) []byte {
					clear(file[at : at+pageSize])
					return file
				})
			}
			for n, harm := range harms {
				outcomes["at rest: "+v.atRest(t, n, harm)]++
				read, again := v.whileOpen(t, n, harm)
				outcomes["open: "+read]++
				outcomes["opened again: "+again]++
			}
			t.Log(outcomes)
		})
	}
}

// The error names the record whose bytes are not its own.
func TestDamageNamesTheRecord(t *testing.T) {
	t.Parallel()
	for name, v := range victims(t, fewFacts) {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			for at, value := range v.want {
				bucket, key, _ := strings.Cut(at, "/")
				if len(value) < 32 || bytes.Count(v.good, []byte(value)) == 0 {
					continue
				}
				harmed := []byte(value)
				harmed[len(harmed)/2] ^= 1
				if err := v.put(bytes.ReplaceAll(v.good, []byte(value), harmed)); err != nil {
					t.Fatal(err)
				}
				_, err := v.open()
				var damage *store.Damage
				if !errors.As(err, &damage) || string(damage.Bucket) != bucket || string(damage.Key) != key || damage.File != v.path {
					t.Errorf("bucket %s, key %x: %v", bucket, key, err)
				}
				seen[bucket] = true
			}
			if !seen[string(extra)] || len(seen) < 2 {
				t.Errorf("only records of %v were harmed", slices.Sorted(maps.Keys(seen)))
			}
		})
	}
}

// atRest opens and reads a file that was harmed.
func (v *victim) atRest(t *testing.T, n int, harm func([]byte) []byte) string {
	t.Helper()
	if err := v.put(harm(slices.Clone(v.good))); err != nil {
		t.Fatal(err)
	}
	d, err := v.open()
	if err == nil {
		err = errors.Join(v.same(d), d.Close())
	}
	return v.outcome(t, n, err)
}

// whileOpen harms a file that is open, reads it, writes it, closes it, and opens
// it once more.
func (v *victim) whileOpen(t *testing.T, n int, harm func([]byte) []byte) (read, again string) {
	t.Helper()
	if err := v.put(v.good); err != nil {
		t.Fatal(err)
	}
	d, err := v.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.put(harm(slices.Clone(v.good))); err != nil {
		t.Fatal(err)
	}
	read = v.outcome(t, n, v.same(d))
	written := v.write(d)
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	select {
	case <-closed: // what it says of a file that is harmed does not matter
	case <-time.After(patience):
		t.Fatalf("%d: it cannot be closed", n)
	}
	var stopped *store.Stopped
	if written != nil && !errors.As(written, &stopped) {
		t.Errorf("%d: a write says %v", n, written)
	}
	if d, err = v.open(); err == nil {
		err = errors.Join(v.same(d), d.Close())
	}
	return read, v.outcome(t, n, err)
}

// outcome says what an error means. The one clear error names the file.
func (v *victim) outcome(t *testing.T, n int, err error) string {
	t.Helper()
	var damage *store.Damage
	switch {
	case err == nil:
		return harmless
	case errors.As(err, &damage) && damage.File == v.path && damage.What != "":
		return damaged
	}
	results.wrong.Add(1)
	t.Errorf("harm %d: %v", n, err)
	return wrong
}

// flips are bits all over a file: some of both heads, of those by which pages
// lead to records and to each other, and of all.
func flips(file []byte, n int) (bits []int) {
	random := rand.New(rand.NewPCG(uint64(len(file)), 0))
	for at := range 80 * 8 {
		bits = append(bits, at, 8*pageSize+at)
	}
	random.Shuffle(len(bits), func(a, b int) { bits[a], bits[b] = bits[b], bits[a] })
	bits = bits[:min(len(bits), n/4)]
	var branches []int
	for at := 0; at < len(file); at += pageSize {
		if isBranch(file[at:]) {
			branches = append(branches, at)
		}
	}
	for range n / 8 {
		page := pageSize * random.IntN(len(file)/pageSize)
		branch := branches[random.IntN(len(branches))]
		bits = append(bits, 8*page+random.IntN(8*16), 8*page+random.IntN(8*200), 8*branch+random.IntN(8*200))
		bits = append(bits, random.IntN(8*len(file)), random.IntN(8*len(file)), random.IntN(8*len(file)))
	}
	return bits
}
