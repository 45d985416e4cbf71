package waymeet_test

import (
	"slices"
	"testing"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
)

// What a node one minor version ahead may write: a type that nobody here knows,
// and a field more in the body of one that everybody knows, under its next schema.
// The header has fixed keys: a new one there would be a new major version.
const typeToCome messages.FactType = 0x3fff

// revokedAhead is a DescriptorRevoked of a schema to come: why, too.
type revokedAhead struct {
	Authority messages.AuthorityID `cbor:"1,keyasint"`
	Nonce     messages.Nonce       `cbor:"2,keyasint"`
	Why       string               `cbor:"3,keyasint"`
}

// SPEC 13.3: the same set "across minor versions". SPEC 3.4: "Unknown type or
// minor schema: stored and synced, not reduced."
func TestNewerMinorVersionAgreesWithOlderOnes(t *testing.T) {
	t.Parallel()
	c := gather(t)
	stop(t, c.cora)
	cx := c.here.ID()
	cora := takePen(t, c.dirs[2], cx)
	nonce := descriptorNonce(t, c.dirs[2], cx)
	ahead := []messages.Fact{
		cora.write(t, typeToCome, 1, []byte("what this is, nobody here knows")),
		cora.write(t, messages.FactDescriptorRevoked, messages.FactDescriptorRevoked.Schema()+1,
			messages.Encode(revokedAhead{Authority: c.cora.Authority(), Nonce: nonce, Why: "the phone is lost"})),
		cora.write(t, chat, 1, []byte("after what is to come")),
	}
	imported, err := importInto(t, c.dirs[2], exportOf(t, cx, ahead...))
	if err != nil || imported.Admitted != len(ahead) {
		t.Fatalf("imported %+v, %v", imported, err)
	}
	c.cora = c.start(t, 2)
	say(t, c.here, "from an older one")
	say(t, c.cora.Contexts()[0], "from the newer one")
	eventually(t, "three equal journals", func() bool {
		one := contextStatus(t, c.anna)
		return one == contextStatus(t, c.ben) && one == contextStatus(t, c.cora) && reads(t, c.ben, 3)
	})
	for _, node := range []*waymeet.Node{c.anna, c.ben, c.cora} {
		texts, _ := read(t, node.Contexts()[0], waymeet.FactQuery{})
		slices.Sort(texts)
		if want := []string{"after what is to come", "from an older one", "from the newer one"}; !slices.Equal(texts, want) {
			t.Errorf("read %q", texts)
		}
		eventually(t, "channels: cora's descriptor is not revoked", func() bool { return channels(node) == 2 })
	}
	stop(t, c.anna)
	stop(t, c.ben)
	known := 0
	for _, line := range lines(t, c.dirs[0]) {
		if line.Counts && slices.ContainsFunc(ahead, func(f messages.Fact) bool { return f.ID() == line.Fact }) {
			known++
		}
	}
	if known != len(ahead) {
		t.Errorf("anna counts %d of %d facts of the newer version", known, len(ahead))
	}
	if _, err := importInto(t, c.dirs[1], export(t, c.dirs[0])); err != nil {
		t.Error(err)
	}
}

// reads reports whether a node can read so many facts.
func reads(t *testing.T, node *waymeet.Node, count int) bool {
	t.Helper()
	texts, _ := read(t, node.Contexts()[0], waymeet.FactQuery{})
	return len(texts) == count
}

// descriptorNonce is that of the last descriptor of the node.
func descriptorNonce(t *testing.T, dir string, cx waymeet.ContextID) (nonce messages.Nonce) {
	t.Helper()
	own := takePen(t, dir, cx).identity.Authority()
	all := lines(t, dir)
	slices.Reverse(all)
	last := slices.IndexFunc(all, func(line waymeet.JournalLine) bool {
		return line.Type == messages.FactDescriptor && line.Author == own
	})
	withJournal(t, dir, func(journal *waymeet.Journal) {
		fact, err := journal.Fact(all[last].Fact.String())
		if err != nil {
			t.Fatal(err)
		}
		descriptor, err := messages.Decode[messages.RendezvousDescriptor](fact.Body)
		if err != nil {
			t.Fatal(err)
		}
		nonce = descriptor.Nonce
	})
	return nonce
}
