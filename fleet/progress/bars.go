package progress

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars draws a bar for all stacks and, above it, a line for each that runs.
type bars struct {
	container *mpb.Progress
	all       *mpb.Bar

	// mutex is never held while the container or a bar is waited for: their
	// goroutines wait for what is drawn.
	mutex   sync.Mutex
	running map[string]*line
	started int
}

// line is a running stack's.
type line struct {
	bar *mpb.Bar

	mutex sync.Mutex
	steps int
	text  string
}

// step counts a step.
func (l *line) step(text string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.steps++
	l.text = text
}

// String is what the line shows.
func (l *line) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return fmt.Sprintf("%d steps %s", l.steps, l.text)
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
	b.started++
	priority := b.started
	b.mutex.Unlock()
	l := &line{}
	// How many steps there will be nobody knows before the program has run.
	l.bar = b.container.AddSpinner(0,
		mpb.BarPriority(priority), mpb.BarRemoveOnComplete(), mpb.BarWidth(1),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return stack + ": " + l.String() })))
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.running[stack] = l
}

func (b *bars) Step(stack, text string, _ bool) {
	b.mutex.Lock()
	l := b.running[stack]
	b.mutex.Unlock()
	if l != nil {
		l.step(text)
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
	left := slices.Collect(maps.Values(b.running))
	clear(b.running)
	b.mutex.Unlock()
	for _, l := range left {
		l.bar.Abort(true)
	}
	b.all.Abort(false) // a bar that is not full is waited for otherwise
	b.container.Wait()
}
