package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Seal makes tokens that hold what they mean, encrypted and authenticated by a key
// on disk, and so outlive the process.
type Seal struct{ aead cipher.AEAD }

// OpenSeal reads the key at path, or makes it.
func OpenSeal(path string) (Seal, error) {
	key, err := readKey(path)
	if err != nil {
		return Seal{}, fmt.Errorf("key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Seal{}, fmt.Errorf("key %s: %w", path, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Seal{}, fmt.Errorf("key %s: %w", path, err)
	}
	return Seal{aead}, nil
}

// Close makes a token that holds a value, by its JSON.
func (s Seal) Close(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, text, nil)), nil //nolint:gosec // this AEAD makes its own random nonce, and wants none
}

// Open writes what a token holds into a value, and says whether it is one of the seal's.
func (s Seal) Open(token string, into any) bool {
	box, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return false
	}
	text, err := s.aead.Open(nil, nil, box, nil)
	return err == nil && json.Unmarshal(text, into) == nil
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
