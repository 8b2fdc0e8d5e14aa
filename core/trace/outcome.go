package trace

import (
	"fmt"
	"strings"

	"gupscope/core/machine"
)

// outcome is why the claim is false: what it says itself, or more exactly where
// the run tells more.
func (s *story) outcome(e *Explanation) string {
	if s.x.foreign(s) {
		f := s.got
		fate := "which never was mapped there during the call"
		for n := s.v; n > 0; n-- {
			for _, ev := range s.told[n] {
				if ev.frame != f {
					continue
				}
				switch ev.kind {
				case evTakes:
					_, whom, named := strings.Cut(ev.says, " for ")
					if !named {
						return fmt.Sprintf("%s got frame %d, which was freed and taken again meanwhile", s.m.Config.Tasks[s.actor].Name, f)
					}
					for p := range s.pages {
						if s.page(p) == whom {
							return fmt.Sprintf("%s got frame %d as it was before; by now it is a new page of %s", s.m.Config.Tasks[s.actor].Name, f, whom)
						}
					}
					return fmt.Sprintf("%s got frame %d, which is %s by now", s.m.Config.Tasks[s.actor].Name, f, whom)
				case evFrees:
					return fmt.Sprintf("%s got frame %d, which was freed meanwhile", s.m.Config.Tasks[s.actor].Name, f)
				}
			}
		}
		return fmt.Sprintf("%s got %s, %s", s.m.Config.Tasks[s.actor].Name, s.m.FrameName(f), fate)
	}
	if s.only(s.v, evFromZero) || s.table {
		return "" // that is the outcome
	}
	why := strings.Join(e.Why, "; ")
	for i, p := range s.m.Pages() {
		why = strings.ReplaceAll(why, p.Name, s.page(machine.PageID(i)))
	}
	return why + s.neverExclusive()
}

// neverExclusive says of a page that is pinned and not exclusive that nobody took
// that away in the run: it was so at the start.
func (s *story) neverExclusive() string {
	if !s.private || !strings.Contains(s.claim, "pin") {
		return ""
	}
	for i := range s.r.steps[:s.v] {
		for _, c := range s.r.steps[i].Changes {
			if f, ok := s.x.flags[c.Cell]; ok && s.frames[f] && (c.OldV^c.NewV)&machine.PGAnonExclusive != 0 {
				return ""
			}
		}
	}
	return ", and was not from the start"
}

// foreign reports whether the violation is that GUP returned a page of somebody else.
func (x *index) foreign(s *story) bool {
	return s.actor >= 0 && s.named[s.m.Alarm(machine.AlarmForeignPage).Cell()]
}

func onlyFrame(fs map[machine.Frame]bool) machine.Frame {
	for f := range fs {
		return f
	}
	return 0
}
