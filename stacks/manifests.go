package stacks

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/manifests"
	"waybill.example/waybill/stacks/record"
)

func printManifests(path string, arguments []string, stdout, stderr io.Writer) error {
	var (
		known               record.Options
		environment, folder string
		once                bool
	)
	err := options("manifests", arguments, func(flags *flag.FlagSet) {
		outputsOption(flags, &known)
		flags.StringVar(&environment, "environment", "", "")
		flags.StringVar(&folder, "out", "", "")
		flags.BoolVar(&once, "once", false, "")
		flags.Func("secrets", "", func(file string) error {
			text, err := os.ReadFile(file)
			known.Secrets = map[string]string{config.ProductConfigKey: string(text)}
			return err
		})
	})
	if err == nil && once && folder != "" {
		err = usageError{errors.New("--once and --out: want one of them, once.yaml is written with --out")}
	}
	if err != nil {
		return err
	}
	stack, err := record.Of(path, In, known)
	if err != nil {
		return err
	}
	set, err := manifests.Of(stack, environment)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if folder != "" {
		return set.Write(folder)
	}
	objects := set.Objects
	if once {
		objects = set.Once
	}
	left, err := manifests.Print(stdout, objects)
	for _, name := range left {
		fmt.Fprintf(stderr, "%s is secret and left out: --out writes it\n", name)
	}
	return err
}
