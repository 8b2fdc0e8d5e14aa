package replay

import "strings"

// An Exclusion is a field that is not compared, and why.
type Exclusion struct {
	Path string // of its leaves, with * for any one part: "fr.*.pmap"
	Why  string // short: it is a heading under which observations are counted
}

// Excluded are the fields that the model does not have. What they come to is part of every summary.
var Excluded = []Exclusion{}

// exclusion returns what excludes a leaf, or nil.
func exclusion(all []Exclusion, path string) *Exclusion {
	for i := range all {
		if matches(all[i].Path, path) {
			return &all[i]
		}
	}
	return nil
}

func matches(pattern, path string) bool {
	for {
		p, patternRest, more := strings.Cut(pattern, ".")
		w, pathRest, morePath := strings.Cut(path, ".")
		switch {
		case more != morePath || p != "*" && p != w:
			return false
		case !more:
			return true
		}
		pattern, path = patternRest, pathRest
	}
}
