package figures

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"waybill.example/waybill/sandbox/network"
)

// faultKind is one way in which a host fails, once.
type faultKind struct {
	name  string
	fault network.Fault
}

// faultKinds are the ways in which clouds' hosts are known to fail for a moment.
var faultKinds = []faultKind{
	{"500", network.Fault{Status: http.StatusInternalServerError, Times: 1}},
	{"429 with Retry-After", network.Fault{Status: http.StatusTooManyRequests, RetryAfter: time.Second, Times: 1}},
	{"reset connection", network.Fault{Reset: true, Times: 1}},
	{"garbage for a body", network.Fault{Body: "<html><body>Service temporarily unavailable</body></html>", Times: 1}},
	{"slow answer", network.Fault{Delay: 2 * time.Second, Times: 1}},
}

// faults lets each host that a walk meets fail in each way, and counts the
// walks that reach the pulled image all the same.
func (m *meter) faults(ctx context.Context, d *deployment) error {
	hosts, err := hostsOf(ctx, d)
	if err != nil {
		return err
	}
	m.say("%d faults at each of %v", len(faultKinds), hosts)
	for _, host := range hosts {
		for _, kind := range faultKinds {
			if err := ctx.Err(); err != nil {
				return err
			}
			m.fault(ctx, d, host, kind)
		}
	}
	return nil
}

func (m *meter) fault(ctx context.Context, d *deployment, host string, kind faultKind) {
	var met atomic.Bool
	stop := d.Network.Fault(func(r *http.Request) bool {
		if r.URL.Hostname() != host {
			return false
		}
		met.Store(true)
		return true
	}, kind.fault)
	defer stop()
	m.report.Faults.Cases++
	switch err := walk(ctx, d); {
	case err != nil:
		m.failure("%s at %s: %s", kind.name, host, err)
	case !met.Load():
		m.failure("%s at %s: the walk did not meet it", kind.name, host)
	default:
		m.report.Faults.Survived++
	}
}

// hostsOf are the hosts that a healthy walk meets, sorted.
func hostsOf(ctx context.Context, d *deployment) ([]string, error) {
	var mutex sync.Mutex
	met := map[string]bool{}
	stop := d.Network.Fault(func(r *http.Request) bool {
		mutex.Lock()
		defer mutex.Unlock()
		met[r.URL.Hostname()] = true
		return false
	}, network.Fault{})
	err := walk(ctx, d)
	stop()
	if err != nil {
		return nil, err
	}
	mutex.Lock()
	defer mutex.Unlock()
	return slices.Sorted(maps.Keys(met)), nil
}
