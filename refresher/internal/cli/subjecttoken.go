package cli

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/credconfig"
	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/settings"
)

// subjectTokenDeadline ends before the client that runs the command gives up, which is
// credconfig.CommandTimeoutMillis.
const subjectTokenDeadline = (credconfig.CommandTimeoutMillis - 5000) * time.Millisecond

// executableResponse is Google's form for executable-sourced credentials, version 1:
// https://google.aip.dev/auth/4117. Success goes with exit code 0, failure with another.
type executableResponse struct {
	Version        int    `json:"version"`
	Success        bool   `json:"success"`
	TokenType      string `json:"token_type,omitempty"`
	IDToken        string `json:"id_token,omitempty"`
	ExpirationTime int64  `json:"expiration_time,omitempty"` // seconds since 1970
	Code           string `json:"code,omitempty"`
	Message        string `json:"message,omitempty"`
}

// subjectToken prints the token on standard output: the one place where a token leaves the program, to the
// Google client that ran it. Nothing goes to standard error, which some clients mix in.
func (p *Program) subjectToken(ctx context.Context) int {
	s, err := settings.LoadSubject(p.Lookup)
	if err != nil {
		message := strings.Join(settings.AsProblems(err), "; ")
		return p.fail("configuration", message, fault.ExitRefused)
	}
	ctx, cancel := context.WithTimeout(ctx, subjectTokenDeadline)
	defer cancel()
	// The client that waits has a patience of its own: no waiting for propagation.
	s.Propagation = 0
	token, expires, f := p.google(s).SubjectToken(ctx, func(chain.Step) {})
	if f != nil {
		return p.fail(string(f.Hop), f.Error(), f.ExitCode())
	}
	return p.respond(executableResponse{
		Version:        1,
		Success:        true,
		TokenType:      credconfig.SubjectTokenType,
		IDToken:        token,
		ExpirationTime: expires.Unix(),
	}, fault.ExitOK)
}

func (p *Program) fail(code, message string, exit int) int {
	return p.respond(executableResponse{Version: 1, Code: code, Message: p.secrets.Text(message)}, exit)
}

func (p *Program) respond(response executableResponse, code int) int {
	line, err := json.Marshal(response)
	if err == nil {
		_, err = io.WriteString(p.Stdout, string(line)+"\n")
	}
	if err != nil && code == fault.ExitOK {
		// The reader is gone: only the exit code is left to say so.
		return fault.ExitRefused
	}
	return code
}
