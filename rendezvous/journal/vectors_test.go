package journal

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/rendezvous/membership"
)

// The vectors in testdata/vectors are what every implementation of the same
// version computes. They are written anew with -update; the diff is the review.
var update = flag.Bool("update", false, "write testdata/vectors anew")

const vectorFolder = "../../testdata/vectors"

// vectors are named values, in order: a line each, "name value".
type vectors struct{ text strings.Builder }

func (v *vectors) bytes(name string, b []byte) { v.line(name, hex.EncodeToString(b)) }

func (v *vectors) line(name, value string) { fmt.Fprintf(&v.text, "%s %s\n", name, value) }

// check compares with the file, or writes it.
func (v *vectors) check(t *testing.T, file string) {
	t.Helper()
	path := filepath.Join(vectorFolder, file)
	if *update {
		if err := os.MkdirAll(vectorFolder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(v.text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(v.text.String(), "\n")
	for at, line := range strings.Split(string(want), "\n") {
		if at >= len(got) || got[at] != line {
			t.Fatalf("%s, line %d:\nwant %s\ngot  %s", file, at+1, line, strings.Join(got[at:min(at+1, len(got))], ""))
		}
	}
}

func thirtyTwo(n byte) [32]byte { return [32]byte(bytes.Repeat([]byte{n}, 32)) }

// The same context stands in all files: ana founds it and adds ben.
var (
	vectorAna = membership.NewIdentity(thirtyTwo(1))
	vectorBen = membership.NewIdentity(thirtyTwo(2))
	vectorOp  = messages.ContextFounded{
		Founder: vectorAna.Public(), Random: thirtyTwo(3), History: messages.HistoryFull,
		Finality: messages.FinalityFounder, SecretHash: membership.SecretHash(membership.Secret(thirtyTwo(4))),
	}
	vectorAdded = messages.MemberAdded{
		Member: vectorBen.Public(), Role: messages.RoleParticipant, Change: messages.EpochChange{
			Epoch: 1, Closes: membership.FoundedEpoch(vectorOp), SecretHash: membership.SecretHash(membership.Secret(thirtyTwo(5))),
			Cut: []messages.CutEntry{{Author: vectorAna.Authority(), Seq: 1, Fact: messages.FactID(thirtyTwo(6))}},
		},
	}
)

// vectorComparison has one range of each kind.
var vectorComparison = messages.Comparison{
	Splits: []messages.RangeSplit{{
		Author: messages.Prefix(vectorAna.Authority()), From: messages.RangeBound{Seq: 1}, Parts: []messages.RangePart{
			{To: messages.RangeBound{Seq: 300}, Fingerprint: [16]byte{1}},
			{To: messages.RangeBound{Seq: 300, ID: bytes.Repeat([]byte{2}, boundSize)}, Fingerprint: [16]byte{3}},
		},
	}},
	Lists:  []messages.RangeList{vectorList},
	Extras: []messages.RangeList{vectorList},
	Wants:  []messages.RangeList{vectorList},
}

var vectorList = messages.RangeList{
	Author: messages.Prefix(vectorAna.Authority()), From: messages.RangeBound{Seq: 1}, To: messages.RangeBound{Seq: 5},
	Facts: []messages.FactPrefix{{4}, {5}},
}

// SPEC 1.1, 1.2, 1.3, 1.5.
func TestVectorsOfIdentities(t *testing.T) {
	var v vectors
	for n := range byte(4) {
		identity := membership.NewIdentity(thirtyTwo(n))
		public, private := identity.Public(), identity.NoisePrivate()
		noise, err := membership.NoisePublic(public)
		if err != nil {
			t.Fatal(err)
		}
		signature := identity.Sign([]byte("waymeet"))
		seed := thirtyTwo(n)
		v.bytes("seed", seed[:])
		v.bytes("public", public[:])
		v.line("authority", identity.Authority().String())
		v.bytes("noise-private", private[:])
		v.bytes("noise-public", noise[:])
		v.bytes("signature", signature[:])
	}
	v.check(t, "identity.txt")
}

// SPEC 2.4, 4.3, 7.2.
func TestVectorsOfEpochs(t *testing.T) {
	var v vectors
	v.bytes("founded", messages.Encode(vectorOp))
	v.line("context", vectorOp.Context().String())
	v.line("epoch-0", membership.FoundedEpoch(vectorOp).String())
	v.bytes("added", messages.Encode(vectorAdded))
	v.line("epoch-1", membership.OpenedEpoch(vectorAdded).String())
	removed := messages.MemberRemoved{Member: vectorBen.Authority(), Change: vectorAdded.Change}
	v.bytes("removed", messages.Encode(removed))
	v.line("epoch-removed", membership.OpenedEpoch(removed).String())
	advanced := messages.EpochAdvanced{Change: vectorAdded.Change}
	v.bytes("advanced", messages.Encode(advanced))
	v.line("epoch-advanced", membership.OpenedEpoch(advanced).String())
	keys := membership.OpenedKeys(vectorOp.Context(), vectorAdded, membership.Secret(thirtyTwo(5)))
	v.bytes("key-id", keys.KeyID[:])
	v.bytes("payload", keys.Payload[:])
	v.bytes("hello", keys.Hello[:])
	v.bytes("psk-root", keys.PSKRoot[:])
	v.bytes("beacon", keys.Beacon[:])
	v.bytes("sync-tag", keys.SyncTag[:])
	psk := keys.PairPSK(vectorAna.Authority(), vectorBen.Authority())
	v.bytes("pair-psk", psk[:])
	commitment := keys.PSKCommitment(messages.Nonce(thirtyTwo(7)))
	v.bytes("psk-commitment", commitment[:])
	v.line("hello-index", fmt.Sprintf("%08x", uint32(membership.HelloIndex(keys.Hello, messages.Nonce(thirtyTwo(7))))))
	closed := membership.FoundedKeys(vectorOp, membership.Secret(thirtyTwo(4)))
	v.bytes("previous-key", membership.SealPrevious(keys, closed.Payloads()))
	roster := membership.FoundedRoster(vectorOp).With(membership.Member{PublicKey: vectorBen.Public(), Role: messages.RoleParticipant})
	hash := roster.Hash()
	v.bytes("roster-hash", hash[:])
	v.check(t, "epoch.txt")
}

// SPEC 3.1, 3.2.
func TestVectorsOfFacts(t *testing.T) {
	var v vectors
	keys := membership.FoundedKeys(vectorOp, membership.Secret(thirtyTwo(4)))
	at := messages.Chained{
		Version: messages.FactVersion, Context: keys.Context, Author: vectorAna.Authority(), Seq: 1,
		HLC: messages.HLC(1_800_000_000_000 << 16), KeyID: keys.KeyID, Type: messages.FactContextFounded, Schema: 1,
	}
	var ids setHash
	var part rangeHash
	salt := rangeSalt([16]byte(bytes.Repeat([]byte{1}, 16)), [16]byte(bytes.Repeat([]byte{2}, 16)))
	v.bytes("salt", salt[:])
	for n, plaintext := range [][]byte{messages.Encode(vectorOp), []byte("an application's fact"), make([]byte, 253)} {
		fact, err := Seal(vectorAna, at, keys.Payload, plaintext, bytes.NewReader(bytes.Repeat([]byte{byte(n)}, nonceSize)))
		if err != nil {
			t.Fatal(err)
		}
		id := fact.ID()
		v.bytes("plaintext", plaintext)
		v.bytes("aad", messages.Encode(at))
		v.bytes("header", fact.HeaderBytes)
		v.line("id", id.String())
		v.bytes("fact", fact.Append(nil))
		ids.add(id)
		part.add(salt, id)
		rangePrint, fingerprint := part.fingerprint(), ids.fingerprint()
		v.bytes("range", rangePrint[:])
		v.bytes("fingerprint", fingerprint[:])
		at.Seq, at.Prev, at.HLC, at.Type = at.Seq+1, id, at.HLC+1, messages.FactApplication
		at.Parents, at.Again = []messages.FactID{messages.FactID(thirtyTwo(8))}, messages.Again(thirtyTwo(9))
	}
	v.check(t, "fact.txt")
}

// SPEC 3.6: one fact of every type, as plaintext.
func TestVectorsOfFactTypes(t *testing.T) {
	var v vectors
	ana, ben := vectorAna.Authority(), vectorBen.Authority()
	added := vectorAdded
	added.Change.Wraps = []messages.SecretWrap{{Member: ben, Sealed: []byte("sealed")}}
	added.Change.PreviousKey = []byte("key")
	for _, fact := range []messages.RendezvousFact{
		vectorOp,
		messages.RendezvousDescriptor{
			Authority: ana, Context: vectorOp.Context(), PublicKey: vectorAna.Public(), PSKCommitment: thirtyTwo(7),
			Endpoints: []messages.LinkEndpoint{
				{Protocol: messages.LinkQUIC, Address: "192.0.2.1:7000"},
				{Protocol: messages.LinkRelayUDP, Address: "relay.example:7342", RelayKey: vectorBen.Public(), Slot: messages.SlotID(thirtyTwo(8))},
			},
			Services: []messages.ServiceDescriptor{{Kind: messages.ServiceEstablish, Header: messages.ServiceHeader{Provider: ana, Scope: vectorOp.Context()}}},
			Valid:    messages.Window{From: 1_800_000_000_000, Until: 1_800_003_600_000}, Nonce: messages.Nonce(thirtyTwo(9)),
			Sequence: 1, Candidates: 1, Version: messages.CurrentVersion, NicknameSuggestion: "ana",
		},
		messages.ChannelEstablished{Initiator: ana, Responder: ben, Channel: messages.ChannelID(thirtyTwo(10)), Epoch: 1, Transcript: thirtyTwo(11)},
		messages.DescriptorRevoked{Authority: ana, Nonce: messages.Nonce(thirtyTwo(9))},
		added,
		messages.MemberRemoved{Member: ben, Change: added.Change},
		messages.EpochAdvanced{Change: added.Change},
		vectorFork(t),
	} {
		v.bytes(fact.FactType().String(), messages.EncodeFact(fact))
	}
	v.check(t, "facttypes.txt")
}

// vectorFork is the proof that ana has signed two facts with seq 1.
func vectorFork(t *testing.T) messages.Equivocation {
	keys := membership.FoundedKeys(vectorOp, membership.Secret(thirtyTwo(4)))
	var facts [2]messages.Fact
	for n := range facts {
		at := messages.Chained{
			Version: messages.FactVersion, Context: keys.Context, Author: vectorAna.Authority(), Seq: 1,
			HLC: messages.HLC(1_800_000_000_000 << 16), KeyID: keys.KeyID, Type: messages.FactApplication, Schema: 1,
		}
		fact, err := Seal(vectorAna, at, keys.Payload, []byte{byte(n)}, bytes.NewReader(make([]byte, nonceSize)))
		if err != nil {
			t.Fatal(err)
		}
		facts[n] = fact
	}
	proof, err := messages.NewEquivocation(vectorAna.Public(), facts[0], facts[1])
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// SPEC 13.1.
func TestVectorsOfSyncFrames(t *testing.T) {
	var v vectors
	keys := membership.OpenedKeys(vectorOp.Context(), vectorAdded, membership.Secret(thirtyTwo(5)))
	state := messages.JournalState{Authors: []messages.AuthorState{{
		Author: vectorAna.Authority(), Head: 7, Last: 9,
	}}}
	nonce := [16]byte(bytes.Repeat([]byte{12}, 16))
	tag := sessionTag(keys.SyncTag, messages.ChannelID(thirtyTwo(14)), true, nonce)
	answer := sessionTag(keys.SyncTag, messages.ChannelID(thirtyTwo(14)), false, nonce)
	for _, frame := range []struct {
		name string
		frame
	}{
		{"hello", helloFrame{Nonce: nonce, Epoch: 1, Tag: tag, Count: 7, Fingerprint: thirtyTwo(13), Frontier: frontierOf(state)}},
		{"answer", helloFrame{Nonce: nonce, Epoch: 1, Tag: answer, Count: 7, Fingerprint: thirtyTwo(13), Frontier: frontierOf(state)}},
		{"proof", proofFrame{Epoch: 0, Tag: tag}},
		{"state", stateFrame{Count: 7, Fingerprint: thirtyTwo(13), Frontier: frontierOf(state)}},
		{"facts", factsFrame{Facts: [][]byte{{1}, {2, 3}}}},
		{"ack", ackFrame{}},
		{"done", doneFrame{}},
		{"comparison", comparisonFrame{vectorComparison}},
		{"optional", optionalFrame{Kind: 0x80, Body: []byte{1, 2, 3}}},
	} {
		v.bytes(frame.name, appendFrame(nil, frame.frame))
	}
	var all setHash
	var some rangeHash
	salt := rangeSalt(nonce, [16]byte{15})
	for n := range byte(3) {
		all.add(messages.FactID(thirtyTwo(n)))
		some.add(salt, messages.FactID(thirtyTwo(n)))
	}
	set, part := all.fingerprint(), some.fingerprint()
	v.bytes("salt", salt[:])
	v.bytes("set", set[:])
	v.bytes("range", part[:])
	v.check(t, "sync.txt")
}
