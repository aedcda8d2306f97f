// Package exchange holds the two documents that vendor and customer exchange, the
// access request and the access grant. It reads the document that a half waits for,
// from a file or from the other party's stack. A document must agree with the trust
// anchors of the configuration, and with the document of the stack's last update.
//
// A document of a newer minor version is accepted: its unknown fields are named in a
// warning and ignored, unless they concern a trust anchor.
package exchange
