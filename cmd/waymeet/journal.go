package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) journal() *cobra.Command {
	return group(&cobra.Command{
		Use:   "journal VERB",
		Short: "Look into the journals of a node that does not run",
		Long: "Look into the journals of a node that does not run, copy them, and read copies back. A context may be\n" +
			"left out where there is only one; else it is an id or a unique prefix.",
	}, c.journalLs(), c.journalShow(), c.journalVerify(), c.journalExport(), c.journalImport())
}

// journals lends the journals of the state directory.
func (c *command) journals(use func(*waymeet.Journals) error) (err error) {
	dir, err := c.state()
	if err != nil {
		return err
	}
	journals, err := waymeet.OpenJournals(dir)
	if err != nil {
		return err
	}
	defer journals.Close()
	return use(journals)
}

// oneJournal lends the journal that the text means.
func (c *command) oneJournal(text string, use func(*waymeet.Journal) error) error {
	return c.journals(func(journals *waymeet.Journals) error {
		cx, err := journals.Resolve(text)
		if err != nil {
			return err
		}
		journal, err := journals.Journal(cx)
		if err != nil {
			return err
		}
		defer journal.Close()
		return use(journal)
	})
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (c *command) journalLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [CONTEXT]",
		Short: "List the journals, or the facts of one",
		Args:  arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.journals(c.listJournals)
			}
			return c.oneJournal(args[0], c.listFacts)
		},
	}
}

func (c *command) listJournals(journals *waymeet.Journals) error {
	contexts, err := journals.Contexts()
	if err != nil {
		return err
	}
	t := &table{tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)}
	listed := 0
	if !c.json {
		t.row("CONTEXT", "EPOCH", "MEMBERS", "FACTS", "FINGERPRINT", "HELD", "WAITING", "AUTHORS", "SIZE")
	}
	err = c.eachJournal(contexts, "cannot be read", func(cx waymeet.ContextID) error {
		journal, err := journals.Journal(cx)
		if err != nil {
			return err
		}
		listed++
		s := journal.Summary()
		if err := journal.Close(); err != nil {
			return failed("cannot close the journal", err, "check the disk")
		}
		if c.json {
			return json.NewEncoder(c.out).Encode(s)
		}
		t.row(s.Context.String(), fmt.Sprint(s.Epoch), fmt.Sprint(s.Members), fmt.Sprint(s.Facts), s.Fingerprint[:16],
			fmt.Sprint(s.Held), fmt.Sprint(s.Waiting), fmt.Sprint(s.Authors), size(uint64(s.Bytes)))
		return nil
	})
	if err != nil && listed == 0 {
		return err // a header alone is no list
	}
	return cmp.Or(t.w.Flush(), err)
}

// soundJournal is what is told of a journal in which nothing is wrong.
type soundJournal struct {
	waymeet.JournalSummary
	Sound bool `json:"sound"`
}

// eachJournal looks at one journal after the other. What is wrong with one of
// several is told at once and keeps nobody from the next; in the end it says how
// many there were.
func (c *command) eachJournal(contexts []waymeet.ContextID, wrong string, look func(waymeet.ContextID) error) error {
	bad := 0
	for _, cx := range contexts {
		err := look(cx)
		if err != nil && len(contexts) == 1 {
			return err
		}
		if err != nil {
			c.exit(err, nil)
			bad++
		}
	}
	if bad > 0 {
		return waymeet.Problem{Code: waymeet.ExitFailed, What: fmt.Sprintf("%d of %d journals %s", bad, len(contexts), wrong), Whose: "each was named", Hint: "what was said of each"}
	}
	return nil
}

func (c *command) listFacts(journal *waymeet.Journal) error {
	t := &table{tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)}
	if !c.json {
		t.row("FACT", "TYPE", "AUTHOR", "SEQ", "TIME", "EPOCH", "SIZE", "STANDING")
	}
	for line, err := range journal.Facts() {
		switch {
		case err != nil:
			return err
		case c.json:
			if err := json.NewEncoder(c.out).Encode(line); err != nil {
				return err
			}
		default:
			t.row(line.Fact.Short(), line.Kind, line.Author.Short(), fmt.Sprint(line.Seq), timeText(line),
				fmt.Sprint(line.Epoch), fmt.Sprint(line.Size), standing(line))
		}
	}
	return t.w.Flush()
}

func timeText(line waymeet.JournalLine) string { return line.Time.Time().UTC().Format(time.RFC3339) }

// standing says whether a fact counts, or why not.
func standing(line waymeet.JournalLine) string {
	switch {
	case line.Void:
		return "of a void epoch"
	case line.Waits:
		return "waits for others"
	case !line.Counts:
		return "beyond the cut"
	}
	return "counts"
}

func (c *command) journalShow() *cobra.Command {
	var raw bool
	verb := &cobra.Command{
		Use:   "show [CONTEXT] FACT",
		Short: "Show one fact: its header, its signature, and what it says",
		Long: "Show one fact: its header, its signature, and what it says, escaped, if this node holds the key.\n" +
			"FACT is an id or a unique prefix of at least 4 characters.",
		Args: arguments(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if raw && c.json {
				return usage("--raw and --json", "they are two forms of the same", "one of them")
			}
			return c.oneJournal(first(args[:len(args)-1]), func(journal *waymeet.Journal) error {
				fact, err := journal.Fact(args[len(args)-1])
				switch {
				case err != nil:
					return err
				case raw && !fact.Opens:
					return waymeet.Problem{Code: waymeet.ExitFailed, What: "the body does not open", Whose: "its author sealed it wrongly", Hint: "without --raw"}
				case raw:
					_, err = c.out.Write(fact.Body)
				case c.json:
					err = json.NewEncoder(c.out).Encode(fact)
				default:
					err = printJournalFact(c.out, fact)
				}
				return err
			})
		},
	}
	verb.Flags().BoolVar(&raw, "raw", false, "print what it says, and nothing else, as it is")
	return verb
}

func printJournalFact(out io.Writer, fact waymeet.JournalFact) error {
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row("fact", fact.Fact.String())
	t.row("type", fmt.Sprintf("%s, tag %d, schema %d", fact.Kind, fact.Type, fact.Schema))
	t.row("author", fact.Author.String())
	t.row("seq", fmt.Sprint(fact.Seq))
	if !fact.Prev.IsZero() {
		t.row("prev", fact.Prev.String())
	}
	for _, parent := range fact.Parents {
		t.row("parent", parent.String())
	}
	t.row("time", fmt.Sprintf("%s (clock %d)", timeText(fact.Line), fact.HLC))
	t.row("epoch", fmt.Sprintf("%d, key %s", fact.Epoch, fact.KeyID))
	if !fact.Again.IsZero() {
		t.row("again", fact.Again.String())
	}
	t.row("size", fmt.Sprint(fact.Size))
	t.row("body hash", fact.BodyHash)
	t.row("signature", fact.Signature)
	t.row("standing", standing(fact.Line))
	switch {
	case fact.Says != "":
		t.row("says", fact.Says)
	case fact.Opens:
		t.row("says", escaped(fact.Body))
	default:
		t.row("says", "(it does not open: its author sealed it wrongly)")
	}
	return t.w.Flush()
}

func (c *command) journalVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [CONTEXT]",
		Short: "Check every record, every signature and every sum",
		Long: "Check every checksum of a journal, or of all, then every fact as if it came now: its signature, its body,\n" +
			"its place in its author's chain; and whether all of it adds up to what the journal says. Damage is named\n" +
			"with its file, bucket and key; the other journals are checked all the same. Exit code 1 if there is any.",
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.journals(func(journals *waymeet.Journals) error {
				contexts, err := journals.Contexts()
				if len(args) > 0 {
					var one waymeet.ContextID
					one, err = journals.Resolve(args[0])
					contexts = []waymeet.ContextID{one}
				}
				if err != nil {
					return err
				}
				return c.eachJournal(contexts, "are not sound", func(cx waymeet.ContextID) error {
					sound, err := journals.Verify(cx)
					if err != nil {
						return err
					}
					return say(c, soundJournal{sound, true}, "%s is sound: %d facts are held and %d count, fingerprint %s", sound.Context, sound.Held, sound.Facts, sound.Fingerprint)
				})
			})
		},
	}
}
