package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

const (
	IdentityFile = "identity.key"
	seedSize     = 32
	redacted     = "[secret]"
)

// Seed is the seed of an identity key, 32 bytes. It prints as "[secret]".
type Seed [seedSize]byte

// Format writes "[secret]", whatever the verb.
func (Seed) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is "[secret]".
func (Seed) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText writes "[secret]".
func (Seed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func readSeed(path string) (Seed, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Seed{}, err
	}
	switch {
	case !info.Mode().IsRegular():
		return Seed{}, fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return Seed{}, fmt.Errorf("%s can be read by others (mode %04o): make it 0600", path, info.Mode().Perm())
	case info.Size() != seedSize:
		return Seed{}, fmt.Errorf("%s has %d bytes, an identity key has %d: restore it from a backup", path, info.Size(), seedSize)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Seed{}, err
	}
	if len(b) != seedSize {
		return Seed{}, fmt.Errorf("%s changed while it was read", path)
	}
	return Seed(b), nil
}

// makeSeed writes a new seed: whole, on disk, and never over another.
func makeSeed(path string) error {
	handle, err := os.CreateTemp(filepath.Dir(path), IdentityFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(handle.Name())
	var seed Seed
	if _, err := rand.Read(seed[:]); err != nil {
		return errors.Join(err, handle.Close())
	}
	_, err = handle.Write(seed[:])
	if err := errors.Join(err, handle.Sync(), handle.Close()); err != nil {
		return err
	}
	if err := os.Link(handle.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDirectory(filepath.Dir(path))
}
