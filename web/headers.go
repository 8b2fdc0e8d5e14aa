package web

import "net/http"

// The policy of every answer: nothing but what this server has itself, and the
// WASM. No inline script and no inline style, not even a style attribute.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"style-src 'self'; img-src 'self' data:; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "

// security sets what every answer carries.
func security(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy+"'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// framed is for embeds: other people's pages may show them.
func framed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mayBeFramed(w)
		next.ServeHTTP(w, r)
	})
}

func mayBeFramed(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", policy+"*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
}
