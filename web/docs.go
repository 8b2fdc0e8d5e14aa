package web

import (
	"bytes"
	_ "embed"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"

	"gupscope/core/scenario"
	"gupscope/web/page"
	"gupscope/web/view"
)

//go:embed help.md
var help string

// docPages are the pages to be read, the one at that address being open.
func docPages(here string) []view.PageLink {
	all := []view.PageLink{
		{Title: "Playground", Href: "/"},
		{Title: "Gallery", Href: "/gallery"},
		{Title: "Verdicts", Href: "/matrix"},
		{Title: "Help", Href: "/docs"},
		{Title: "Scenario language", Href: "/docs/scenarios"},
	}
	for i := range all {
		all[i].On = all[i].Href == here
	}
	return all
}

func (s *Site) docs(w http.ResponseWriter, r *http.Request) {
	s.markdown(w, r, "Help", strings.Replace(help, "{{keys}}", view.KeysMarkdown(), 1))
}

func (s *Site) language(w http.ResponseWriter, r *http.Request) {
	s.markdown(w, r, "Scenario language", scenario.Language)
}

// Raw HTML in Markdown is left out, as goldmark does unless told otherwise.
var markdown = goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

func (s *Site) markdown(w http.ResponseWriter, r *http.Request, title, text string) {
	var b bytes.Buffer
	if err := markdown.Convert([]byte(text), &b); err != nil {
		panic("web: a buffer takes everything: " + err.Error())
	}
	d := &view.Doc{Title: title, Assets: assets(), Pages: docPages(r.URL.Path)}
	s.html(w, r, http.StatusOK, page.Doc(d, templ.Raw(b.String())))
}
