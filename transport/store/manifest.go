package store

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
func (k Kind) owner(seed Seed) string {
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

func readManifest(state string) (manifest, error) {
	path := filepath.Join(state, ManifestFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{}, nil
	}
	if err != nil {
		return manifest{}, err
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	rest, ok := strings.CutPrefix(lines[0], manifestHead)
	kind, owner, _ := strings.Cut(rest, " ")
	m := manifest{kind: Kind(kind), owner: owner, files: lines[1:]}
	if !ok || m.kind != KindNode && m.kind != KindRelay {
		return manifest{}, &Damage{File: path, What: "its first line does not say whose the directory is"}
	}
	return m, nil
}

// write puts the manifest on disk: whole, or the one before stays.
func (m manifest) write(state string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s %s\n", manifestHead, m.kind, m.owner)
	for _, file := range m.files {
		fmt.Fprintln(&b, file)
	}
	path := filepath.Join(state, ManifestFile)
	fresh, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = fresh.Write(b.Bytes())
	if err := errors.Join(err, fresh.Sync(), fresh.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh.Name(), path); err != nil {
		return err
	}
	return SyncDirectory(state)
}

// remember names a file that has just been made. A directory that nobody has
// claimed has no manifest, and gets none.
func remember(state, file string) error {
	m, err := readManifest(state)
	if err != nil || m.kind == "" || slices.Contains(m.files, file) {
		return err
	}
	m.files = append(m.files, file)
	return m.write(state)
}

// lost is *Lost if the manifest names a file of which the error says that it is
// not there, else the error.
func lost(state, file string, err error) error {
	if !errors.Is(err, ErrAbsent) {
		return err
	}
	m, unread := readManifest(state)
	if unread != nil {
		return unread
	}
	if slices.Contains(m.files, file) {
		return &Lost{File: filepath.Join(state, file)}
	}
	return err
}

// present are the databases that lie in the directory, as a manifest names them.
func present(state string) (files []string, err error) {
	if _, err := os.Lstat(filepath.Join(state, NodeFile)); err == nil {
		files = append(files, NodeFile)
	}
	contexts, err := onDisk(state)
	for _, context := range contexts {
		files = append(files, journalFile(context))
	}
	return files, err
}

// Claim makes the state directory that of a node or relay, the first time, and
// returns the seed of its identity. Whoever claims it holds its lock. The error is
// *WrongKind, *Foreign, *Lost, *Damage, or the operating system's.
func Claim(state string, kind Kind) (Seed, error) {
	info, err := os.Stat(state)
	if err != nil {
		return Seed{}, err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return Seed{}, fmt.Errorf("everybody may write to %s (mode %04o): make it 0700", state, info.Mode().Perm())
	}
	seed, err := LoadIdentity(state, kind)
	if errors.Is(err, ErrUnclaimed) {
		if err = makeSeed(filepath.Join(state, IdentityFile)); err == nil {
			seed, err = LoadIdentity(state, kind)
		}
	}
	if err != nil {
		return Seed{}, err
	}
	m, err := readManifest(state)
	if err != nil {
		return Seed{}, err
	}
	there, err := present(state)
	if err != nil {
		return Seed{}, err
	}
	named := len(m.files)
	for _, file := range there {
		if !slices.Contains(m.files, file) {
			m.files = append(m.files, file)
		}
	}
	if m.kind != "" && len(m.files) == named {
		return seed, nil
	}
	m.kind, m.owner = kind, kind.owner(seed)
	return seed, m.write(state)
}

// LoadIdentity is the seed of the identity of what runs in the state directory. It
// makes nothing. The error is ErrUnclaimed where nothing has run; *WrongKind where
// another kind does; *Lost where the key is gone that belongs to what is there, and
// *Foreign where another is in its place. A key that others may read, or that has
// anything but 32 bytes, is refused.
func LoadIdentity(state string, kind Kind) (Seed, error) {
	if info, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return Seed{}, fmt.Errorf("%w: %s", ErrUnclaimed, state)
	}
	m, err := readManifest(state)
	if err != nil {
		return Seed{}, err
	}
	there, err := present(state)
	if err != nil {
		return Seed{}, err
	}
	if m.kind == "" && len(there) > 0 {
		m.kind = KindNode // from before there were manifests
	}
	if m.kind != "" && m.kind != kind {
		return Seed{}, &WrongKind{State: state, Is: m.kind}
	}
	path := filepath.Join(state, IdentityFile)
	seed, err := readSeed(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && m.kind != "":
		return Seed{}, &Lost{File: path, Owner: m.owner}
	case errors.Is(err, fs.ErrNotExist):
		return Seed{}, fmt.Errorf("%w: %s", ErrUnclaimed, state)
	case err == nil && m.owner != "" && m.owner != kind.owner(seed):
		return Seed{}, &Foreign{File: path, Owner: m.owner, Other: kind.owner(seed)}
	}
	return seed, err
}
