package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/waymeet/waymeet"
)

// An import says whether the journal agrees with what was read.
func TestAgreement(t *testing.T) {
	for name, test := range map[string]struct {
		imported waymeet.Imported
		err      error
		want     string
	}{
		"equal":           {waymeet.Imported{Sound: true, Complete: true}, nil, "the journal agrees"},
		"more is here":    {waymeet.Imported{Sound: true, More: 3}, nil, "holds all of the export, and 3 facts more"},
		"some is pending": {waymeet.Imported{Sound: true, Pending: 1, More: 3}, nil, "does not agree"},
		"it is torn":      {waymeet.Imported{}, nil, "does not agree"},
		"it is cut short": {waymeet.Imported{}, errors.New("cut short"), "the import failed"},
	} {
		if got := agreement(test.imported, test.err); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
