package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// In WASM this program only measures; who started it prints the table.
func main() {
	out := json.NewEncoder(os.Stdout)
	if err := measureAll("wasm", 1, func(f figure) { out.Encode(f) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
