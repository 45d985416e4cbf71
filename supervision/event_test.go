package supervision

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The host's logger gets a line for every event, and the actors' own lines
// carry path and incarnation.
func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
		d := &diary{}
		a := d.starter("a", func(c *Context[script]) error {
			c.Log().Info("hello")
			return nil
		})
		b := d.play("b")
		b.Restart = Transient
		tree := mustStart(t, Config{Logger: logger}, SupervisorSpec{Children: []Child{a.Child(), b.Child()}})
		tell(t, tree, "/a", "boom")
		tell(t, tree, "/b", "end")
		synctest.Wait()
		mustStop(t, tree)
		for _, want := range []string{
			`level=INFO msg=hello actor=/a incarnation=2`,
			`level=DEBUG msg="actor started" actor=/a incarnation=2 restarts=0`,
			`level=ERROR msg="actor crashed" actor=/a incarnation=2 phase="before message" message=supervision.script mailbox=0 killed=false reason=boom stack=`,
			`level=DEBUG msg="actor ended for good" actor=/b incarnation=3 reason="/b ended"`,
			`level=WARN msg="actor restarts" actor=/a delay=0s reason="/a crashed: boom"`,
			`level=INFO msg=hello actor=/a incarnation=4`,
			`level=DEBUG msg="actor stopped" actor=/ incarnation=1`,
		} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("no line with %s in\n%s", want, text.String())
			}
		}
	})
}

func TestLogOfRareEvents(t *testing.T) {
	exit := &Exit{Path: "/s", Reason: ReasonIntensity}
	for _, e := range []Event{Escalated{exit}, Quarantined{Path: "/s", Exit: exit}, Stuck{Path: "/s", Tasks: []string{"pump"}}} {
		if level, text, attrs := e.log(); level != slog.LevelError || text == "" || attrs[0].Value.String() != "/s" {
			t.Errorf("%T: %v %q %v", e, level, text, attrs)
		}
	}
}

// Who reads the log as JSON can read how long something took, too.
func TestSpansInJSONLogs(t *testing.T) {
	exit := &Exit{Path: "/a", Reason: ReasonCrash}
	for want, e := range map[string]Event{
		`"delay":"1.5s"`:   Restarting{Delay: 1500 * time.Millisecond, Exit: exit},
		`"for":"1m0s"`:     Quarantined{For: time.Minute, Exit: exit},
		`"for":"10s"`:      Blocked{For: 10 * time.Second},
		`"waited":"200ms"`: Stuck{Waited: 200 * time.Millisecond},
	} {
		var text bytes.Buffer
		level, line, attrs := e.log()
		slog.New(slog.NewJSONHandler(&text, nil)).LogAttrs(context.Background(), level, line, attrs...)
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in %s", want, text.String())
		}
	}
}
