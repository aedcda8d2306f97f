package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/retry"
)

// run tries a policy under a deadline, in a bubble whose clock jumps from pause to pause.
func run(t *testing.T, p retry.Policy, deadline time.Duration, try func(n int) *fault.Fault) (attempts int, last *fault.Fault, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		begin := time.Now()
		n := 0
		attempts, last = p.Do(ctx, func(context.Context) *fault.Fault { n++; return try(n) })
		took = time.Since(begin)
	})
	return attempts, last, took
}

func of(kind fault.Kind) func(int) *fault.Fault {
	return func(int) *fault.Fault { return &fault.Fault{Hop: fault.HopSTS, Kind: kind} }
}

func TestSuccessEndsTheAttempts(t *testing.T) {
	attempts, last, _ := run(t, retry.Default(0), time.Minute, func(n int) *fault.Fault {
		if n < 4 {
			return &fault.Fault{Kind: fault.Passing}
		}
		return nil
	})
	assert.Equal(t, 4, attempts)
	assert.Nil(t, last)
}

func TestLastingFaultsAreNotTriedAgain(t *testing.T) {
	attempts, last, took := run(t, retry.Default(time.Minute), time.Minute, of(fault.Lasting))
	assert.Equal(t, 1, attempts)
	assert.False(t, last.Overdue)
	assert.Zero(t, took)
}

func TestPassingFaultsAreTriedUntilTheDeadlineAndNotBeyond(t *testing.T) {
	attempts, last, took := run(t, retry.Default(0), 4*time.Minute, of(fault.Passing))
	assert.True(t, last.Overdue)
	assert.Equal(t, fault.ExitDeadline, last.ExitCode())
	assert.LessOrEqual(t, took, 4*time.Minute)
	assert.Greater(t, took, 3*time.Minute, "no pause is longer than 15 seconds")
	assert.Greater(t, attempts, 10)
	assert.Less(t, attempts, 400, "the pauses grow")
}

func TestSettlingFaultsEndWithTheirWindow(t *testing.T) {
	attempts, last, took := run(t, retry.Default(90*time.Second), 4*time.Minute, of(fault.Settling))
	assert.False(t, last.Overdue)
	assert.Equal(t, 12, last.ExitCode())
	assert.Greater(t, attempts, 3)
	assert.LessOrEqual(t, took, 90*time.Second)
	assert.Greater(t, took, 60*time.Second)

	attempts, _, took = run(t, retry.Policy{First: time.Second, Longest: time.Second, Attempt: time.Second}, time.Minute, of(fault.Settling))
	assert.LessOrEqual(t, attempts, 2, "without a window there is one attempt")
	assert.Less(t, took, time.Second)
}

func TestEachHopHasAWindowOfItsOwn(t *testing.T) {
	p := retry.Policy{First: time.Second, Longest: time.Second, Attempt: time.Second, Settle: 10 * time.Second}
	begin := time.Time{}
	_, last, took := run(t, p, time.Hour, func(int) *fault.Fault {
		if begin.IsZero() {
			begin = time.Now()
		}
		if time.Since(begin) < 8*time.Second {
			return &fault.Fault{Hop: fault.HopSTS, Kind: fault.Settling}
		}
		return &fault.Fault{Hop: fault.HopIAM, Kind: fault.Settling}
	})
	assert.Equal(t, fault.HopIAM, last.Hop)
	assert.Greater(t, took, 16*time.Second)
	assert.LessOrEqual(t, took, 20*time.Second)
}

func TestTheCloudsWishIsTheLeastPause(t *testing.T) {
	attempts, last, took := run(t, retry.Default(0), time.Minute, func(n int) *fault.Fault {
		if n == 1 {
			return &fault.Fault{Kind: fault.Passing, RetryAfter: 40 * time.Second}
		}
		return nil
	})
	assert.Equal(t, 2, attempts)
	assert.Nil(t, last)
	assert.Equal(t, 40*time.Second, took)

	attempts, last, took = run(t, retry.Default(0), time.Minute, func(int) *fault.Fault {
		return &fault.Fault{Kind: fault.Passing, RetryAfter: 2 * time.Minute}
	})
	assert.Equal(t, 1, attempts)
	assert.True(t, last.Overdue)
	assert.Zero(t, took, "waiting for what cannot come helps nobody")
}

func TestAnAttemptHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := retry.Default(0)
		begin := time.Now()
		n := 0
		attempts, last := p.Do(t.Context(), func(ctx context.Context) *fault.Fault {
			if n++; n == 2 {
				return nil
			}
			<-ctx.Done()
			return &fault.Fault{Kind: fault.Passing}
		})
		assert.Equal(t, 2, attempts)
		assert.Nil(t, last)
		assert.GreaterOrEqual(t, time.Since(begin), p.Attempt)
	})
}

func TestACancelledContextEndsThePause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, last := retry.Policy{First: time.Hour, Longest: time.Hour, Attempt: time.Hour}.Do(ctx, func(context.Context) *fault.Fault {
			return &fault.Fault{Kind: fault.Passing, RetryAfter: time.Hour}
		})
		assert.True(t, last.Overdue)
	})
}

func TestAnAttemptCutByTheDeadlineDoesNotHideTheAnswerBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := 0
		attempts, last := retry.Default(0).Do(ctx, func(ctx context.Context) *fault.Fault {
			if n++; n == 1 {
				return &fault.Fault{Hop: fault.HopIAM, Status: 503, Kind: fault.Passing, RetryAfter: 45 * time.Second}
			}
			<-ctx.Done()
			return &fault.Fault{Hop: fault.HopSTS, Kind: fault.Passing}
		})
		assert.Equal(t, 2, attempts)
		assert.Equal(t, fault.HopIAM, last.Hop)
		assert.True(t, last.Overdue)
	})
}
