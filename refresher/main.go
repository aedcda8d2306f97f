package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	// Roots for an image that holds nothing but this binary. SSL_CERT_FILE still wins: these are used only
	// where the system has none.
	_ "golang.org/x/crypto/x509roots/fallback"

	"waybill.example/waybill/refresher/internal/cli"
)

// version is set by the image's build.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	program := cli.Program{Version: version, Lookup: os.LookupEnv, Stdout: os.Stdout, Stderr: os.Stderr}
	code := program.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
