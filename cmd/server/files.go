package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// A source is the text of a scenario, and what to call it.
type source struct{ name, text string }

// sources reads the scenarios that the arguments name: files, directories with
// *.gup below them, names of the gallery, or "-" for standard input.
func sources(args []string) ([]source, error) {
	var all []source
	for _, arg := range args {
		files := []string{arg}
		info, err := os.Stat(arg)
		switch {
		case arg == "-":
		case errors.Is(err, fs.ErrNotExist):
			s, ok := scenarios.ByName(strings.TrimSuffix(arg, ".gup"))
			if !ok {
				return nil, fmt.Errorf("%s: there is no such file or directory, and no scenario of that name in the gallery", arg)
			}
			all = append(all, source{s.File(), s.Text})
			continue
		case err != nil:
			return nil, err
		case info.IsDir():
			if files, err = below(arg); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			text, err := read(file)
			if err != nil {
				return nil, err
			}
			all = append(all, source{file, text})
		}
	}
	return all, nil
}

func below(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(path) == ".gup" {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: there is no scenario (*.gup) in this directory", dir)
	}
	slices.Sort(files)
	return files, err
}

// read reads a file, but not more than shows that it is too large for a scenario.
func read(name string) (string, error) {
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return "", err
		}
		defer f.Close()
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(text), err
}

// parse reads the scenario. What is wrong with it goes to standard error, as compilers print it.
func parse(s source) (*scenario.File, error) {
	f, ds := scenario.Parse(s.name, []byte(s.text))
	complain(ds)
	if scenario.Failed(ds) {
		return nil, fmt.Errorf("%s cannot be run as it stands", s.name)
	}
	return f, nil
}

func complain(ds []scenario.Diagnostic) {
	for _, d := range ds {
		fmt.Fprintln(os.Stderr, d)
		if d.Fix != nil {
			fmt.Fprintf(os.Stderr, "\tto mend it: %s\n", d.Fix.Title)
		}
	}
}

// kernelOf returns the kernel that a flag names, or the scenario's own.
func kernelOf(f *scenario.File, flag string) (kernel.Kernel, error) {
	if flag == "" {
		return f.Kernel, nil
	}
	k, ds := scenario.ParseKernel(flag)
	for i := range ds {
		ds[i].File = "kernel"
	}
	complain(ds)
	if scenario.Failed(ds) {
		return k, fmt.Errorf("%q is no kernel", flag)
	}
	return k, nil
}
