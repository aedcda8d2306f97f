package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
)

// answer keeps the response of a handler in this process.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(content []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(content)
}

// want returns the registry's refusal, about what, unless the status is this one.
func (a *answer) want(status int, what string) error {
	if a.status == status {
		return nil
	}
	var text struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal(a.body.Bytes(), &text); err != nil || len(text.Errors) == 0 {
		return fmt.Errorf("content: %s: status %d: %s", what, a.status, a.body.String())
	}
	return Refuse(a.status, text.Errors[0].Code, "%s: %s", what, text.Errors[0].Message)
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
