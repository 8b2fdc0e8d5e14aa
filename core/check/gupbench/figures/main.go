//go:build !js

// Figures measures the checker, beside Spin where that is installed, and prints
// one table:
//
//	go run ./core/check/gupbench/figures [-json FILE]
//
// What is measured: the three instances of the yardstick and three scenarios (subjects.go),
// searched unreduced and reduced; and what a step costs in ever larger machines
// (growth.go). Where: native on one core and on two, in WASM under Node and in
// Chromium, and by Spin, unreduced and at its best. A place that is missing on
// this machine is missing in the table, and a line says so.
//
// Of several runs the best counts; a search that takes half a minute is given up. Native searches on one core and Spin are
// measured in CPU time, everything else by the clock on the wall.
//
// The file gets every figure, and every goal, as a line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"gupscope/core/check/gupbench"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("figures: ")
	file := flag.String("json", "bin/bench.json", "write figures and goals to this file, a line of JSON each")
	cores := flag.Int("measure", 0, "only measure, natively on so `many` cores, and print lines of JSON")
	flag.Parse()
	var err error
	if *cores > 0 {
		err = measureHere(*cores, os.Stdout)
	} else {
		err = all(*file)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// measureHere measures in this process.
func measureHere(cores int, w io.Writer) error {
	runtime.GOMAXPROCS(cores)
	where := fmt.Sprintf("native-%d", cores)
	out := json.NewEncoder(w)
	tell := func(f figure) { out.Encode(f) }
	if err := measureAll(where, cores, tell); err != nil || cores > 1 {
		return err
	}
	return measureGrowth(where, tell)
}

// all measures everywhere, each place in a process of its own, and prints the table.
func all(file string) error {
	dir, err := os.MkdirTemp("", "figures")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var figures []figure
	tell := func(f figure) {
		fmt.Fprintf(os.Stderr, "%s: %s, %s: %s, %.3f s\n", f.Where, f.Measure, f.Search, f.Verdict, f.Seconds)
		figures = append(figures, f)
	}
	missing := func(where, why string) { fmt.Printf("%s is not measured: %s.\n", where, why) }
	if err := native(tell, missing); err != nil {
		return err
	}
	if err := wasm(dir, tell, missing); err != nil {
		return err
	}
	if err := spin(dir, tell, missing); err != nil {
		return err
	}
	compare(figures)
	goals := judge(figures)
	printTable(os.Stdout, figures)
	printGrowth(os.Stdout, figures)
	printGoals(os.Stdout, goals)
	return write(file, figures, goals)
}

func native(tell func(figure), missing func(where, why string)) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, cores := range []int{1, 2} {
		where := fmt.Sprintf("native-%d", cores)
		if cores > runtime.NumCPU() {
			missing(where, "there are not as many cores")
			continue
		}
		if err := listen(exec.Command(self, "-measure", fmt.Sprint(cores)), where, tell); err != nil {
			return err
		}
	}
	return nil
}

// wasm builds this program for the browser, which measures there.
func wasm(dir string, tell func(figure), missing func(where, why string)) error {
	program := filepath.Join(dir, "figures.wasm")
	build := exec.Command("go", "build", "-o", program, "gupscope/core/check/gupbench/figures")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if err := quietly(build); err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	browser := filepath.Join(dir, "chromium-exec")
	if err := quietly(exec.Command("go", "build", "-o", browser, "gupscope/wasm/chromium")); err != nil {
		return err
	}
	for _, place := range []struct{ where, needs, runner string }{
		{"wasm-node", "node", filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")},
		{"wasm-chromium", "chromium", browser},
	} {
		if _, err := exec.LookPath(place.needs); err != nil {
			missing(place.where, place.needs+" is not installed")
			continue
		}
		if err := listen(exec.Command(place.runner, program), place.where, tell); err != nil {
			return err
		}
	}
	return nil
}

func quietly(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

// listen runs a program that prints figures.
func listen(cmd *exec.Cmd, where string, tell func(figure)) error {
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var f figure
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			return fmt.Errorf("%s: %s", where, lines.Text())
		}
		f.Where = where
		tell(f)
	}
	return cmd.Wait()
}

// spin has Spin search the yardstick: every order, and then as it likes best.
func spin(dir string, tell func(figure), missing func(where, why string)) error {
	for _, in := range gupbench.Instances {
		for _, search := range []string{unreduced, reduced} {
			where := map[string]string{unreduced: "spin", reduced: "spin-best"}[search]
			at := filepath.Join(dir, where+in.Name)
			if err := os.Mkdir(at, 0o755); err != nil {
				return err
			}
			f, err := verify(at, in, search)
			if errors.Is(err, gupbench.ErrNoSpin) {
				missing("Spin", err.Error())
				return nil
			}
			if err != nil {
				return err
			}
			f.Where = where
			tell(f)
		}
	}
	return nil
}

// verify runs Spin a few times and returns the best.
func verify(dir string, in gupbench.Instance, search string) (figure, error) {
	v, err := gupbench.NewVerifier(dir, in.Flags, search == unreduced)
	if err != nil {
		return figure{}, err
	}
	f := figure{Measure: in.Name, Search: search, Clock: "cpu", Verdict: "Never"}
	for spent := 0.0; spent < enough.Seconds(); {
		r, err := v.Run()
		if err != nil {
			return f, err
		}
		if r.Errors != 0 {
			return f, fmt.Errorf("Spin finds an error in %s, which has none", in.Name)
		}
		spent += r.CPU.Seconds()
		if f.Seconds == 0 || r.CPU.Seconds() < f.Seconds {
			f.States, f.Transitions, f.Seconds = r.States, r.Transitions, r.CPU.Seconds()
			f.BytesPerState = float64(r.Bytes) / float64(r.States)
		}
	}
	f.Proof = f.Seconds
	f.pace()
	return f, nil
}

// write writes figures and goals as lines of JSON.
func write(file string, figures []figure, goals []goal) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	out := json.NewEncoder(f)
	for _, x := range figures {
		if err := out.Encode(x); err != nil {
			return err
		}
	}
	for _, g := range goals {
		if err := out.Encode(g); err != nil {
			return err
		}
	}
	return nil
}
