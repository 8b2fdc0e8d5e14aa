package session

import (
	"slices"
	"strings"

	"gupscope/core/claim"
	"gupscope/web/page"
	"gupscope/web/view"
)

// mostItems is how many items the palette shows at once.
const mostItems = 60

// palette lists what a few letters may mean.
func (s *Session) palette(text string) []Fragment {
	return []Fragment{morph("palette-list", page.PaletteList(text, view.Fuzzy(s.items(), text, mostItems)))}
}

// items are all that the palette offers: commands, scenarios, kernels, rules, claims.
func (s *Session) items() []view.Item {
	var out []view.Item
	for i := range view.Commands {
		c := &view.Commands[i]
		if c.Where != view.OnPage || c.Name == "palette" {
			continue
		}
		x := view.Item{Kind: "command", Name: c.Says, About: c.Group, Do: map[string]string{"act": "press", "text": c.Name}}
		if len(c.Keys) > 0 {
			x.Key = view.KeyName(c.Keys[0])
		}
		out = append(out, x)
	}
	for _, g := range Gallery() {
		out = append(out, view.Item{Kind: "scenario", Name: g.Name, About: g.About, Do: map[string]string{"do": "open", "scenario": g.Name}})
	}
	out = append(out, s.kernelItems()...)
	return append(out, s.claimItems()...)
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
	}
	for _, c := range claim.Catalogue {
		x := view.Item{Kind: "claim", Name: c.Name, About: c.Says, Do: map[string]string{"act": "reveal", "text": "claim-" + c.Name}}
		if !judged[c.Name] {
			x.About, x.Do = "not judged here; press, and the text says so: "+c.Says, map[string]string{"do": "claim", "text": c.Name}
		}
		out = append(out, x)
	}
	return out
}
