package store

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waymeet/waymeet/messages"
)

const (
	ManifestFile = "manifest"
	manifestHead = "waymeet "
)

// Kind is what runs in a state directory.
type Kind string

// The kinds. A directory is of one of them, for good.
const (
	KindNode  Kind = "node"
	KindRelay Kind = "relay"
)

// owner is the name of whoever has that seed, as people know it.
func (k Kind) owner(seed messages.SecretKey) string {
	key := messages.PublicKey(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if k == KindRelay {
		return messages.RelayURL{Key: key}.KeyText()
	}
	return key.Authority().String()
}

// manifest says whose a state directory is, and what lies in it: so that a file
// that is gone is not taken for one that never was. It is a text, because a person
// who gives a file up takes its line out:
//
//	waymeet node au-…
//	node.db
//	journal/cx-….db
//
// A file is named after it is there, so one that is not named is from before the
// manifest, or of a moment ago: Claim names it. The zero manifest is that of a
// directory that has none.
type manifest struct {
	kind  Kind
	owner string
	files []string
}

func parseManifest(text []byte) (manifest, error) {
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	rest, ok := strings.CutPrefix(lines[0], manifestHead)
	kind, owner, _ := strings.Cut(rest, " ")
	m := manifest{kind: Kind(kind), owner: owner, files: lines[1:]}
	if !ok || m.kind != KindNode && m.kind != KindRelay {
		return manifest{}, errors.New("its first line does not say whose the directory is")
	}
	return m, nil
}

func (m manifest) append(b []byte) []byte {
	b = fmt.Appendf(b, "%s%s %s\n", manifestHead, m.kind, m.owner)
	for _, file := range m.files {
		b = fmt.Appendln(b, file)
	}
	return b
}

func (m manifest) names(file string) bool { return slices.Contains(m.files, file) }
