package chaos

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/waymeet/waymeet/supervision"
)

const everything = `seed 7
kill /channels/pairs/* phase before-message message messages.PathSilent nth 3
kill * phase after-effect every 100 most 5
kill /store step 17
drop /channels/manager class droppable chance 0.5
again * message messages.Tick
delay /a class latest-wins by 50ms chance 0.25
suspend /b by 1s every 10
`

// What Parse reads, String writes.
func TestPlanText(t *testing.T) {
	plan, err := Parse("# what can go wrong\n\n" + strings.ReplaceAll(everything, "\n", " # so\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.String(); got != everything {
		t.Errorf("got\n%swant\n%s", got, everything)
	}
	if r := plan.Rules[5]; r.Do != Delay || r.By != 50*time.Millisecond || r.Class != supervision.LatestWins || r.Chance != 0.25 {
		t.Errorf("rule %+v", r)
	}
}

// The wild cards can be printed.
func TestWildCards(t *testing.T) {
	if got := fmt.Sprint(Anywhere, AnyClass, Strike{Do: Drop, Phase: Anywhere}); !strings.Contains(got, "any any") {
		t.Errorf("printed %q", got)
	}
}

// What cannot be read is refused with the number of its line and a reason.
func TestPlanRefusals(t *testing.T) {
	for text, why := range map[string]string{
		"seed":                        "seed wants one number",
		"seed x":                      `seed wants a whole number below 2^64, not "x"`,
		"seed 1\nseed 2":              "line 3: there is a seed already",
		"maim /a":                     `no action "maim"; there are kill, drop, again, delay, suspend`,
		"kill":                        "kill wants the path of an actor",
		"kill /a nth":                 `"nth" wants a value`,
		"kill /a phase noon":          `no phase "noon"`,
		"kill /a class droppable":     `kill has no "class"`,
		"drop /a step 1":              `drop has no "step"`,
		"drop /a class loud":          `no class "loud"`,
		"delay /a":                    "delay wants by DURATION",
		"suspend /a":                  "suspend wants by DURATION",
		"delay /a by soon":            `by wants a time above 0, as 50ms, not "soon"`,
		"delay /a by 0s":              `by wants a time above 0, as 50ms, not "0s"`,
		"kill /a chance 2":            "chance is above 0 and at most 1",
		"kill /a chance NaN":          "chance is above 0 and at most 1",
		"kill /a chance often":        `chance is above 0 and at most 1, not "often"`,
		"kill /a nth -1":              `nth wants a whole number above 0, not "-1"`,
		"kill /a nth 0":               `nth wants a whole number above 0, not "0"`,
		"kill /a every 0":             `every wants a whole number above 0, not "0"`,
		"kill /a most 0":              `most wants a whole number above 0, not "0"`,
		"kill /a step x":              `step wants a whole number above 0, not "x"`,
		"kill /a nth 1 nth 2":         "nth is there twice",
		"kill /a message m message n": "message is there twice",
		"kill /a twice 2":             `kill has no "twice"`,
		"drop /a by 1s message m nth": "",
	} {
		_, err := Parse("kill /fine\n" + text)
		if err == nil || !strings.Contains(err.Error(), "line 2: ") && !strings.HasPrefix(why, "line 3: ") || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("kill *\n")
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(plan.String())
		if err != nil || again.String() != plan.String() {
			t.Errorf("%q is read as %q, that as %q (%v)", text, plan, again, err)
		}
	})
}

// A plan that was built, not read, is checked before it is followed; so is a
// storm.
func TestWhatMakesNoSense(t *testing.T) {
	for _, r := range []Rule{
		{Do: Delay, Class: AnyClass}, {Do: Drop, Chance: 3}, {Do: Kill, Chance: -1}, {Do: 9}, {Do: -1},
	} {
		i := &Injector{}
		if err := i.Follow(Plan{Rules: []Rule{{Do: Kill}, r}}); err == nil || !strings.Contains(err.Error(), "rule 2") {
			t.Errorf("%+v: %v", r, err)
		}
		if i.At(supervision.Point{}) {
			t.Errorf("%+v: the rest of a refused plan is followed", r)
		}
	}
	for _, s := range []Storm{{Rate: 1e-10, For: time.Second}, {Rate: 10}, {Rate: math.NaN(), For: time.Second}} {
		if _, err := s.Run(t.Context(), nil); err == nil {
			t.Errorf("%+v was begun", s)
		}
	}
}
