// Gupscope is a simulator and model checker of Linux's MMU and GUP.
//
//	gupscope serve                        the playground, on a loopback address that it prints
//	gupscope check FILE|DIR…              every expect line, with counterexamples
//	gupscope explain FILE                 why it breaks, or what it rests on that it does not
//	gupscope rules FILE                   which rules matter
//	gupscope rules                        all rules: what each does and guards, and who has it
//	gupscope kernels                      all kernels: what each is known for, what differs
//	gupscope claims                       all claims, and all that makes each of them false
//	gupscope matrix                       scenarios and kernels
//	gupscope ends FILE                    a histogram of final states
//	gupscope walk FILE --seed N           random runs, for what is too large
//	gupscope run FILE --run 0x3d.1x5K     one run, step by step
//	gupscope replay FILE --kernel K       programs that ran on a real kernel: does the model do the same?
//	gupscope version
//
// Exit codes: 0, all is as expected; 1, something else was found (an expectation failed, a
// walk broke a claim, nothing repairs it, a run diverged, a replay differs); 2, bad input.
//
// FILE may also be the name of a scenario of the gallery, or - for standard input.
//
// This package reads the command line and wires the others together; it decides nothing.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

type commands struct {
	Serve   serveCommand   `cmd:"" help:"Serve the playground, rooms and embeds."`
	Check   checkCommand   `cmd:"" help:"Check the expect lines of scenarios over all interleavings. Exit code 1: an expectation failed; 2: bad input."`
	Explain explainCommand `cmd:"" help:"Say why a scenario breaks, in a paragraph and a diagram for a commit message; or what it rests on that it does not."`
	Rules   rulesCommand   `cmd:"" help:"Which rules matter: what breaks without each of them; or which would repair what is broken. Without a scenario: list all rules."`
	Kernels kernelsCommand `cmd:"" help:"List the kernels: what each is known for, and which rules it has otherwise than the one before."`
	Claims  claimsCommand  `cmd:"" help:"List the claims, each with the scenarios, the kernels and the rules that make it false."`
	Matrix  matrixCommand  `cmd:"" help:"A table of scenarios and kernels."`
	Ends    endsCommand    `cmd:"" help:"How runs end: a histogram of the final values with a witness each, as litmus tools print it."`
	Walk    walkCommand    `cmd:"" help:"Random runs through what is too large to be checked. Exit code 1: a claim broke."`
	Run     runCommand     `cmd:"" help:"Play one run of a scenario, and print it. Exit code 1: the run diverged; 2: bad input."`
	Replay  replayCommand  `cmd:"" help:"Play programs of operations that ran on a real kernel, and compare every observation. Exit code 1: something differs; 2: bad input."`
	Version versionCommand `cmd:"" help:"Print the version of the program and that of its model."`
}

// Exit codes, as scripts know them from grep and its like.
const (
	exitFailed = 1 // an expectation failed, a run diverged
	exitInput  = 2 // bad input, or no place to listen
)

// errFailed says that what went wrong is printed already.
var errFailed = errors.New("failed")

func main() {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("gupscope"),
		kong.Description("Step through, and exhaustively check, races of Linux's page tables, TLBs and get_user_pages."),
		kong.ShortUsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(code int) {
			if code != 0 { // kong's own codes are for what the user typed
				code = exitInput
			}
			os.Exit(code)
		}),
	)
	if err != nil {
		panic("the commands above are well formed: " + err.Error())
	}
	ctx, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	switch err := ctx.Run(); {
	case err == nil:
	case errors.Is(err, errFailed):
		os.Exit(exitFailed)
	default:
		fmt.Fprintf(os.Stderr, "gupscope: %v\n", err)
		os.Exit(exitInput)
	}
}
