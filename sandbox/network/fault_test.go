package network_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/network"
)

func always(*http.Request) bool { return true }

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

	stop = n.Fault(always, network.Fault{Status: http.StatusUnauthorized, Challenge: `Bearer realm="https://other.example/"`})
	response, err := c.Get("https://" + host + "/")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.Equal(t, `Bearer realm="https://other.example/"`, response.Header.Get("WWW-Authenticate"))
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
		c := client(t, n, http2)
		n.Fault(always, network.Fault{Reset: true, Times: 1})
		// A POST: clients repeat a GET by themselves when a connection breaks.
		_, err := c.Post("https://"+host+"/", "text/plain", http.NoBody) //nolint:bodyclose // there is no response
		require.Error(t, err)
		if !http2 {
			assert.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), err)
		}
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
