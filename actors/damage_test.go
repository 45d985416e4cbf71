package actors_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waymeet/waymeet/actors"
	"github.com/waymeet/waymeet/messages"
	"github.com/waymeet/waymeet/transport/store"
)

// SPEC 3.5: "damage is one clear error that names file, bucket and key". A bit
// that changes on the disk of a running node stops it when the fact is read,
// whoever it is read for: it must not go on to acknowledge what no peer gets.
func TestDamagedFactStopsARunningNode(t *testing.T) {
	a, b := joined(t)
	for name, read := range map[string]func(*world, messages.ContextID){
		"for a peer": func(w *world, _ messages.ContextID) {
			w.start(copyDir(t, b), nil)
			time.Sleep(back)
		},
		"for the host": func(w *world, cx messages.ContextID) {
			for _, err := range w.nodes[0].Facts(context.Background(), cx, messages.FactQuery{}) {
				if err != nil {
					time.Sleep(time.Second)
					return
				}
			}
			t.Error("the host was given all facts")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyDir(t, a)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				time.Sleep(2 * time.Minute) // later than what is on disk
				node := w.start(dir, nil)
				cx := node.Status().Contexts[0].Context
				appendNote(t, node, cx)
				damageLastFact(t, dir, cx)
				read(w, cx)
				expectDamage(t, node, store.Directory(dir).JournalPath(cx))
			})
		})
	}
}

func appendNote(t *testing.T, node *actors.Node, cx messages.ContextID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := node.Append(ctx, cx, messages.ApplicationFact{Type: messages.FactApplication, Body: []byte("a note")}); err != nil {
		t.Fatal(err)
	}
}

// damageLastFact flips one bit of the last fact in the file of a journal, which a
// node has open. A copy of the file tells where it lies.
func damageLastFact(t *testing.T, dir string, cx messages.ContextID) {
	t.Helper()
	database, err := store.Directory(copyDir(t, dir)).Journal(cx)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	var last []byte
	for record, err := range database.Records(messages.BucketFacts) {
		if err != nil {
			t.Fatal(err)
		}
		last = record.Value
	}
	path := store.Directory(dir).JournalPath(cx)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file, last)
	if at < 0 {
		t.Fatal("the fact does not lie in the file in one piece")
	}
	open, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	at += len(last) / 2
	if _, err := open.WriteAt([]byte{file[at] ^ 1}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// expectDamage fails unless the node has stopped because of the damaged file.
func expectDamage(t *testing.T, node *actors.Node, path string) {
	t.Helper()
	select {
	case <-node.Done():
	default:
		t.Fatal("the node goes on")
	}
	var problem messages.Problem
	if err := node.Err(); !errors.As(err, &problem) {
		t.Fatalf("it stopped with %v", err)
	}
	if !strings.Contains(problem.Whose, path+" is damaged: bucket facts, key ") || !strings.Contains(problem.Hint, "restore the file") {
		t.Errorf("it stopped with %+v", problem)
	}
}
