package stacks

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"waybill.example/waybill/stacks/guide"
	"waybill.example/waybill/stacks/record"
)

func printGuide(path string, arguments []string, stdout, _ io.Writer) error {
	options, form := record.Options{Marked: true}, guide.Terminal
	flags := flag.NewFlagSet("guide", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Func("for", "", func(text string) error {
		if form = guide.Form(text); !slices.Contains(guide.Forms, form) {
			return fmt.Errorf("want one of %v", guide.Forms)
		}
		return nil
	})
	flags.Func("outputs", "", func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &options.Outputs)
	})
	switch err := flags.Parse(arguments); {
	case err != nil:
		return usageError{err}
	case flags.NArg() > 0:
		return usageError{fmt.Errorf("%s: want options only after the stack", flags.Arg(0))}
	}
	stack, err := record.Of(path, In, options)
	if err != nil {
		return err
	}
	if err := guide.Print(stdout, stack, form); err != nil {
		return fmt.Errorf("%s has no guide:\n%w", path, err)
	}
	return nil
}
