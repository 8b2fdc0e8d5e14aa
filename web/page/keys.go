package page

import (
	"strings"

	"github.com/a-h/templ"

	"gupscope/web/view"
)

// does are the attributes of what does a command: its name and its keys, from the one table of them.
func does(name string) templ.Attributes {
	c := view.CommandNamed(name)
	out := templ.Attributes{"data-command": name}
	if len(c.Keys) > 0 {
		out["data-key"] = strings.Join(c.Keys, " ")
		out["aria-keyshortcuts"] = strings.ReplaceAll(strings.Join(c.Keys, " "), "Ctrl", "Control")
	}
	return out
}

// absent are the attributes by which the script says why a key does nothing: "" says nothing.
func absent(c *view.Command) templ.Attributes {
	if c.Absent == "" {
		return nil
	}
	return templ.Attributes{"data-absent": c.Absent, "data-of": strings.Join(c.Keys, " ")}
}

// key is the first key of a command, as it stands on a keyboard.
func key(name string) string { return view.KeyName(view.CommandNamed(name).Keys[0]) }

// presses are the attributes of an item of the palette.
func presses(do map[string]string) templ.Attributes {
	out := templ.Attributes{}
	for k, v := range do {
		out["data-"+k] = v
	}
	return out
}

type keyGroup struct {
	name     string
	commands []view.Command
}

// keyGroups are the commands that have keys, by group, in the order of the table.
func keyGroups() []keyGroup {
	var out []keyGroup
	for _, c := range view.Commands {
		if len(c.Keys) == 0 {
			continue
		}
		if n := len(out); n == 0 || out[n-1].name != c.Group {
			out = append(out, keyGroup{name: c.Group})
		}
		out[len(out)-1].commands = append(out[len(out)-1].commands, c)
	}
	return out
}
