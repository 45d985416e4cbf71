package journal

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/waymeet/waymeet/messages"
)

// A turn that has no room for all names says as many as it has room for: if it said none,
// the sides would think that they are done.
func TestTurnNamesWhatItHasRoomFor(t *testing.T) {
	a, ana, _ := newArchive(t, 2)
	hold(ana, a.append(2*maxCompared+20, false))
	author := messages.Prefix(ana.identity.Authority())
	whole := messages.RangeList{Author: author, To: messages.RangeBound{Seq: 1 << 20}}
	extras := ana.journal.set.compare(messages.CompareRanges{Theirs: messages.Comparison{Lists: []messages.RangeList{whole}}}).Ours.Extras
	if len(extras) != 1 || len(extras[0].Facts) != maxCompared-1 {
		t.Errorf("%d lists of extras", len(extras))
	}
	for n := range uint32(maxCompared + 20) {
		whole.Facts = append(whole.Facts, messages.FactPrefix(binary.BigEndian.AppendUint32(make([]byte, len(messages.FactPrefix{})-4), n)))
	}
	wants := ana.journal.set.compare(messages.CompareRanges{Theirs: messages.Comparison{Extras: []messages.RangeList{whole}}}).Ours.Wants
	if len(wants) != 1 || len(wants[0].Facts) != maxCompared-1 {
		t.Errorf("%d lists of wants", len(wants))
	}
}

// SPEC 13.2: "only what was asked for is accepted". A turn of the peer says each thing
// once, in order, in bounds of one form.
func TestComparisonIsRefusedWhen(t *testing.T) {
	odd := messages.RangeBound{Seq: 9, ID: []byte{1}}
	to := messages.RangeBound{Seq: 9}
	split := func(from messages.RangeBound, bounds ...messages.RangeBound) messages.Comparison {
		s := messages.RangeSplit{From: from}
		for _, bound := range bounds {
			s.Parts = append(s.Parts, messages.RangePart{To: bound})
		}
		return messages.Comparison{Splits: []messages.RangeSplit{s}}
	}
	list := func(from, to messages.RangeBound, names ...messages.FactPrefix) messages.Comparison {
		return messages.Comparison{Extras: []messages.RangeList{{From: from, To: to, Facts: names}}}
	}
	for name, test := range map[string]messages.Comparison{
		"a split has no parts":             split(messages.RangeBound{}),
		"a split begins at an odd bound":   split(odd, messages.RangeBound{Seq: 20}),
		"a part ends at an odd bound":      split(messages.RangeBound{}, odd),
		"a part holds nothing":             split(messages.RangeBound{}, to, to),
		"parts go back":                    split(messages.RangeBound{}, to, messages.RangeBound{Seq: 8}),
		"a list begins at an odd bound":    list(odd, messages.RangeBound{Seq: 20}),
		"a list ends at an odd bound":      list(messages.RangeBound{}, odd),
		"a list holds nothing":             list(to, to),
		"a name comes twice":               list(messages.RangeBound{}, to, messages.FactPrefix{1}, messages.FactPrefix{1}),
		"names are out of order":           list(messages.RangeBound{}, to, messages.FactPrefix{2}, messages.FactPrefix{1}),
		"lists lie over each other":        {Wants: slices.Repeat(list(messages.RangeBound{}, to).Extras, 2)},
		"there are too many names of none": {Lists: tooManyLists()},
	} {
		if err := checkComparison(test); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	for name, test := range map[string]messages.Comparison{
		"a split":                split(messages.RangeBound{}, messages.RangeBound{Seq: 8}, to),
		"a list":                 list(messages.RangeBound{}, to, messages.FactPrefix{1}, messages.FactPrefix{2}),
		"one of each":            {Splits: split(messages.RangeBound{}, to).Splits, Lists: list(messages.RangeBound{}, to).Extras},
		"as many as are allowed": {Lists: tooManyLists()[1:]},
	} {
		if err := checkComparison(test); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// tooManyLists are empty lists, one more than a turn may have.
func tooManyLists() (lists []messages.RangeList) {
	for n := range messages.Seq(maxCompared + 1) {
		lists = append(lists, messages.RangeList{From: messages.RangeBound{Seq: n}, To: messages.RangeBound{Seq: n + 1}})
	}
	return lists
}

// What has been compared for a peer counts in the sessions that we open, too.
func TestOurSessionsCostThePeerToo(t *testing.T) {
	ana, ben, _ := trio(t)
	peer := ben.identity.Authority()
	ana.stepSync(start, messages.SyncPeerUp{Peer: peer})
	ana.sync.allowances[peer].compared.spend(start, 1<<40)
	ana.stepSync(start, messages.SyncOpened{Session: 5, Peer: peer, Initiator: true})
	nonce := [16]byte{1}
	other := [32]byte{9}
	for _, f := range []frame{
		helloFrame{
			Nonce: nonce, Epoch: ana.view.Epoch, Tag: sessionTag(ben.state.Tags[ana.view.Epoch], messages.ChannelID{}, false, nonce),
			Count: ben.state.Count, Fingerprint: other, Frontier: frontierOf(ben.state),
		},
		doneFrame{},
		stateFrame{Count: ben.state.Count, Fingerprint: other, Frontier: frontierOf(ben.state)},
	} {
		ana.stepSync(start, messages.SyncFrame{Session: 5, Frame: appendFrame(nil, f)})
	}
	if len(ana.ends) != 1 || ana.ends[0].Reason != EndBusy || ana.compares != 0 {
		t.Errorf("ends %v after %d comparisons", ana.ends, ana.compares)
	}
}

// A turn is answered before the next one is taken.
func TestOneTurnAtATime(t *testing.T) {
	ana, ben, _ := trio(t)
	e := &enemy{node: ana, victim: ben, now: start.Add(time.Minute), session: 100}
	e.meet()
	e.compare()
	turn := messages.SyncFrame{Session: e.session, Frame: appendFrame(nil, comparisonFrame{
		messages.Comparison{Splits: []messages.RangeSplit{e.split()}},
	})}
	effects := ben.sync.Step(e.now, turn)
	if _, asked := comparisonIn(effects[0]); !asked {
		t.Fatalf("the journal is not asked: %v", effects)
	}
	effects = ben.sync.Step(e.now, turn)
	if ended, ok := effects[len(effects)-1].(Synced); !ok || ended.End.Reason != EndFault {
		t.Errorf("a second turn before the answer: %v", effects)
	}
}
