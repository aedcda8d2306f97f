package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// OpenSeal reads the key at path, or makes it: for tokens that hold what they
// mean, encrypted and authenticated, and so outlive the process. The seal makes
// its own nonces; give it none.
func OpenSeal(path string) (cipher.AEAD, error) {
	key, err := readKey(path)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", path, err)
	}
	return seal, nil
}

func readKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, WriteFile(path, key, 0o600)
}
