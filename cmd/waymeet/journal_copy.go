package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/waymeet/waymeet"
)

func (c *command) journalExport() *cobra.Command {
	var file string
	verb := &cobra.Command{
		Use:   "export [CONTEXT]",
		Short: "Write the facts of a journal, sealed, to stdout or a file",
		Long: "Write the facts of a journal that count, and those that they stand on. Nodes that agree on the facts write\n" +
			"the same bytes. What facts say stays sealed, and no key is in the export.",
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return c.oneJournal(first(args), func(journal *waymeet.Journal) error {
				if file == "-" {
					_, err := journal.Export(c.out)
					return err
				}
				exported, err := journal.ExportFile(file)
				if err != nil {
					return err
				}
				return say(c, exported, "exported %d facts of %s, fingerprint %s", exported.Facts, exported.Context, exported.Fingerprint)
			})
		},
	}
	verb.Flags().StringVar(&file, "file", "-", "the `file` to write, which must not exist; - is stdout")
	return verb
}

func (c *command) journalImport() *cobra.Command {
	var file string
	verb := &cobra.Command{
		Use:   "import",
		Short: "Read the facts of an export, from stdin or a file",
		Long: "Read the facts of an export as if another member had sent them: each one is checked, what is new is kept,\n" +
			"and what no member may have said is refused. This node must be a member of the context. Exit code 0: all of\n" +
			"the export is here and counts; 1: some was refused or does not count, or could not be read; 3: some waits.",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			from, err := c.source("--file", file)
			if err != nil {
				return err
			}
			defer from.Close()
			return c.journals(func(journals *waymeet.Journals) error {
				imported, err := journals.Import(from)
				if imported.Context.IsZero() {
					return err // nothing was read
				}
				return cmp.Or(c.printImported(imported, err), err, imported.Verdict())
			})
		},
	}
	verb.Flags().StringVar(&file, "file", "-", "the `file` to read; - is stdin")
	return verb
}

// printImported prints what became of the facts of an export that was read to its
// end, or up to an error.
func (c *command) printImported(i waymeet.Imported, err error) error {
	if !c.json {
		for _, reason := range i.Reasons {
			fmt.Fprintln(c.out, waymeet.Printable(reason))
		}
	}
	return say(c, i, "%s: %d admitted, %d held, %d pending, %d refused; %s", i.Context, i.Admitted, i.Held, i.Pending, i.Refused, agreement(i, err))
}

// agreement compares the journal with an export.
func agreement(i waymeet.Imported, err error) string {
	switch {
	case err != nil:
		return "the import failed"
	case i.Complete:
		return "the journal agrees with the export"
	case i.Verdict() == nil:
		return fmt.Sprintf("the journal holds all of the export, and %d facts more", i.More)
	}
	return "the journal does not agree with the export"
}
