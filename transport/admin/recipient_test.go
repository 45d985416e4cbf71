package admin

import (
	"strings"
	"testing"

	"github.com/waymeet/waymeet/messages"
	"pgregory.net/rapid"
)

// authority is an id whose text begins with au- and these letters.
func authority(t *testing.T, letters string) messages.AuthorityID {
	t.Helper()
	id, err := messages.ParseAuthorityID("au-" + letters + strings.Repeat("a", 52-len(letters)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestResolvePeer(t *testing.T) {
	abcd, abce, other := authority(t, "abcdx"), authority(t, "abcdy"), authority(t, "mnop")
	peers := []messages.PeerStatus{
		{Context: messages.ContextID{1}, Peer: abcd, Nickname: "bob"},
		{Context: messages.ContextID{2}, Peer: abcd, Nickname: "bob"},
		{Peer: abce, Nickname: "eve"},
		{Peer: other, Nickname: abcd.String()},
	}
	for _, c := range []struct {
		to   string
		want messages.AuthorityID
	}{
		{abcd.String(), abcd}, // a nickname that imitates an id gains nothing
		{"abcdx", abcd},
		{"au-abcdy", abce},
		{"au-m", other},
		{"mnop", other},
		{"bob", abcd}, // in two contexts, but one peer
		{"eve", abce},
	} {
		if got, err := ResolvePeer(c.to, peers); err != nil || got != c.want {
			t.Errorf("%q: got %s, %v; want %s", c.to, got.Short(), err, c.want.Short())
		}
	}
	for to, words := range map[string]string{
		"abcd":    "more than one peer: it may mean au-abcdx",
		"au-abcd": "more than one peer",
		"mno":     "at least 4 characters",
		"":        "at least 4 characters",
		"zzzz":    "no peer is named",
		"Bob":     "at least 4 characters",
		"MNOP":    "no peer is named",
	} {
		_, err := ResolvePeer(to, peers)
		wantProblem(t, err, messages.ExitUsage, words)
	}
	_, err := ResolvePeer("bob", nil)
	wantProblem(t, err, messages.ExitUsage, "there is no peer")
}

func TestANicknameThatImitatesAPrefixIsAmbiguous(t *testing.T) {
	peers := []messages.PeerStatus{{Peer: authority(t, "abcd")}, {Peer: authority(t, "zzzz"), Nickname: "abcd"}}
	_, err := ResolvePeer("abcd", peers)
	wantProblem(t, err, messages.ExitUsage, "more than one peer")
}

// A peer in two contexts may be called otherwise in each.
func TestPeerIsFoundByTheNicknameOfEachContext(t *testing.T) {
	id := authority(t, "abcd")
	peers := []messages.PeerStatus{{Peer: id, Nickname: "bob at work"}, {Peer: id, Nickname: "bob at home"}}
	for _, to := range []string{"bob at work", "bob at home", "abcd"} {
		if got, err := ResolvePeer(to, peers); err != nil || got != id {
			t.Errorf("%s: got %s, %v", to, got.Short(), err)
		}
	}
}

func TestWhatPeersNameIsEscapedInTheList(t *testing.T) {
	peers := []messages.PeerStatus{{Peer: authority(t, "abcd"), Nickname: "\x1b[31m"}}
	_, err := ResolvePeer("\x1b[2J", peers)
	if text := err.Error(); strings.ContainsRune(text, '\x1b') {
		t.Errorf("%q reaches the terminal", text)
	}
}

func TestResolveContext(t *testing.T) {
	one, two := messages.ContextID{0x10}, messages.ContextID{0x80}
	contexts := []messages.ContextStatus{{Context: one}, {Context: two}}
	if got, err := ResolveContext(two.String()[:10], contexts); err != nil || got != two {
		t.Errorf("got %s, %v", got.Short(), err)
	}
	_, err := ResolveContext("cx-zzzz", contexts)
	wantProblem(t, err, messages.ExitUsage, "no context is named")
}

// Whatever the peers are called: a whole id means itself, and a text is
// resolved only if exactly one peer answers to it.
func TestResolvePeerNeverGuesses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ab]{4}`)
		var peers []messages.PeerStatus
		for _, text := range rapid.SliceOfN(word, 1, 5).Draw(t, "peers") {
			id, err := messages.ParseAuthorityID("au-" + text + strings.Repeat("a", 48))
			if err != nil {
				t.Fatal(err)
			}
			peers = append(peers, messages.PeerStatus{Peer: id, Nickname: rapid.OneOf(word, rapid.Just("")).Draw(t, "nickname")})
		}
		whole := rapid.SampledFrom(peers).Draw(t, "whole").Peer
		if got, err := ResolvePeer(whole.String(), peers); err != nil || got != whole {
			t.Fatalf("a whole id became %v, %v", got, err)
		}

		to := rapid.StringMatching(`(au-)?[ab]{1,6}`).Draw(t, "to")
		answering := map[messages.AuthorityID]bool{}
		for _, p := range peers {
			id := p.Peer.String()
			if p.Nickname == to || len(to) >= 4 && (strings.HasPrefix(id, to) || strings.HasPrefix(id, "au-"+to)) {
				answering[p.Peer] = true
			}
		}
		got, err := ResolvePeer(to, peers)
		if (err == nil) != (len(answering) == 1) || err == nil && !answering[got] {
			t.Fatalf("%q became %v, %v; answering: %d", to, got, err, len(answering))
		}
	})
}
