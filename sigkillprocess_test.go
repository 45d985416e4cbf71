package waymeet_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// member is a member of a context that lives many lives, each in a process of
// its own, on one state directory.
type member struct {
	t          *testing.T
	dir, relay string
	context    waymeet.ContextID
	// facts are those that a life before this one was told to be on disk.
	facts []messages.FactID
	// lives counts them; life is the one that goes on.
	lives int
	life  *life
}

// life is one process, and what it has printed.
type life struct {
	process *exec.Cmd
	stdin   io.WriteCloser
	ended   chan struct{}
	mu      sync.Mutex
	heard   heard
}

// heard is what a life has printed so far.
type heard struct {
	ticket, context, channel, fingerprint, problem string
	facts                                          []string
	bytes                                          int64
	// back is how long the first channel took; zero: there is none yet.
	back time.Duration
}

func newMember(t *testing.T, relay string) *member {
	m := &member{t: t, dir: t.TempDir(), relay: relay}
	t.Cleanup(func() {
		if m.life != nil {
			m.kill()
		}
	})
	return m
}

// start begins a life.
func (m *member) start(ticket string) {
	m.t.Helper()
	l := &life{process: exec.Command(os.Args[0]), ended: make(chan struct{})}
	l.process.Env = append(os.Environ(), memberDir+"="+m.dir, memberRelay+"="+m.relay, memberTicket+"="+ticket)
	l.process.Stderr = os.Stderr
	var err error
	if l.stdin, err = l.process.StdinPipe(); err != nil {
		m.t.Fatal(err)
	}
	stdout, err := l.process.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := l.process.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.life = l
	m.lives++
	go l.listen(stdout)
	if m.context.IsZero() {
		text := m.await("a context", func(h heard) string { return h.context })
		if m.context, err = messages.ParseContextID(text); err != nil {
			m.t.Fatal(err)
		}
	}
}

// listen takes in all that a life prints, to its last whole line.
func (l *life) listen(stdout io.Reader) {
	defer close(l.ended)
	for lines := bufio.NewReader(stdout); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // what has no end was not said
		}
		l.mu.Lock()
		l.heard.take(strings.Fields(line))
		l.mu.Unlock()
	}
}

func (h *heard) take(words []string) {
	number := func(at int) int64 {
		n, _ := strconv.ParseInt(words[at], 10, 64)
		return n
	}
	switch words[0] {
	case saidTicket:
		h.ticket = words[1]
	case saidContext:
		h.context = words[1]
	case saidFact:
		h.facts = append(h.facts, words[1])
	case saidActive:
		h.channel = words[1]
		if h.back == 0 {
			h.back = time.Duration(number(2)) * time.Microsecond
		}
	case saidJournal:
		h.fingerprint, h.bytes = words[1], number(2)
	case saidProblem:
		h.problem = strings.Join(words[1:], " ")
	}
}

// heard is what this life has printed so far.
func (m *member) heard(t *testing.T) heard {
	t.Helper()
	m.life.mu.Lock()
	defer m.life.mu.Unlock()
	if m.life.heard.problem != "" {
		t.Fatal(m.life.heard.problem)
	}
	return m.life.heard
}

// await waits for something that the life prints.
func (m *member) await(what string, find func(heard) string) (found string) {
	m.t.Helper()
	eventually(m.t, what, func() bool {
		found = find(m.heard(m.t))
		return found != ""
	})
	return found
}

func (m *member) tell(what string) {
	m.t.Helper()
	if _, err := fmt.Fprintln(m.life.stdin, what); err != nil {
		m.t.Fatal(err)
	}
}

// kill is SIGKILL. It says how long this life's first channel took to come, or
// zero if it did not come.
func (m *member) kill() (back time.Duration) {
	_ = m.life.process.Process.Kill()
	return m.gone()
}

// end lets a life end in order.
func (m *member) end() {
	m.t.Helper()
	_ = m.life.stdin.Close()
	process := m.life.process
	if m.gone(); !process.ProcessState.Success() {
		m.t.Errorf("a member ended with %v", process.ProcessState)
	}
}

// gone takes in what the life has said last.
func (m *member) gone() (back time.Duration) {
	l := m.life
	m.life = nil
	<-l.ended
	_ = l.process.Wait() // how it ended is known
	for _, text := range l.heard.facts {
		fact, err := messages.ParseFactID(text)
		if err != nil {
			m.t.Errorf("a member printed %q: %v", text, err)
		}
		m.facts = append(m.facts, fact)
	}
	return l.heard.back
}

// checkJournal opens a copy of what the dead left on disk: every fact that was
// acknowledged is there, and no author has signed one number twice or left one
// out.
func (m *member) checkJournal(acknowledged []messages.FactID) {
	m.t.Helper()
	disk, err := os.ReadFile(store.Directory(m.dir).JournalPath(m.context))
	if err != nil {
		m.t.Fatal(err)
	}
	copied := m.t.TempDir()
	path := store.Directory(copied).JournalPath(m.context)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, disk, 0o600); err != nil {
		m.t.Fatal(err)
	}
	defer os.Remove(path)
	journal, err := store.Directory(copied).Journal(m.context)
	if err != nil {
		m.t.Fatal(err)
	}
	defer journal.Close()
	held := checkChains(m.t, journal)
	for _, id := range acknowledged {
		if !held[id] {
			m.t.Fatalf("fact %s was acknowledged and is lost", id.Short())
		}
	}
}

// checkChains checks that each author's facts are one chain without a fork or a
// gap, and tells which facts there are.
func checkChains(t *testing.T, journal *store.Store) (held map[messages.FactID]bool) {
	t.Helper()
	held = make(map[messages.FactID]bool)
	type place struct {
		author messages.AuthorityID
		seq    messages.Seq
	}
	chains := make(map[place]messages.Fact)
	for record, err := range journal.Records(messages.BucketFacts) {
		if err != nil {
			t.Fatal(err)
		}
		fact, err := messages.ParseFact(record.Value)
		if err != nil {
			t.Fatal(err)
		}
		at := place{fact.Header.Author, fact.Header.Seq}
		if other, taken := chains[at]; taken {
			t.Fatalf("%s signed two facts with number %d: %s and %s", at.author.Short(), at.seq, other.ID().Short(), fact.ID().Short())
		}
		chains[at], held[fact.ID()] = fact, true
	}
	for at, fact := range chains {
		if before, there := chains[place{at.author, at.seq - 1}]; at.seq > 1 && (!there || before.ID() != fact.Header.Prev) {
			t.Fatalf("fact %d of %s does not follow its forerunner", at.seq, at.author.Short())
		}
	}
	return held
}
