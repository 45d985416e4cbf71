package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/waymeet/waymeet/messages"
)

// IdentityFile holds the seed of the identity key, its 32 bytes and no more.
const IdentityFile = "identity.key"

func readSeed(path string) (messages.SecretKey, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return messages.SecretKey{}, err
	}
	switch {
	case !info.Mode().IsRegular():
		return messages.SecretKey{}, fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return messages.SecretKey{}, fmt.Errorf("%s can be read by others (mode %04o): make it 0600", path, info.Mode().Perm())
	case info.Size() != messages.SecretKeySize:
		return messages.SecretKey{}, fmt.Errorf("%s has %d bytes, an identity key has %d: restore it from a backup", path, info.Size(), messages.SecretKeySize)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return messages.SecretKey{}, err
	}
	if len(b) != messages.SecretKeySize {
		return messages.SecretKey{}, fmt.Errorf("%s changed while it was read", path)
	}
	return messages.SecretKey(b), nil
}

// makeSeed writes a new seed: whole, on disk, and never over another.
func makeSeed(path string) error {
	handle, err := os.CreateTemp(filepath.Dir(path), IdentityFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(handle.Name())
	var seed messages.SecretKey
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
