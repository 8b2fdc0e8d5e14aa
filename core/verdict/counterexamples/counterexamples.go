// Package counterexamples keeps on record the shortest runs that checks have found in the gallery, for tests of what is made of runs: they
// need not search for them again. TestExpectations of core/verdict holds the record against what it finds, and writes it (-rewrite).
//
// Its law: it is for tests alone. What a reader is shown has been computed.
package counterexamples

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed record
var record embed.FS

// A Counterexample is the shortest run to a state in which a claim is false or, if it is Seen, to what a "sometimes" condition waits for.
type Counterexample struct {
	Claim    string
	Seen     bool
	Switches int
	Run      string // as core/trace writes it
}

// Of returns what a check of a scenario on a kernel has found; judge as in verdict.New. It reports false where none is on record: no line of the
// scenario asks for it.
func Of(scenario, kernel string, judge []string) ([]Counterexample, bool) {
	text, err := record.ReadFile("record/" + scenario + ".txt")
	_, lines, there := strings.Cut("\n"+string(text), "\n"+Head(kernel, judge))
	if err != nil || !there {
		return nil, false
	}
	var all []Counterexample
	for line := range strings.Lines(lines) {
		part := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		if !strings.HasPrefix(line, "\t") {
			break
		}
		switches, err := strconv.Atoi(part[2])
		if len(part) != 4 || err != nil {
			panic("counterexamples: no line of a record: " + line)
		}
		all = append(all, Counterexample{Claim: part[1], Seen: part[0] == "\tseen", Switches: switches, Run: part[3]})
	}
	return all, true
}

// Head is the line of a record over the runs of one check.
func Head(kernel string, judge []string) string {
	if judge != nil {
		kernel += " judging " + strings.Join(judge, ", ")
	}
	return kernel + ":\n"
}

// String is a line of a record.
func (c Counterexample) String() string {
	how := "false"
	if c.Seen {
		how = "seen"
	}
	return fmt.Sprintf("\t%s | %s | %d | %s\n", how, c.Claim, c.Switches, c.Run)
}
