package offline

import (
	"bytes"
	"slices"
	"testing"

	"github.com/waymeet/waymeet/messages"
)

// twoEpochs is a founder and a member who has joined and heard nothing yet, and
// what the founder has said in two epochs since: the export of it.
func twoEpochs(t *testing.T) (ana, ben *home, file []byte) {
	t.Helper()
	ana = found(t)
	ben = ana.admit()
	ana.say("one", "two")
	ana.do(messages.AdvanceEpoch{Operation: ana.operation()})
	ana.say("three", "four")
	return ana, ben, ana.export()
}

// forge is a fact that its author has not signed.
func forge(fact messages.Fact) messages.Fact {
	fact.Header.Seq += 100
	fact.HeaderBytes = messages.Encode(fact.Header)
	return fact
}

// isOp reports whether the fact opens an epoch.
func isOp(fact messages.Fact) bool {
	return slices.Contains([]messages.FactType{messages.FactContextFounded, messages.FactMemberAdded, messages.FactEpochAdvanced}, fact.Header.Type)
}

// Facts that come before the op of their epoch wait for it, and count as what
// becomes of them then.
func TestImportCountsWhatWasReleased(t *testing.T) {
	ana, ben, file := twoEpochs(t)
	all := factsOf(t, file)
	want := len(all)
	slices.SortStableFunc(all, func(a, b messages.Fact) int {
		switch {
		case isOp(a) == isOp(b):
			return 0
		case isOp(a):
			return 1
		}
		return -1
	})
	imported, err := ben.take(exportOf(t, ana.context, append([]messages.Fact{forge(all[0])}, all...)...))
	if err != nil || imported.Admitted != want || imported.Held != 0 || imported.Pending != 0 || imported.Refused != 1 || len(imported.Reasons) != 1 {
		t.Errorf("of %d facts: %+v, %v", want, imported, err)
	}
	wantProblem(t, imported.Verdict(), messages.ExitFailed, "1 of its facts was refused", "did not sign")
	again, err := ben.take(file)
	if err != nil || again.Admitted != 0 || again.Held != want || again.Pending+again.Refused != 0 || !again.Complete || again.Verdict() != nil {
		t.Errorf("again: %+v, %v", again, err)
	}
	if !bytes.Equal(ben.export(), file) {
		t.Error("two journals that agree export other bytes")
	}
}

func TestImportOfAnUnknownEpochIsPending(t *testing.T) {
	ana, ben, file := twoEpochs(t)
	all := slices.DeleteFunc(factsOf(t, file), isOp)
	imported, err := ben.take(exportOf(t, ana.context, append(all, all...)...))
	if err != nil || imported.Pending != len(all) || imported.Admitted+imported.Held+imported.Refused != 0 || imported.Complete {
		t.Errorf("of %d facts: %+v, %v", len(all), imported, err)
	}
	wantProblem(t, imported.Verdict(), messages.ExitWaiting, "4 of its facts are pending")
}

// What a file that is cut short has held is here, and counted.
func TestImportThatIsCutShortTellsHowFarItCame(t *testing.T) {
	_, ben, file := twoEpochs(t)
	imported, err := ben.take(file[:len(file)-50])
	wantProblem(t, err, messages.ExitFailed, "cut short")
	if n := len(factsOf(t, file)) - 1; imported.Admitted != n && imported.Admitted != n+1 {
		t.Errorf("of %d facts or one more: %+v", n, imported)
	}
	if imported.Context != ben.context || imported.Complete {
		t.Errorf("it says %+v", imported)
	}
}

// A journal may hold more than an export: that is no failure. An export may
// contradict itself: that is one.
func TestImportComparesTheJournalWithTheExport(t *testing.T) {
	ana, ben, file := twoEpochs(t)
	if imported, err := ben.take(file); err != nil || !imported.Complete || imported.More+imported.Uncounted != 0 {
		t.Errorf("all: %+v, %v", imported, err)
	}
	ana.say("five")
	imported, err := ana.take(file)
	if err != nil || imported.Complete || imported.More != 1 || imported.Verdict() != nil {
		t.Errorf("an older export: %+v, %v", imported, err)
	}
	torn := bytes.Clone(file)
	torn[len(torn)-1]++
	imported, err = ben.take(torn)
	if err != nil || imported.Complete {
		t.Errorf("an export with another fingerprint: %+v, %v", imported, err)
	}
	wantProblem(t, imported.Verdict(), messages.ExitFailed, "not those that it was made of")
}

// A body that is harmed is seen, though the fact is held.
func TestImportSeesAHarmedBodyOfAFactThatIsHeld(t *testing.T) {
	_, ben, file := twoEpochs(t)
	if _, err := ben.take(file); err != nil {
		t.Fatal(err)
	}
	for _, fact := range factsOf(t, file) {
		harmed := bytes.Clone(file)
		harmed[bytes.Index(file, fact.Body)+len(fact.Body)/2] ^= 1
		imported, err := ben.take(harmed)
		if err != nil || imported.Sound || imported.Complete || imported.Admitted != 0 {
			t.Errorf("%s: %+v, %v", fact.Header.Type, imported, err)
		}
		wantProblem(t, imported.Verdict(), messages.ExitFailed, "not those that it was made of")
	}
}

// A signature that its author has not made is seen, though the fact is held, from
// before or out of the same file.
func TestImportSeesAForgedSignatureOfAFactThatIsHeld(t *testing.T) {
	ana, ben, file := twoEpochs(t)
	all := factsOf(t, file)
	for at, fact := range all {
		forged := fact
		forged.Signature[7] ^= 1
		inItsPlace := slices.Clone(all)
		inItsPlace[at] = forged
		for where, facts := range map[string][]messages.Fact{"beside it": append(slices.Clone(all), forged), "in its place": inItsPlace} {
			imported, err := ana.take(exportOf(t, ana.context, facts...))
			if err != nil || imported.Sound || imported.Complete || imported.Admitted != 0 {
				t.Errorf("%s, %s: %+v, %v", fact.Header.Type, where, imported, err)
			}
			wantProblem(t, imported.Verdict(), messages.ExitFailed, "not those that it was made of")
		}
	}
	twice := all[len(all)-1]
	twice.Signature[7] ^= 1
	imported, err := ben.take(exportOf(t, ana.context, append(slices.Clone(all), twice)...))
	if err != nil || imported.Sound || imported.Admitted != len(all) || imported.Refused != 0 {
		t.Errorf("%+v, %v", imported, err)
	}
	if again, err := ben.take(file); err != nil || !again.Complete || again.Verdict() != nil {
		t.Errorf("the facts as they were signed: %+v, %v", again, err)
	}
}

// Facts that count where they were exported may lie beyond a cut here.
func TestImportTellsOfFactsThatDoNotCountHere(t *testing.T) {
	ana, ben, file := twoEpochs(t)
	if _, err := ben.take(file); err != nil {
		t.Fatal(err)
	}
	ben.say("late")
	late := ben.export()
	ana.do(messages.RemoveMember{Operation: ana.operation(), Member: ben.identity.Authority()})
	imported, err := ana.take(late)
	if err != nil || imported.Admitted != 1 || imported.Uncounted != 1 || imported.More != 1 || imported.Complete {
		t.Errorf("%+v, %v", imported, err)
	}
	wantProblem(t, imported.Verdict(), messages.ExitFailed, "1 of its facts does not count here")
}

func TestImportIsRefusedWhen(t *testing.T) {
	ana, _, file := twoEpochs(t)
	for name, test := range map[string]struct {
		file []byte
		code messages.ExitCode
		want string
	}{
		"it is something else":         {[]byte("a letter to somebody who will not read it all"), messages.ExitFailed, "not a whole export"},
		"it is empty":                  {nil, messages.ExitFailed, "cut short"},
		"it is of a context of others": {exportOf(t, messages.ContextID{1}), messages.ExitUsage, "not a member"},
	} {
		imported, err := ana.take(test.file)
		if wantProblem(t, err, test.code, test.want); !imported.Context.IsZero() {
			t.Errorf("%s: %+v", name, imported)
		}
	}
	ana.harm(ana.context)
	ana.lend(func(journals *Journals) {
		_, err := journals.Import(bytes.NewReader(file))
		wantProblem(t, err, messages.ExitFailed, "damaged")
	})
}
