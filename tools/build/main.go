// Command build is `go build` with progress: the first build of a control plane
// or of the Pulumi CLI compiles a thousand packages or more, for minutes.
//
//	build -name NAME -C DIR -o FILE [-ldflags FLAGS] PACKAGE
//
// On a terminal it shows a bar, elsewhere a line every ten percent. A build
// that is cached says nothing but that it is there.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

type options struct {
	name, dir, output, ldflags, pkg string
}

func run(args []string) error {
	var o options
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.StringVar(&o.name, "name", "", "what is built, for people")
	flags.StringVar(&o.dir, "C", ".", "the module's folder")
	flags.StringVar(&o.output, "o", "", "the binary to write")
	flags.StringVar(&o.ldflags, "ldflags", "-s -w", "flags of the linker")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || o.name == "" || o.output == "" {
		return errors.New("want -name, -o and one package")
	}
	o.pkg = flags.Arg(0)
	output, err := filepath.Abs(o.output)
	if err != nil {
		return err
	}
	o.output = output
	return build(o)
}

func build(o options) error {
	fmt.Fprintf(os.Stderr, "· %s: resolving modules\n", o.name)
	total, err := packages(o)
	if err != nil {
		return err
	}
	command := exec.Command("go", "build", "-C", o.dir, "-v", "-trimpath", "-ldflags", o.ldflags, "-o", o.output, o.pkg) //nolint:gosec // runs the Go tool on arguments of the Makefile
	output, err := command.StderrPipe()
	if err != nil {
		return err
	}
	started := time.Now()
	if err := command.Start(); err != nil {
		return err
	}
	compiled, messages := follow(output, meter(o.name, total))
	if err := command.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", o.name, err, messages)
	}
	fmt.Fprintf(os.Stderr, "· %s: built in %s, %d of %d packages compiled\n", o.name, time.Since(started).Round(time.Second), compiled, total)
	return nil
}

// packages counts what a build with an empty cache would compile.
func packages(o options) (int, error) {
	var problems bytes.Buffer
	command := exec.Command("go", "list", "-C", o.dir, "-deps", "-f", "{{.ImportPath}}", o.pkg) //nolint:gosec // as above
	command.Stderr = &problems
	list, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", o.name, err, problems.String())
	}
	return bytes.Count(list, []byte("\n")), nil
}

// follow counts the packages that the build names, one a line, and keeps every
// other line, such as a compiler's error.
func follow(output io.Reader, step func()) (compiled int, messages string) {
	var others strings.Builder
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.ContainsAny(line, " \t:#") {
			fmt.Fprintln(&others, line)
			continue
		}
		compiled++
		step()
	}
	return compiled, others.String()
}

// meter shows one more package with each call.
func meter(name string, total int) func() {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		bar := progressbar.NewOptions(total,
			progressbar.OptionSetWriter(os.Stderr),
			progressbar.OptionSetDescription("· "+name),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish())
		return func() { _ = bar.Add(1) } // a bar that cannot be drawn does no harm
	}
	done := 0
	return func() {
		done++
		if tenth := max(total/10, 1); done%tenth == 0 {
			fmt.Fprintf(os.Stderr, "· %s: %d of %d packages\n", name, done, total)
		}
	}
}
