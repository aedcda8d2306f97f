package network_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/network"
)

// observe collects what the network tells of.
func observe(n *network.Network) (seen func() []network.Request) {
	var mutex sync.Mutex
	var requests []network.Request
	n.Observe(func(request network.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		requests = append(requests, request)
	})
	return func() []network.Request {
		mutex.Lock()
		defer mutex.Unlock()
		return append([]network.Request(nil), requests...)
	}
}

func always(*http.Request) bool { return true }

func TestEveryRequestCanBeObserved(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/teapot" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	seen := observe(n)
	calls := 0
	stop := n.Observe(func(network.Request) { calls++ })
	c := client(t, n, false)
	get(t, c, "https://"+host+"/teapot?secret=1")
	stop()
	get(t, c, "https://"+host+"/silent")
	assert.Equal(t, []network.Request{
		{Host: host, Method: http.MethodGet, Path: "/teapot", Status: http.StatusTeapot},
		{Host: host, Method: http.MethodGet, Path: "/silent", Status: http.StatusOK},
	}, seen())
	assert.Equal(t, 1, calls, "a stopped observer sees nothing more")
}

func TestAFaultAnswersInPlaceOfTheHost(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	c := client(t, n, true)
	stop := n.Fault(func(r *http.Request) bool { return r.URL.String() == "https://"+host+"/v1/token" }, network.Fault{
		Status: http.StatusTooManyRequests, RetryAfter: 1500 * time.Millisecond, Body: "slow down", Times: 2,
	})
	for range 2 {
		response, err := c.Get("https://" + host + "/v1/token")
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusTooManyRequests, response.StatusCode)
		assert.Equal(t, "2", response.Header.Get("Retry-After"), "whole seconds, rounded up")
		assert.Equal(t, "slow down", string(body))
	}
	status, _ := get(t, c, "https://"+host+"/v1/token")
	assert.Equal(t, http.StatusOK, status, "the third time it is used up")
	status, _ = get(t, c, "https://"+host+"/other")
	assert.Equal(t, http.StatusOK, status)
	stop()

	stop = n.Fault(always, network.Fault{Body: "<html>not JSON</html>"})
	status, body := get(t, c, "https://"+host+"/")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "<html>not JSON</html>", body)
	stop()
	_, body = get(t, c, "https://"+host+"/")
	assert.Contains(t, body, "google")
}

func TestAFaultCanResetTheConnection(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		n := start(t, t.TempDir())
		n.Handle(host, says("google"))
		seen := observe(n)
		c := client(t, n, http2)
		n.Fault(always, network.Fault{Reset: true, Times: 1})
		// A POST: clients repeat a GET by themselves when a connection breaks.
		_, err := c.Post("https://"+host+"/", "text/plain", http.NoBody) //nolint:bodyclose // there is no response
		require.Error(t, err)
		if !http2 {
			assert.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), err)
		}
		require.Eventually(t, func() bool { return len(seen()) == 1 && seen()[0].Status == 0 }, 5*time.Second, time.Millisecond)
		status, _ := get(t, c, "https://"+host+"/")
		assert.Equal(t, http.StatusOK, status)
	}
}

func TestADelayIsATimeOutForAnImpatientClientAndSlowForAPatientOne(t *testing.T) {
	n := start(t, t.TempDir())
	n.Handle(host, says("google"))
	c := client(t, n, false)
	stop := n.Fault(always, network.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", nil)
	require.NoError(t, err)
	_, err = c.Do(request) //nolint:bodyclose // there is no response
	require.ErrorIs(t, err, context.DeadlineExceeded)
	stop()

	n.Fault(always, network.Fault{Delay: 20 * time.Millisecond})
	began := time.Now()
	_, body := get(t, c, "https://"+host+"/")
	assert.Contains(t, body, "google")
	assert.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
}
