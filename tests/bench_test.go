package tests_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
)

// BenchmarkEnvironments runs dev with one environment and with sixteen in turn, against
// mocks, and gives how many times as long the sixteen take, and how many times as many
// resources they are: an update's own work should grow no faster than what it makes.
func BenchmarkEnvironments(b *testing.B) {
	const many = 16
	run := func(environments int) (took time.Duration, resources int) {
		values, secrets := loadStack(b, "dev", func(customer map[string]any) {
			one := customer["environments"].(map[string]any)["default"].(map[string]any)
			all := map[string]any{}
			for i := range environments {
				environment := maps.Clone(one)
				environment["namespace"] = map[string]any{"name": fmt.Sprint("hello-", i)}
				all[fmt.Sprint("e", i)] = environment
			}
			customer["environments"] = all
		})
		r := newRecorder(values, secrets)
		begun := time.Now()
		require.NoError(b, r.Run(stacks.In(b.TempDir())))
		return time.Since(begun), len(r.All())
	}
	var oneTook, manyTook time.Duration
	var oneMade, manyMade int
	for b.Loop() {
		took, made := run(1)
		oneTook, oneMade = oneTook+took, oneMade+made
		took, made = run(many)
		manyTook, manyMade = manyTook+took, manyMade+made
	}
	b.ReportMetric(float64(manyTook)/float64(oneTook), "times-as-long")
	b.ReportMetric(float64(manyMade)/float64(oneMade), "times-as-many-resources")
}
