package page

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
)

// packed is the frames as a file has them: by element, for what an element shows at one step is much like what it showed
// before, and deflated. So a run of thousands of steps makes a file of a few megabytes. As JSON it is
//
//	{"steps": 2000, "parts": {"sentence": [[0, "…"], [1, "…"]], "locks": [[0, "…"], [17, "…"]]}}
//
// with the steps at which an element shows something else.
func packed(frames []FileFrame) string {
	type change [2]any // the step, and what is shown from there on
	all := struct {
		Steps int                 `json:"steps"`
		Parts map[string][]change `json:"parts"`
	}{len(frames) - 1, map[string][]change{}}
	for n, f := range frames {
		for id, html := range f {
			all.Parts[id] = append(all.Parts[id], change{n, html})
		}
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err == nil {
		err = json.NewEncoder(w).Encode(all)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("page: a buffer takes everything, and strings have a JSON form: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}
