package progress

import (
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars draws a bar for all stacks and, above it, a line for each that runs.
type bars struct {
	container *mpb.Progress
	all       *mpb.Bar

	mutex   sync.Mutex
	running map[string]*line
	started int
}

// line is a running stack's.
type line struct {
	bar   *mpb.Bar
	steps int
	text  string
}

func newBars(out io.Writer, total int, options ...mpb.ContainerOption) *bars {
	b := &bars{
		container: mpb.New(append([]mpb.ContainerOption{mpb.WithOutput(out), mpb.WithWidth(40)}, options...)...),
		running:   map[string]*line{},
	}
	b.all = b.container.AddBar(int64(total),
		mpb.BarPriority(math.MaxInt), // below the running stacks, which stand in the order of their start
		mpb.PrependDecorators(decor.CountersNoUnit("%d/%d stacks ")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
	return b
}

func (b *bars) Start(stack string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	l := &line{}
	b.started++
	// How many steps there will be nobody knows before the program has run.
	l.bar = b.container.AddSpinner(0,
		mpb.BarPriority(b.started), mpb.BarRemoveOnComplete(), mpb.BarWidth(1),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			b.mutex.Lock()
			defer b.mutex.Unlock()
			return fmt.Sprintf("%s: %d steps %s", stack, l.steps, l.text)
		})))
	b.running[stack] = l
}

func (b *bars) Step(stack, text string, _ bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if l := b.running[stack]; l != nil {
		l.steps++
		l.text = text
	}
}

func (b *bars) Done(stack, text string) {
	b.mutex.Lock()
	l := b.running[stack]
	delete(b.running, stack)
	b.mutex.Unlock()
	if l != nil {
		l.bar.Abort(true)
	}
	b.Say(stack + ": " + text)
	b.all.Increment()
}

func (b *bars) Say(text string) {
	_, _ = fmt.Fprintln(b.container, "·", text) // nobody can be told that the terminal is gone
}

func (b *bars) Close() {
	b.mutex.Lock()
	for stack, l := range b.running {
		l.bar.Abort(true)
		delete(b.running, stack)
	}
	b.mutex.Unlock()
	b.all.Abort(false) // a bar that is not full is waited for otherwise
	b.container.Wait()
}
