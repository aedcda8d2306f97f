// Package alerts holds the tests of docs/alerts, which read it with Prometheus'
// own parsers. It is a module of its own because the program needs none of
// Prometheus.
package alerts
