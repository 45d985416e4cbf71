package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/waymeet/waymeet"
)

// report is what the audience sees: lines with timings, or one JSON object a
// line. It is safe for concurrent use.
type report struct {
	out   io.Writer
	json  bool
	began time.Time
	mu    sync.Mutex
}

// line is the JSON form of everything that a report says.
type line struct {
	// Millis since the demo began.
	Millis int64          `json:"t_ms"`
	Step   string         `json:"step,omitempty"`
	Text   string         `json:"text,omitempty"`
	Node   string         `json:"node,omitempty"`
	Event  *waymeet.Event `json:"event,omitempty"`
	// Skipped are the acts that were not played, on the last line.
	Skipped []string `json:"skipped,omitempty"`
	// Result is PASS or FAIL, on the last line.
	Result string `json:"result,omitempty"`
}

func newReport(out io.Writer, json bool) *report {
	return &report{out: out, json: json, began: time.Now()}
}

// step tells what has happened.
func (r *report) step(name, format string, args ...any) {
	r.write(line{Step: name, Text: fmt.Sprintf(format, args...)})
}

// event tells what a node told; people get to see the steps only.
func (r *report) event(node string, event waymeet.Event) {
	if r.json {
		r.write(line{Node: node, Event: &event})
	}
}

// pass says that all that was played went well, and what was not played.
func (r *report) pass(skipped []string) {
	text := "every invariant held"
	if len(skipped) > 0 {
		text = "what was played held; nothing is proved of what was skipped: " + strings.Join(skipped, ", ")
	}
	r.write(line{Step: "PASS", Text: text, Skipped: skipped, Result: "PASS"})
}

func (r *report) fail(act string, err error) {
	r.write(line{Step: "FAIL", Text: act + ": " + err.Error(), Result: "FAIL"})
}

func (r *report) write(l line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	elapsed := time.Since(r.began)
	l.Millis = elapsed.Milliseconds()
	if r.json {
		json.NewEncoder(r.out).Encode(l)
		return
	}
	fmt.Fprintf(r.out, "%6.2fs  %-10s %s\n", elapsed.Seconds(), l.Step, waymeet.Printable(l.Text))
}

// millis is a duration for people.
func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
