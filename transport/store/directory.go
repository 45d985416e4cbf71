package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waymeet/waymeet/messages"
)

// Names inside the state directory (docs/operating.md: "State").
const (
	journalFolder = "journal"
	journalSuffix = ".db"
)

// Directory is the path of a state directory: what a node or a relay keeps lies
// there. Whoever makes or writes anything in it holds its Lock.
type Directory string

// JournalPath is where the database of a context lies.
func (d Directory) JournalPath(context messages.ContextID) string {
	return d.join(journalFile(context))
}

// Lock makes the directory, if it is not there, and takes its lock. The error is
// ErrInUse while another process holds it.
func (d Directory) Lock() (*Lock, error) {
	if err := makeDirectory(string(d)); err != nil {
		return nil, err
	}
	handle, err := os.OpenFile(d.join(lockName), os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := lockFile(handle); err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	return &Lock{handle: handle}, nil
}

// Claim makes the directory that of a node or relay, the first time, and returns
// the seed of its identity. The error is *WrongKind, *Foreign, *Lost, *Damage, or
// the operating system's.
func (d Directory) Claim(kind Kind) (messages.SecretKey, error) {
	info, err := os.Stat(string(d))
	if err != nil {
		return messages.SecretKey{}, err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return messages.SecretKey{}, fmt.Errorf("everybody may write to %s (mode %04o): make it 0700", d, info.Mode().Perm())
	}
	if err := d.sweep(); err != nil {
		return messages.SecretKey{}, err
	}
	m, unnamed, err := d.survey()
	if err != nil {
		return messages.SecretKey{}, err
	}
	seed, err := d.seed(m, kind)
	if errors.Is(err, ErrUnclaimed) {
		if err = makeSeed(d.join(IdentityFile)); err == nil {
			seed, err = d.seed(m, kind)
		}
	}
	if err != nil || m.kind != "" && len(unnamed) == 0 {
		return seed, err
	}
	return seed, d.writeManifest(manifest{kind: kind, owner: kind.owner(seed), files: append(m.files, unnamed...)})
}

// Identity is the seed of the identity of what runs in the directory. It makes
// nothing. The error is ErrUnclaimed where nothing has run; *WrongKind where another
// kind does; *Lost where the key is gone that belongs to what is there, and *Foreign
// where another is in its place. A key that others may read, or that has anything
// but 32 bytes, is refused.
func (d Directory) Identity(kind Kind) (messages.SecretKey, error) {
	if info, err := os.Stat(string(d)); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return messages.SecretKey{}, fmt.Errorf("%w: %s", ErrUnclaimed, d)
	}
	m, _, err := d.survey()
	if err != nil {
		return messages.SecretKey{}, err
	}
	return d.seed(m, kind)
}

// Contexts are the contexts that have a database in the directory, and those whose
// database is gone: to open one of these is *Lost. A file with another name is not
// one.
func (d Directory) Contexts() ([]messages.ContextID, error) {
	m, unnamed, err := d.survey()
	if err != nil {
		return nil, err
	}
	var contexts []messages.ContextID
	for _, file := range append(m.files, unnamed...) {
		if context, ok := contextOf(file); ok && !slices.Contains(contexts, context) {
			contexts = append(contexts, context)
		}
	}
	return contexts, nil
}

// Create makes the database of a context with its first records. It is there
// complete or not at all; the error is ErrExists if it was there before. After any
// other error there is none, unless it is *Left.
func (d Directory) Create(context messages.ContextID, records []messages.Record) error {
	path := d.JournalPath(context)
	if err := makeDirectory(filepath.Dir(path)); err != nil {
		return err
	}
	if err := createFile(path, context, records); err != nil {
		return err
	}
	if err := d.remember(journalFile(context)); err != nil {
		return d.forsake(journalFile(context), err)
	}
	return nil
}

// Journal opens and verifies the database of a context. The error is ErrAbsent,
// ErrInUse, *Lost, *Damage, *UnknownSchema, or the operating system's.
func (d Directory) Journal(context messages.ContextID) (*Store, error) {
	f, err := openFile(d.JournalPath(context), context)
	if err != nil {
		return nil, d.lost(journalFile(context), err)
	}
	return &Store{file: f}, nil
}

// Node opens and verifies the node's own database; the first time it makes it. One
// that is gone is not made again: the error is *Lost.
func (d Directory) Node() (*Node, error) {
	path := d.join(NodeFile)
	f, err := openFile(path, messages.ContextID{})
	if err = d.lost(NodeFile, err); errors.Is(err, ErrAbsent) {
		if err := createFile(path, messages.ContextID{}, nil); err != nil {
			return nil, err
		}
		if err := d.remember(NodeFile); err != nil {
			return nil, err
		}
		f, err = openFile(path, messages.ContextID{})
	}
	if err != nil {
		return nil, err
	}
	return loadNode(f)
}

func (d Directory) join(name string) string { return filepath.Join(string(d), name) }

// survey is what the manifest says, and the databases that lie there and that it
// does not name. A directory from before there were manifests is a node's.
func (d Directory) survey() (m manifest, unnamed []string, err error) {
	if m, err = d.readManifest(); err != nil {
		return manifest{}, nil, err
	}
	unnamed, err = d.databases()
	if m.kind == "" && len(unnamed) > 0 {
		m.kind = KindNode
	}
	return m, slices.DeleteFunc(unnamed, m.names), err
}

// databases are those that lie there, as a manifest names them.
func (d Directory) databases() (files []string, err error) {
	if _, err := os.Lstat(d.join(NodeFile)); err == nil {
		files = append(files, NodeFile)
	}
	entries, err := os.ReadDir(d.join(journalFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		file := journalFolder + "/" + entry.Name()
		if _, ok := contextOf(file); ok {
			files = append(files, file)
		}
	}
	return files, nil
}

// seed is the seed of the identity, if it is that of the manifest's owner.
func (d Directory) seed(m manifest, kind Kind) (messages.SecretKey, error) {
	if m.kind != "" && m.kind != kind {
		return messages.SecretKey{}, &WrongKind{State: string(d), Is: m.kind}
	}
	path := d.join(IdentityFile)
	seed, err := readSeed(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && m.kind != "":
		return messages.SecretKey{}, &Lost{File: path, Owner: m.owner}
	case errors.Is(err, fs.ErrNotExist):
		return messages.SecretKey{}, fmt.Errorf("%w: %s", ErrUnclaimed, d)
	case err == nil && m.owner != "" && m.owner != kind.owner(seed):
		return messages.SecretKey{}, &Foreign{File: path, Owner: m.owner, Other: kind.owner(seed)}
	}
	return seed, err
}

// readManifest is the zero manifest in a directory that has none.
func (d Directory) readManifest() (manifest, error) {
	path := d.join(ManifestFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{}, nil
	}
	if err != nil {
		return manifest{}, err
	}
	m, err := parseManifest(text)
	if err != nil {
		return manifest{}, &Damage{File: path, What: err.Error()}
	}
	return m, nil
}

// writeManifest puts the manifest on disk: whole, or the one before stays.
func (d Directory) writeManifest(m manifest) error {
	path := d.join(ManifestFile)
	fresh, err := os.OpenFile(path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = fresh.Write(m.append(nil))
	if err := errors.Join(err, fresh.Sync(), fresh.Close()); err != nil {
		return errors.Join(err, removed(fresh.Name()))
	}
	if err := os.Rename(fresh.Name(), path); err != nil {
		return errors.Join(err, removed(fresh.Name()))
	}
	return SyncDirectory(string(d))
}

// remember names a file that has just been made. A directory that nobody has
// claimed has no manifest, and gets none.
func (d Directory) remember(file string) error {
	m, err := d.readManifest()
	if err != nil || m.kind == "" || m.names(file) {
		return err
	}
	m.files = append(m.files, file)
	return d.writeManifest(m)
}

// lost is *Lost if the manifest names a file of which the error says that it is
// not there, else the error.
func (d Directory) lost(file string, err error) error {
	if !errors.Is(err, ErrAbsent) {
		return err
	}
	m, unread := d.readManifest()
	if unread != nil {
		return unread
	}
	if m.names(file) {
		return &Lost{File: d.join(file)}
	}
	return err
}

// journalFile is the name of the database of a context in the manifest, contextOf
// the context of such a name.
func journalFile(context messages.ContextID) string {
	return journalFolder + "/" + context.String() + journalSuffix
}

func contextOf(file string) (messages.ContextID, bool) {
	name, isDB := strings.CutSuffix(strings.TrimPrefix(file, journalFolder+"/"), journalSuffix)
	context, err := messages.ParseContextID(name)
	return context, isDB && err == nil
}

// makeDirectory makes a directory that is on disk when it returns.
func makeDirectory(path string) error {
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if err := makeDirectory(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDirectory(parent)
}

// SyncDirectory makes the names in a directory durable.
func SyncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
