package main

import (
	"fmt"
	"runtime/debug"

	"gupscope/core/kernel"
)

type versionCommand struct{}

func (versionCommand) Run() error {
	program := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		program = info.Main.Version
	}
	fmt.Printf("gupscope %s, model %s\n", program, kernel.Identity())
	return nil
}
