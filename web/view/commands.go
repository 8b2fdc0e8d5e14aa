package view

import "strings"

// A Command is something that a reader can do by a key. The table of them is what
// the page's keys are taken from, what the sheet of keys and the help say, and what the palette offers.
type Command struct {
	Name  string   // what the page calls it: "back"
	Keys  []string // as a browser names them: "ArrowLeft", "Ctrl+k"; none: it has only its button
	Group string
	Says  string
	Where Where

	Absent string // what its key says where there is nothing to press; "": nothing
	Also   string // other words by which the palette finds it
}

// A Where is where a key is heard.
type Where uint8

const (
	OnPage   Where = iota // anywhere but in inputs and the editor
	InEditor              // in the editor alone, which hears it itself
	Stands                // where it is shown: told for completeness, no command of the palette
)

// Commands are all of them, in the order of the sheet.
var Commands = []Command{
	{"back", []string{"ArrowLeft"}, "Stepping", "a step back", OnPage, "", ""},
	{"forward", []string{"ArrowRight"}, "Stepping", "a step forward", OnPage, "", ""},
	{"move", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}, "Stepping", "the next step of the first, second, third … column", Stands, "", ""},
	{"move-2", []string{"Shift+1", "Shift+2", "Shift+3", "Shift+4", "Shift+5", "Shift+6", "Shift+7", "Shift+8", "Shift+9"}, "Stepping",
		"the second thing that can happen in that column: another frame, the host, an interrupt", Stands, "", ""},
	{"move-3", []string{"Alt+Shift+1", "Alt+Shift+2", "Alt+Shift+3", "Alt+Shift+4", "Alt+Shift+5", "Alt+Shift+6", "Alt+Shift+7", "Alt+Shift+8", "Alt+Shift+9"}, "Stepping",
		"the third; the palette has all by name", Stands, "", ""},
	{"start", []string{"Home"}, "Stepping", "to the start", OnPage, "", ""},
	{"end", []string{"End"}, "Stepping", "to the end of the run", OnPage, "", ""},
	{"play", []string{"p"}, "Stepping", "play, and stop", OnPage, "", ""},
	{"over", []string{"o"}, "Stepping", "over the function", OnPage, "", ""},
	{"return", []string{"u"}, "Stepping", "to the function's return", OnPage, "", ""},
	{"conflict", []string{"n"}, "Stepping", "to the next conflict: a step that touches what another CPU touched", OnPage, "", ""},
	{"write", []string{"w"}, "Stepping", "to the next write of a cell that is watched", OnPage, "", ""},
	{"false", []string{"f"}, "Stepping", "on until a claim is false", OnPage, "", ""},
	{"violation", []string{"v"}, "Stepping", "to the first violation", OnPage, "", ""},
	{"random", []string{"r"}, "Stepping", "a random walk, by the seed in the menu run", OnPage, "", "seed"},
	{"run", []string{"g"}, "Stepping", "the menu run: all of these, the speed, the branches and their names", OnPage, "", ""},

	{"check", []string{"c"}, "Seeing", "check all interleavings", OnPage, "", ""},
	{"counterexample", []string{"a"}, "Seeing", "show the counterexample that the check found", OnPage, "There is no counterexample to show: the check has found none, or nothing was checked yet. The key c checks.", ""},
	{"verdict", []string{"i"}, "Seeing", "the verdict: what the check found, outcomes, which rules matter", OnPage, "There is no verdict yet. The key c checks.", "outcomes"},
	{"why", []string{"j"}, "Seeing", "the run in words and as a short diagram: how it came to this, or why it goes wrong", OnPage, "There is nothing to explain here yet.", "explain"},
	{"stop", nil, "Seeing", "stop the check", OnPage, "", ""},
	{"how", []string{"q"}, "Seeing", "how to check: reduced or not, fingerprints or whole states", OnPage, "", ""},
	{"compare", []string{"k"}, "Seeing", "compare with another kernel, or with a branch", OnPage, "", ""},
	{"find", []string{"/"}, "Seeing", "find steps, and cells", OnPage, "", "history search grep"},
	{"dense", []string{"d"}, "Seeing", "dense: a line a step", OnPage, "", ""},
	{"zoom-in", []string{"+", "="}, "Seeing", "the race larger", OnPage, "", ""},
	{"zoom-out", []string{"-"}, "Seeing", "the race smaller", OnPage, "", ""},
	{"zoom-back", []string{"0"}, "Seeing", "the race as large as it was", OnPage, "", ""},
	{"unfold", nil, "Seeing", "show all columns again", OnPage, "", "hide hidden unhide"},

	{"keep", []string{"b"}, "Keeping", "keep this run as a branch", OnPage, "", ""},
	{"note", []string{"m"}, "Keeping", "put a note at this step", OnPage, "", ""},
	{"share", []string{"x"}, "Keeping", "share, copy as, save as: diagrams, files, links, a room", OnPage, "", "export download"},
	{"copy-text", nil, "Keeping", "copy the race as text, for a commit message", OnPage, "", "export"},
	{"copy-mermaid", nil, "Keeping", "copy the race as a Mermaid sequence diagram", OnPage, "", "export"},
	{"copy-svg", nil, "Keeping", "copy the race as SVG", OnPage, "", "export"},
	{"copy-png", nil, "Keeping", "copy the race as a picture: PNG", OnPage, "", "export"},
	{"copy-json", nil, "Keeping", "copy the run as JSON", OnPage, "", "export"},
	{"save-text", nil, "Keeping", "save the race as text", OnPage, "", "export download"},
	{"save-mermaid", nil, "Keeping", "save the race as a Mermaid sequence diagram", OnPage, "", "export download"},
	{"save-svg", nil, "Keeping", "save the race as SVG", OnPage, "", "export download"},
	{"save-png", nil, "Keeping", "save the race as a picture: PNG", OnPage, "", "export download"},
	{"save-json", nil, "Keeping", "save the run as JSON, to be opened again", OnPage, "", "export download"},
	{"save-trace", nil, "Keeping", "save the run as a Chrome trace, for Perfetto", OnPage, "", "export download"},
	{"save-html", nil, "Keeping", "save the run as one HTML file that steps by itself", OnPage, "", "export download"},
	{"import", nil, "Keeping", "open a saved run", OnPage, "", "load upload"},
	{"what-if", []string{"z"}, "Keeping", "in a room: go on alone from here, told to nobody; again: back to the room", OnPage, "", "fork branch alone own copy"},
	{"link", []string{"y"}, "Keeping", "copy the address of this run", OnPage, "", ""},
	{"short-link", nil, "Keeping", "a short link: stores this run on the server", OnPage, "", ""},
	{"embed", nil, "Keeping", "copy an embed: HTML for your own page", OnPage, "", ""},
	{"live", nil, "Keeping", "share live: a room", OnPage, "", ""},

	{"scenarios", []string{"s"}, "Scenario and kernel", "open another scenario", OnPage, "", ""},
	{"gallery", nil, "Scenario and kernel", "the gallery: all scenarios, with what each shows", OnPage, "", ""},
	{"verdicts", nil, "Scenario and kernel", "verdicts of all scenarios, on every kernel", OnPage, "", "matrix table"},
	{"language", nil, "Scenario and kernel", "the language that scenarios are written in", OnPage, "", "help syntax documentation"},
	{"kernels", []string{"t"}, "Scenario and kernel", "another kernel, other rules", OnPage, "", ""},
	{"edit", []string{"e"}, "Scenario and kernel", "write: into the editor", OnPage, "", ""},
	{"new", nil, "Scenario and kernel", "a new scenario, to begin with", OnPage, "", "empty blank write own"},
	{"format", []string{"l"}, "Scenario and kernel", "format the text", OnPage, "", ""},
	{"changes", []string{"h"}, "Scenario and kernel", "what is changed, and back to the original", OnPage, "Nothing is changed: the text is the original.", "history diff reset"},

	{"complete", []string{"Ctrl+Space"}, "In the editor", "what may be written here, with its documentation", InEditor, "", ""},
	{"word", []string{"F1"}, "In the editor", "what the word at the caret means", InEditor, "", ""},
	{"mistake", []string{"F8"}, "In the editor", "to the next mistake, and its fix", InEditor, "", ""},
	{"format-here", []string{"Shift+Alt+f"}, "In the editor", "format the text", InEditor, "", ""},
	{"search", []string{"Ctrl+f"}, "In the editor", "search and replace", InEditor, "", ""},
	{"undo", []string{"Ctrl+z"}, "In the editor", "undo; Ctrl+Shift+z or Ctrl+y: redo", InEditor, "", ""},
	{"indent", []string{"Ctrl+]"}, "In the editor", "indent; Ctrl+[: less. Tab leaves the editor", InEditor, "", ""},
	{"leave", []string{"Escape"}, "In the editor", "leave the editor", InEditor, "", ""},

	{"palette", []string{":", "Ctrl+k"}, "Everywhere", "all commands, the steps that can be made now, scenarios, kernels, rules and claims, by a few letters", OnPage, "", ""},
	{"close", []string{"Escape"}, "Everywhere", "close what is open", Stands, "", ""},
	{"dark", nil, "Everywhere", "dark", OnPage, "", ""},
	{"light", nil, "Everywhere", "light", OnPage, "", ""},
	{"keys", []string{"?"}, "Everywhere", "this list", OnPage, "", "help shortcuts"},
}

// CommandNamed returns a command. That there is none of the name is a mistake in a template.
func CommandNamed(name string) *Command {
	for i := range Commands {
		if Commands[i].Name == name {
			return &Commands[i]
		}
	}
	panic("view: no command is called " + name)
}

// KeyName is a key as it stands on a keyboard.
func KeyName(key string) string {
	switch key {
	case "ArrowLeft":
		return "←"
	case "ArrowRight":
		return "→"
	case "Escape":
		return "Esc"
	}
	parts := strings.Split(key, "+")
	if last := len(parts) - 1; last > 0 && len(parts[last]) == 1 {
		parts[last] = strings.ToUpper(parts[last])
	}
	return strings.Join(parts, "+")
}

// KeysMarkdown is the table of keys, for the help.
func KeysMarkdown() string {
	var b strings.Builder
	b.WriteString("| key | does |\n|---|---|\n")
	for i := range Commands {
		c := &Commands[i]
		if len(c.Keys) == 0 {
			continue
		}
		var names []string
		for _, k := range c.Keys {
			names = append(names, "`"+KeyName(k)+"`")
		}
		if last := len(names) - 1; last > 2 {
			names = []string{names[0], "…", names[last]}
		}
		says := c.Says
		if c.Where == InEditor {
			says = "in the editor: " + says
		}
		b.WriteString("| " + strings.Join(names, " ") + " | " + says + " |\n")
	}
	return b.String()
}
