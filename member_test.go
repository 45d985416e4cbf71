package waymeet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
)

// circle is three nodes in one context: anna founded it.
type circle struct {
	dirs            [3]string
	anna, ben, cora *waymeet.Node
	// here is the context as anna sees it.
	here waymeet.Context
}

// gather brings three nodes together, and waits until each has a channel to both
// others.
func gather(t *testing.T) *circle {
	t.Helper()
	c := &circle{dirs: [3]string{t.TempDir(), t.TempDir(), t.TempDir()}}
	c.anna, c.ben, c.cora = c.start(t, 0), c.start(t, 1), c.start(t, 2)
	c.here = meet(t, c.anna, c.ben).here
	ticket, err := c.here.Invite(patient(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.cora.Join(patient(t), ticket); err != nil {
		t.Fatal(err)
	}
	for _, node := range []*waymeet.Node{c.anna, c.ben, c.cora} {
		eventually(t, "channels to both others", func() bool { return channels(node) == 2 })
	}
	return c
}

// start starts the node of a place again.
func (c *circle) start(t *testing.T, place int) *waymeet.Node {
	t.Helper()
	return startNode(t, waymeet.Config{StateDir: c.dirs[place]})
}

// channels counts the peers to which a node has a channel in its open epoch.
func channels(node *waymeet.Node) int {
	up := 0
	for _, p := range node.Status().Peers {
		if p.State == "active" && p.Epoch == node.Status().Contexts[0].Epoch {
			up++
		}
	}
	return up
}

// SPEC 2.2, 8.4: "The channels of a removed member close at once", and it gets
// no new ones; those who stay meet under new keys.
func TestRemovedMemberIsShutOut(t *testing.T) {
	t.Parallel()
	c := gather(t)
	toBen := c.here.Peer(c.ben.Authority())
	out, in := openStream(t, toBen, c.ben.Contexts()[0].Peer(c.anna.Authority()), "talk/1")
	defer out.Close()
	events := c.cora.Events(patient(t))
	if err := c.here.Remove(patient(t), c.ben.Authority()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(in); err == nil {
		t.Error("ben's stream ended as if all had been said")
	}
	for e := range events {
		if e.Kind == waymeet.EventChannelDown && e.Peer == c.ben.Authority() {
			if e.Reason != "no longer a member" {
				t.Errorf("cora's channel to ben is over: %s", e.Reason)
			}
			break
		}
	}
	eventually(t, "that ben knows", func() bool { return contextStatus(t, c.ben).Removed })
	toAnna := c.ben.Contexts()[0].Peer(c.anna.Authority())
	eventually(t, "that ben is told why he reaches nobody", func() bool {
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, opened := toAnna.OpenStream(short, "talk/1")
		_, sent := toAnna.SendFile(short, "a.txt", 1, strings.NewReader("a"))
		var first, second waymeet.Problem
		return errors.As(opened, &first) && errors.As(sent, &second) && first == second && strings.HasPrefix(first.Whose, "this node was removed from cx-")
	})
	for _, node := range []*waymeet.Node{c.anna, c.cora} {
		eventually(t, "one channel between those who stay", func() bool { return channels(node) == 1 && len(node.Status().Peers) == 1 })
	}
	eventually(t, "equal journals", func() bool { return contextStatus(t, c.anna) == contextStatus(t, c.cora) })
	if s := contextStatus(t, c.anna); s.Members != 2 || s.Epoch != 3 {
		t.Errorf("anna has %+v", s)
	}
	if err := c.here.Remove(patient(t), c.ben.Authority()); !strings.Contains(problem(t, err).Whose, "is no member") {
		t.Errorf("removed again: %v", err)
	}
}

// SPEC 3.4: "facts of the closed epoch beyond the cut are never reduced, so that
// a removed member cannot write history." They are stored and synced, and that is
// all.
func TestLateFactsOfARemovedMemberDoNotCount(t *testing.T) {
	t.Parallel()
	c := gather(t)
	say(t, c.ben.Contexts()[0], "in time")
	eventually(t, "what ben has said", func() bool { return reads(t, c.anna, 1) && reads(t, c.cora, 1) })
	stop(t, c.ben)
	stop(t, c.cora)
	if err := c.here.Remove(patient(t), c.ben.Authority()); err != nil {
		t.Fatal(err)
	}
	stop(t, c.anna)
	// Neither of the others knows.
	c.ben, c.cora = c.start(t, 1), c.start(t, 2)
	late := say(t, c.ben.Contexts()[0], "too late")
	eventually(t, "the late fact at cora's", func() bool { return reads(t, c.cora, 2) })
	stop(t, c.ben)
	say(t, c.cora.Contexts()[0], "in good faith") // it stands on the late one, and is said again
	c.anna = c.start(t, 0)
	eventually(t, "equal journals without ben", func() bool {
		s := contextStatus(t, c.anna)
		return s.Members == 2 && reads(t, c.anna, 2) && s == contextStatus(t, c.cora)
	})
	for _, node := range []*waymeet.Node{c.anna, c.cora} {
		if texts, _ := read(t, node.Contexts()[0], waymeet.FactQuery{}); !slices.Equal(texts, []string{"in time", "in good faith"}) {
			t.Errorf("read %q", texts)
		}
	}
	stop(t, c.anna)
	stop(t, c.cora)
	for _, dir := range []string{c.dirs[0], c.dirs[2]} {
		all := lines(t, dir)
		at := slices.IndexFunc(all, func(line waymeet.JournalLine) bool { return line.Fact == late })
		if at < 0 || all[at].Counts || all[at].Author != c.ben.Authority() {
			t.Errorf("the late fact is not held, or counts: %d of %d facts", at, len(all))
		}
	}
	// One of them may have published something in its last moment: by file the
	// other one has it too.
	for _, way := range [][2]string{{c.dirs[0], c.dirs[2]}, {c.dirs[2], c.dirs[0]}} {
		if _, err := importInto(t, way[1], export(t, way[0])); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(export(t, c.dirs[0]), export(t, c.dirs[2])) {
		t.Error("the exports differ")
	}
}

// Who was removed may be invited again, and reads what was said meanwhile.
func TestRemovedMemberComesBack(t *testing.T) {
	t.Parallel()
	m := meet(t, startNode(t, waymeet.Config{}), startNode(t, waymeet.Config{}))
	say(t, m.there, "first")
	eventually(t, "equal journals", func() bool { return contextStatus(t, m.anna) == contextStatus(t, m.ben) })
	if err := m.here.Remove(patient(t), m.ben.Authority()); err != nil {
		t.Fatal(err)
	}
	say(t, m.here, "without ben")
	ticket, err := m.here.Invite(patient(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	there, err := m.ben.Join(patient(t), ticket)
	if err != nil {
		t.Fatal(err)
	}
	if texts, _ := read(t, there, waymeet.FactQuery{}); !slices.Equal(texts, []string{"first", "without ben"}) {
		t.Errorf("ben reads %q", texts)
	}
	say(t, there, "back")
	eventually(t, "what ben says at anna's", func() bool {
		texts, _ := read(t, m.here, waymeet.FactQuery{Author: m.ben.Authority()})
		return slices.Equal(texts, []string{"first", "back"})
	})
	eventually(t, "a channel", func() bool { return channels(m.anna) == 1 && channels(m.ben) == 1 })
	if contextStatus(t, m.ben).Removed {
		t.Error("ben still believes that it was removed")
	}
}

// Not with the ticket that it came with, though that still answers (SPEC 14.2).
func TestUsedTicketBringsNobodyBack(t *testing.T) {
	t.Parallel()
	m := meet(t, startNode(t, waymeet.Config{}), startNode(t, waymeet.Config{}))
	eventually(t, "a channel", func() bool { return channels(m.anna) == 1 && channels(m.ben) == 1 })
	if err := m.here.Remove(patient(t), m.ben.Authority()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "that ben knows", func() bool { return contextStatus(t, m.ben).Removed })
	if _, err := m.ben.Join(patient(t), m.ticket); problem(t, err).Code != waymeet.ExitFailed {
		t.Errorf("ben claims again: %v", err)
	}
	if s := contextStatus(t, m.anna); s.Members != 1 || s.Epoch != 2 {
		t.Errorf("anna has %+v", s)
	}
}

// SPEC 2.2: only the founder may, under finality founder.
func TestOnlyTheFounderChangesAContext(t *testing.T) {
	t.Parallel()
	m := meet(t, startNode(t, waymeet.Config{}), startNode(t, waymeet.Config{}))
	for what, err := range map[string]error{
		"remove": m.there.Remove(patient(t), m.anna.Authority()),
		"rotate": m.there.Rotate(patient(t)),
	} {
		if p := problem(t, err); p.Code != waymeet.ExitFailed || !strings.Contains(p.Whose, "only the founder") || strings.Contains(p.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := m.here.Remove(patient(t), m.anna.Authority()); !strings.Contains(problem(t, err).Whose, "cannot be removed") {
		t.Errorf("the founder removes itself: %v", err)
	}
}

// SPEC 2.2: a rotation is an op with a fresh secret; the channels follow.
func TestRotatedContextGoesOn(t *testing.T) {
	t.Parallel()
	m := meet(t, startNode(t, waymeet.Config{}), startNode(t, waymeet.Config{}))
	if err := m.here.Rotate(patient(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both in epoch 2, with a channel of it", func() bool {
		return contextStatus(t, m.ben).Epoch == 2 && channels(m.anna) == 1 && channels(m.ben) == 1
	})
	out, in := openStream(t, m.toBen, m.toAnna, "after/1")
	_, err := out.Write([]byte("x"))
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	if heard, err := io.ReadAll(in); err != nil || string(heard) != "x" {
		t.Errorf("heard %q: %v", heard, err)
	}
}
