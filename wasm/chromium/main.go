// Chromium runs a Go test that was compiled for js/wasm in a browser, where there is no node:
//
//	GOOS=js GOARCH=wasm go test -exec=chromium-exec ./core/check
//
// It prints what the test prints, and ends with its code. The test may read
// files below the module; what it writes to /tmp it finds again, and nobody else.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

//go:embed page.html
var page []byte

func main() {
	log.SetFlags(0)
	log.SetPrefix("chromium-exec: ")
	if len(os.Args) < 2 {
		log.Fatal("usage: chromium-exec PROGRAM.wasm ARG…")
	}
	code, err := run(os.Args[1], os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

func run(program string, args []string) (code int, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	name, err := exec.LookPath("chromium")
	if err != nil {
		return 0, err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return 0, fmt.Errorf("go env GOROOT: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	mux.HandleFunc("GET /wasm_exec.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js"))
	})
	mux.HandleFunc("GET /program.wasm", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, program) })
	mux.HandleFunc("GET /start", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"args": args, "cwd": dir, "env": map[string]string{"PWD": dir, "HOME": dir, "TMPDIR": "/tmp"}})
	})
	mux.HandleFunc("GET /file", readOnly(module(dir)))
	s := httptest.NewServer(mux)
	defer s.Close()

	ctx, end := chromedp.NewExecAllocator(context.Background(),
		append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(name), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))...)
	defer end()
	ctx, cancel := chromedp.NewContext(ctx)
	defer cancel()
	ended := make(chan int, 1)
	err = chromedp.Do(ctx,
		chromedp.ExposeFunc("goPrint", func(_ context.Context, text string) (bool, error) { fmt.Print(text); return true, nil }),
		chromedp.ExposeFunc("goExit", func(_ context.Context, code int) (bool, error) { ended <- code; return true, nil }),
		chromedp.Navigate(s.URL),
	)
	if err != nil {
		return 0, err
	}
	select {
	case code := <-ended:
		return code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(30 * time.Minute):
		return 0, errors.New("the test did not end in half an hour")
	}
}

// module is the directory with go.mod above dir.
func module(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// readOnly answers what the test asks of the file system: {"dir": [names]} or {"size": n}, and with &read
// the bytes; 404 for what is not there or not below root.
func readOnly(root string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Clean(r.FormValue("name"))
		info, err := os.Stat(name)
		if err != nil || name != root && !strings.HasPrefix(name, root+string(filepath.Separator)) {
			http.NotFound(w, r)
			return
		}
		if r.Form.Has("read") {
			http.ServeFile(w, r, name)
			return
		}
		about := map[string]any{"size": info.Size()}
		if info.IsDir() {
			entries, err := os.ReadDir(name)
			if err != nil {
				http.NotFound(w, r)
				return
			}
			names := []string{}
			for _, e := range entries {
				names = append(names, e.Name())
			}
			about["dir"] = names
		}
		about["mode"] = uint32(mode(info))
		json.NewEncoder(w).Encode(about)
	}
}

// mode is the file's mode as Unix has it.
func mode(info fs.FileInfo) uint32 {
	if info.IsDir() {
		return 0o040755
	}
	return 0o100644
}
