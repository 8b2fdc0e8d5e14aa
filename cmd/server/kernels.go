package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gupscope/core/kernel"
)

// kernelsCommand is "gupscope kernels".
type kernelsCommand struct {
	JSON bool `name:"json" help:"Print one JSON object per kernel and line."`
}

// kernelJSON is what --json prints of a kernel.
type kernelJSON struct {
	Name    string            `json:"name"`
	Year    int               `json:"year,omitempty"` // none for a stable tree
	About   string            `json:"about"`
	Before  string            `json:"before,omitempty"` // what differs is told against
	Differs []differenceJSON  `json:"differs"`
	Rules   map[string]string `json:"rules"`
}

type differenceJSON struct {
	Rule   string `json:"rule"`
	Was    string `json:"was"`
	Now    string `json:"now"`
	Says   string `json:"says"`
	Commit string `json:"commit,omitempty"`
}

// Run lists the kernels, oldest first, each with the rules that it has otherwise than the one before.
func (c *kernelsCommand) Run() error {
	for i, v := range kernel.Versions {
		x := kernelOfVersion(v)
		if c.JSON {
			json.NewEncoder(os.Stdout).Encode(x)
			continue
		}
		if i > 0 {
			fmt.Println()
		}
		if x.Year != 0 {
			fmt.Printf("%s (%d)\n", x.Name, x.Year)
		} else {
			fmt.Println(x.Name)
		}
		printWrapped(4, x.About)
		if len(x.Differs) > 0 {
			fmt.Printf("    other than %s:\n", x.Before)
		}
		for _, d := range x.Differs {
			word := map[string]string{"on": "+ " + d.Rule, "off": "- " + d.Rule}[d.Now]
			if word == "" {
				word = "  " + d.Rule + "=" + d.Now
			}
			fmt.Println(strings.TrimRight(fmt.Sprintf("      %-40s %s", word, d.Commit), " "))
		}
	}
	return nil
}

func kernelOfVersion(v *kernel.Version) kernelJSON {
	x := kernelJSON{Name: v.Name, Year: v.Year, About: v.About, Differs: []differenceJSON{}, Rules: map[string]string{}}
	if was := v.Before(); was != nil {
		x.Before = was.Name
	}
	for _, d := range v.Differences() {
		x.Differs = append(x.Differs, differenceJSON{d.Rule.Name, d.Was, d.Now, d.Rule.Says, d.Commit})
	}
	if k, err := kernel.Make(v.Name); err == nil {
		for _, r := range kernel.Rules {
			x.Rules[r.Name] = r.ValueName(k.Value(r.ID))
		}
	}
	return x
}

// printWrapped prints a text with so many blanks before each line, in lines of eighty characters at most, but for words that are longer.
func printWrapped(indent int, text string) {
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && indent+len(line)+1+len(w) > 80 {
			fmt.Printf("%*s%s\n", indent, "", line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	fmt.Printf("%*s%s\n", indent, "", line)
}
