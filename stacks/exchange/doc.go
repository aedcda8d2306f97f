// Package exchange holds the two documents that vendor and customer give each
// other, the access request and the access grant, and reads the one that a half
// waits for: from a file or from the other's stack. A document is believed only as
// far as it agrees with the trust anchors of the configuration and with what the
// stack was last built on.
//
// A document of a newer minor version is read: its unknown fields are named in a
// warning and ignored, unless they speak of a trust anchor.
package exchange
