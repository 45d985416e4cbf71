package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waymeet/waymeet"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

const (
	// factWriters is how many calls of Append are under way at a time.
	factWriters = 64
	// factBody is how long the body of a fact is, in bytes.
	factBody = 64
)

// appended is what became of an order to append facts.
type appended struct {
	Facts   int      `json:"facts"` // acknowledged
	Seconds float64  `json:"seconds"`
	Errors  []string `json:"errors"`
}

func (a *appended) add(other appended) {
	a.Facts += other.Facts
	a.Seconds += other.Seconds
	a.Errors = append(a.Errors, other.Errors...)
}

// appendFacts appends so many facts of the host's own to the journal.
func appendFacts(ctx context.Context, cx waymeet.Context, facts int) appended {
	began := time.Now()
	var next, acknowledged atomic.Int64
	var failed sync.Map
	var writers sync.WaitGroup
	for range factWriters {
		writers.Go(func() {
			for n := next.Add(1); n <= int64(facts); n = next.Add(1) {
				body := binary.BigEndian.AppendUint64(make([]byte, factBody-8, factBody), uint64(n))
				if _, err := cx.Append(ctx, messages.FactApplication, body); err != nil {
					failed.Store(err.Error(), nil)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	writers.Wait()
	result := appended{Facts: int(acknowledged.Load()), Seconds: time.Since(began).Seconds()}
	for text := range failed.Range {
		result.Errors = append(result.Errors, text.(string))
	}
	return result
}

// journalOnDisk is all that a node that has stopped has on disk of a context.
type journalOnDisk struct {
	facts map[messages.FactID]messages.Fact
	hash  [sha256.Size]byte // of all facts, by id
	// application counts the host's own facts of each author.
	application map[messages.AuthorityID]int
}

// readJournal reads the journal of the only context in a state directory. An
// author who has signed one number twice, or left one out, is an error.
func readJournal(dir string) (read journalOnDisk, err error) {
	contexts, err := store.Directory(dir).Contexts()
	if err != nil {
		return read, err
	}
	if len(contexts) != 1 {
		return read, fmt.Errorf("%s has %d contexts, not one", dir, len(contexts))
	}
	journal, err := store.Directory(dir).Journal(contexts[0])
	if err != nil {
		return read, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	var facts []messages.Fact
	for record, err := range journal.Records(messages.BucketFacts) {
		if err != nil {
			return read, err
		}
		fact, err := messages.ParseFact(record.Value)
		if err != nil {
			return read, err
		}
		facts = append(facts, fact)
	}
	slices.SortFunc(facts, func(a, b messages.Fact) int { return a.ID().Compare(b.ID()) })
	sum := sha256.New()
	read.facts = make(map[messages.FactID]messages.Fact)
	read.application = make(map[messages.AuthorityID]int)
	for _, fact := range facts {
		read.facts[fact.ID()] = fact
		sum.Write(fact.Append(nil))
		if fact.Header.Type.IsApplication() {
			read.application[fact.Header.Author]++
		}
	}
	read.hash = [sha256.Size]byte(sum.Sum(nil))
	return read, checkChains(facts)
}

// beyond are the facts that the other one does not hold.
func (j journalOnDisk) beyond(other journalOnDisk) (more []messages.Fact) {
	for id, fact := range j.facts {
		if _, held := other.facts[id]; !held {
			more = append(more, fact)
		}
	}
	return more
}

// checkChains checks that the facts of each author are one chain.
func checkChains(facts []messages.Fact) error {
	slices.SortFunc(facts, func(a, b messages.Fact) int {
		return cmp.Or(a.Header.Author.Compare(b.Header.Author), cmp.Compare(a.Header.Seq, b.Header.Seq))
	})
	for i, fact := range facts {
		var before messages.Fact
		if i > 0 && facts[i-1].Header.Author == fact.Header.Author {
			before = facts[i-1]
		}
		if fact.Header.Seq != before.Header.Seq+1 || fact.Header.Seq > 1 && fact.Header.Prev != before.ID() {
			return fmt.Errorf("fact %d of %s stands behind fact %d", fact.Header.Seq, fact.Header.Author.Short(), before.Header.Seq)
		}
	}
	return nil
}
