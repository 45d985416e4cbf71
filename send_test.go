package waymeet_test

import (
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// Whoever sends something to the node itself, or to one that was removed, is told
// that, by whatever name it is meant.
func TestSendToWhoIsNoPeerSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	anna := startNode(t, waymeet.Config{StateDir: dir, Nickname: "anna"})
	client, err := waymeet.Connect(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	refused := func(id waymeet.AuthorityID, nickname string, want waymeet.Problem) {
		t.Helper()
		for _, to := range []string{id.String(), id.String()[:12], nickname} {
			_, err := client.Send(patient(t), to, "a.txt", 1, strings.NewReader("a"))
			if p := problem(t, err); p.Code != want.Code || p.Whose != want.Whose {
				t.Errorf("to %s: %v", to, err)
			}
		}
	}
	self := waymeet.Problem{Code: waymeet.ExitUsage, Whose: "it is this node itself"}
	refused(anna.Authority(), "anna", self)

	ben := startNode(t, waymeet.Config{Nickname: "ben"})
	m := meet(t, anna, ben)
	eventually(t, "ben has told his name", func() bool { return peerStatus(t, anna).Nickname == "ben" })
	refused(anna.Authority(), "anna", self)
	if err := m.here.Remove(patient(t), ben.Authority()); err != nil {
		t.Fatal(err)
	}
	refused(ben.Authority(), "ben", waymeet.Problem{Code: waymeet.ExitFailed, Whose: "it was removed from " + m.here.ID().Short()})
	_, err = client.Send(patient(t), "eve", "a.txt", 1, strings.NewReader("a"))
	if p := problem(t, err); p.Code != waymeet.ExitUsage || p.Whose != "there is no peer" {
		t.Errorf("to a stranger: %v", err)
	}
}
