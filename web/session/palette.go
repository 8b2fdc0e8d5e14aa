package session

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/claim"
	"gupscope/core/machine"
	"gupscope/web/page"
	"gupscope/web/view"
)

// mostItems is how many items the palette shows at once.
const mostItems = 60

// palette lists what a few letters may mean.
func (s *Session) palette(text string) []Fragment {
	items := s.items()
	if text == "" {
		s.fitting(items)
	}
	return []Fragment{morph("palette-list", page.PaletteList(text, view.Fuzzy(items, text, mostItems)))}
}

// fitting puts the commands first that one is likely to want as things stand, and then the steps, first those that no key makes: a column has keys
// for three. The script puts last what cannot be done just now.
func (s *Session) fitting(items []view.Item) {
	first := []string{"edit", "changes", "scenarios", "gallery"}
	switch {
	case s.run == nil:
	case s.run.Len() == 0:
		first = []string{"check", "counterexample", "verdict", "random", "false", "edit", "kernels", "scenarios", "verdicts"}
	case s.run.FirstViolation() > 0:
		first = []string{"violation", "why", "forward", "play", "compare", "verdict", "share", "link", "kernels"}
	default:
		first = []string{"forward", "back", "conflict", "false", "check", "counterexample", "verdict", "compare", "share"}
	}
	rank := func(x view.Item) int {
		if i := slices.Index(first, x.Do["text"]); i >= 0 && x.Do["act"] == "press" {
			return i
		}
		switch {
		case x.Kind == "step" && x.Key == "":
			return len(first)
		case x.Kind == "step":
			return len(first) + 1
		}
		return len(first) + 2
	}
	slices.SortStableFunc(items, func(a, b view.Item) int { return cmp.Compare(rank(a), rank(b)) })
}

// items are all that the palette offers: commands, steps, scenarios, kernels, rules, claims.
func (s *Session) items() []view.Item {
	var out []view.Item
	for i := range view.Commands {
		c := &view.Commands[i]
		if c.Where != view.OnPage || c.Name == "palette" {
			continue
		}
		x := view.Item{Kind: "command", Name: c.Says, About: c.Group, Also: c.Also, Do: map[string]string{"act": "press", "text": c.Name}}
		if len(c.Keys) > 0 {
			x.Key = view.KeyName(c.Keys[0])
		}
		out = append(out, x)
	}
	out = append(out, view.Item{Kind: "command", Name: "the pen: ask for it, or give it away", About: "In a room", Do: map[string]string{"act": "pen"}})
	out = append(out, s.runItems()...)
	for _, g := range listed() {
		out = append(out, view.Item{Kind: "scenario", Name: g.Name, About: g.About, Do: map[string]string{"do": "open", "scenario": g.Name}})
	}
	out = append(out, s.kernelItems()...)
	return append(out, s.claimItems()...)
}

// runItems are the steps that can be made now, what can be done with each column, and with each cell that is shared, or a variable of the scenario.
func (s *Session) runItems() []view.Item {
	if s.run == nil {
		return nil
	}
	var out []view.Item
	for i, n := range s.page.Race.Next {
		for j, m := range n.Moves {
			if !m.Ready {
				continue
			}
			x := view.Item{Kind: "step", Name: s.page.Race.Lanes[i].Name + ": " + m.Says, About: m.Note, Do: map[string]string{"do": "step", "choice": m.Choice, "at": fmt.Sprint(s.run.Cursor())}}
			if k := page.MoveKey(i, n.Moves[:j]); k != "" {
				x.Key = view.KeyName(k)
			}
			out = append(out, x)
		}
	}
	for i, l := range s.page.Race.Lanes {
		if l.Steps {
			out = append(out, view.Item{Kind: "command", Name: "follow " + l.Name, About: "its steps alone are made by what goes on for more than one", Do: map[string]string{"set": "follow=" + l.Name}})
		}
		out = append(out, view.Item{Kind: "command", Name: "fold " + l.Name, About: "its column, or open it again", Also: "hide", Do: map[string]string{"toggle": fmt.Sprintf("lane%d", i)}})
	}
	layout := s.run.Model.Memory().Layout()
	for id := range cell.ID(layout.Len()) {
		if class := layout.Class(id); !machine.Private.Has(class) || class == machine.Vars {
			out = append(out, view.Item{Kind: "cell", Name: "watch " + layout.Name(id), About: "show what the steps make of it, or no more", Do: map[string]string{"do": "watch", "n": fmt.Sprint(id)}})
		}
	}
	return out
}

func (s *Session) kernelItems() []view.Item {
	var out []view.Item
	k := &s.header.Kernel
	to := func(kernel string) map[string]string { return map[string]string{"do": "kernel", "kernel": kernel} }
	for _, v := range k.Versions {
		if !v.On {
			out = append(out, view.Item{Kind: "kernel", Name: v.Kernel, About: v.About, Do: to(v.Kernel)})
		}
	}
	if s.run != nil {
		for _, o := range s.others() {
			if strings.Contains(o, " ") && !slices.ContainsFunc(out, func(x view.Item) bool { return x.Name == o }) {
				out = append(out, view.Item{Kind: "kernel", Name: o, About: "the scenario speaks of it", Do: to(o)})
			}
		}
	}
	for i := range k.Rules {
		r := &k.Rules[i]
		for _, v := range r.Values {
			if v.On {
				continue
			}
			x := view.Item{Kind: "rule", Name: r.Name, About: "switch it " + v.Name + ": " + r.Says, Do: to(v.Kernel)}
			if v.Name != "on" && v.Name != "off" {
				x.Name, x.About = r.Name+"="+v.Name, r.Says
			}
			if v.Refused != "" {
				x.Off, x.About, x.Do = true, v.Refused, nil
			}
			out = append(out, x)
		}
	}
	return out
}

func (s *Session) claimItems() []view.Item {
	var out []view.Item
	judged := map[string]bool{}
	if s.run != nil {
		for _, t := range s.run.Model.Truths() {
			judged[t.Name] = true
		}
		for _, c := range claim.Progress {
			judged[c.Name] = s.run.Model.Judges(c.Name)
		}
	}
	for _, c := range claim.All() {
		x := view.Item{Kind: "claim", Name: c.Name, About: c.Says, Do: map[string]string{"act": "reveal", "text": "claim-" + c.Name}}
		if !judged[c.Name] {
			x.About, x.Do = "not judged here; press, and the text says so: "+c.Says, map[string]string{"do": "claim", "text": c.Name}
		}
		out = append(out, x)
	}
	return out
}
