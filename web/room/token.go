package room

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
)

// A Role is what a reader may do.
type Role string

const (
	Driver Role = "driver" // may hold the pen
	Viewer Role = "viewer" // looks on
)

// A token is what stands behind the "#" of a room's address: "d." or "v.", and
// a secret. Browsers do not send that part to servers; the page's script does, in its first message.
const (
	driverPrefix = "d."
	viewerPrefix = "v."
)

// newSecret returns 128 random bits as 22 characters. The last is a letter or a
// digit whatever the bits, so that no mail program takes it for punctuation.
func newSecret() string {
	for {
		var b [16]byte
		rand.Read(b[:])
		s := base64.RawURLEncoding.EncodeToString(b[:])
		if s[0] != '-' && !strings.HasSuffix(s, "-") && !strings.HasSuffix(s, "_") {
			return s
		}
	}
}

func isSecret(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 16
}

// viewerOf derives the viewers' secret from the driver's, so that a driver can
// always pass on the viewers' address. The way back is not open. Another turn is another secret.
func viewerOf(driver string, turn int) string {
	m := hmac.New(sha256.New, []byte(driver))
	m.Write([]byte("viewer"))
	if turn > 0 {
		m.Write([]byte(strconv.Itoa(turn)))
	}
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

func sum(secret string) string {
	s := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(s[:])
}

// role tells what the token allows in the room, if anything.
func (s *Tokens) role(token string) (Role, bool) {
	if secret, ok := strings.CutPrefix(token, driverPrefix); ok && same(sum(secret), s.Driver) {
		return Driver, true
	}
	if secret, ok := strings.CutPrefix(token, viewerPrefix); ok && same(sum(secret), s.Viewer) {
		return Viewer, true
	}
	return "", false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// person is who holds the key in this room: the same after a reload or a
// lost connection, and on every server. Others see it, but cannot find the key.
func person(room, key string) string {
	s := sha256.Sum256([]byte(room + " " + key))
	return base64.RawURLEncoding.EncodeToString(s[:9])
}
