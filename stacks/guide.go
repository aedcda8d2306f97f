package stacks

import (
	"flag"
	"fmt"
	"io"
	"slices"

	"waybill.example/waybill/stacks/guide"
	"waybill.example/waybill/stacks/record"
)

func printGuide(path string, arguments []string, stdout, _ io.Writer) error {
	known, form := record.Options{Marked: true}, guide.Terminal
	err := options("guide", arguments, func(flags *flag.FlagSet) {
		outputsOption(flags, &known)
		flags.Func("for", "", func(text string) error {
			if form = guide.Form(text); !slices.Contains(guide.Forms, form) {
				return fmt.Errorf("want one of %v", guide.Forms)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	stack, err := record.Of(path, In, known)
	if err != nil {
		return err
	}
	if err := guide.Print(stdout, stack, form); err != nil {
		return fmt.Errorf("%s has no guide:\n%w", path, err)
	}
	return nil
}
