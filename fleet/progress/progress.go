package progress

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Progress is told what happens; its methods are safe for concurrent use.
type Progress interface {
	// Start says that a stack is being worked on.
	Start(stack string)
	// Step says what happened to it; a log keeps it where it is notable.
	Step(stack, text string, notable bool)
	// Done says how it ended.
	Done(stack, text string)
	// Say is about the whole.
	Say(text string)
	// Close ends the bars.
	Close()
}

// New shows the progress of so many stacks: bars where out is a terminal.
func New(out *os.File, total int) Progress {
	if term.IsTerminal(int(out.Fd())) {
		return newBars(out, total)
	}
	return &lines{out: out, total: total}
}

// lines writes a line for each thing that happens.
type lines struct {
	mutex       sync.Mutex
	out         io.Writer
	done, total int
}

func (l *lines) Start(stack string) { l.write("%s: started", stack) }

func (l *lines) Step(stack, text string, notable bool) {
	if notable {
		l.write("%s: %s", stack, text)
	}
}

func (l *lines) Done(stack, text string) {
	l.mutex.Lock()
	l.done++
	done := l.done
	l.mutex.Unlock()
	l.write("%s: %s, %d/%d done", stack, text, done, l.total)
}

func (l *lines) Say(text string) { l.write("%s", text) }

func (l *lines) Close() {}

func (l *lines) write(format string, args ...any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	fmt.Fprintf(l.out, "· "+format+"\n", args...) // nobody can be told that stderr is closed
}
