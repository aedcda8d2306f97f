package progress

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"
)

// buffer is a terminal's screen that several may write to.
type buffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(text)
}

// tell tells about three stacks of which one is never done.
func tell(p Progress) {
	p.Say("hello")
	p.Start("a")
	p.Start("b")
	p.Step("a", "create pool", true)
	p.Step("a", "same account", false)
	p.Step("nobody", "is running", true)
	p.Done("a", "changed")
	p.Start("c")
	p.Done("b", "failed")
	p.Close()
}

func TestPlainLinesElsewhereThanOnATerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer file.Close()
	tell(New(file, 3))
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	assert.Equal(t, `· hello
· a: started
· b: started
· a: create pool
· nobody: is running
· a: changed, 1/3 done
· c: started
· b: failed, 2/3 done
`, string(text))
}

func TestBarsOnATerminal(t *testing.T) {
	screen := &buffer{}
	tell(newBars(screen, 3, mpb.ForceTTY(), mpb.WithAutoRefresh()))
	text := screen.String()
	for _, want := range []string{"· hello", "· a: changed", "· b: failed", "2/3 stacks"} {
		assert.True(t, strings.Contains(text, want), "%q in\n%s", want, text)
	}
}

func TestBarsAreSafeForConcurrentUse(t *testing.T) {
	screen := &buffer{}
	b := newBars(screen, 20, mpb.ForceTTY(), mpb.WithAutoRefresh())
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			name := string(rune('a' + i))
			b.Start(name)
			b.Step(name, "create", true)
			b.Done(name, "changed")
		})
	}
	all.Wait()
	b.Close()
	assert.Contains(t, screen.String(), "20/20 stacks")
}

// Whoever starts a bar waits for those that are being drawn.
func TestStacksStartWhileOthersAreDrawn(t *testing.T) {
	screen := &buffer{}
	b := newBars(screen, 200, mpb.ForceTTY(), mpb.WithAutoRefresh(), mpb.WithRefreshRate(time.Millisecond))
	over := make(chan struct{})
	go func() {
		defer close(over)
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := range 50 {
					name := fmt.Sprintf("%d-%d", worker, i)
					b.Start(name)
					for range 3 {
						b.Step(name, "create", true)
						time.Sleep(time.Millisecond)
					}
					b.Done(name, "changed")
				}
			})
		}
		all.Wait()
		b.Start("left")
		b.Close()
	}()
	select {
	case <-over:
		assert.Contains(t, screen.String(), "200/200 stacks")
	case <-time.After(time.Minute):
		t.Fatal("the bars wait for each other")
	}
}
