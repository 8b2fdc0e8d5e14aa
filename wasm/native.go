//go:build !(js && wasm)

// The WASM is built with GOOS=js GOARCH=wasm; see main.go. Elsewhere this is a
// program that says so, so that go build ./... has something to build.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "This is the program for the browser: GOOS=js GOARCH=wasm go build ./wasm, or make build.")
	os.Exit(2)
}
