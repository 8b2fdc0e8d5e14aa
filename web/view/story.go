package view

import (
	"fmt"

	"gupscope/core/trace"
)

// A Story is why a run goes wrong: in words, as a small diagram, and which of its
// steps matter. It belongs to the run that it was made of, and stays with what
// other runs have in common with that.
type Story struct {
	Title  string   // "11 of 46 steps"
	Text   string   // a paragraph, as for a commit message
	Chart  string   // the steps that matter, in columns
	Few    int      // how many matter
	Steps  int      // of so many
	keys   []uint64 // of every step: what the state was after it
	matter []bool
}

// OfStory explains the run's first violation, or the deadlock or livelock at its
// end; nil where nothing goes wrong.
func OfStory(r *trace.Run) *Story {
	at := r.Cursor()
	defer r.Goto(at)
	if r.FirstViolation() == 0 {
		if r.Goto(r.Len()); r.Len() == 0 || !r.Deadlock() && r.Livelock() == 0 {
			return nil
		}
	}
	e, err := r.Explain("")
	if err != nil {
		return nil
	}
	last := r.FirstViolation()
	if last == 0 {
		last = r.Len()
	}
	s := &Story{Text: e.Text, Chart: e.Chart, Few: len(e.Steps), Steps: last, matter: make([]bool, last)}
	s.Title = fmt.Sprintf("%d of %d steps", s.Few, s.Steps)
	for i := range last {
		s.keys = append(s.keys, r.Steps()[i].Hash)
	}
	for _, n := range e.Steps {
		s.matter[n-1] = true
	}
	s.matter[last-1] = true
	return s
}

// Folds reports whether the story has enough steps to stand for the run.
func (s *Story) Folds() bool { return s != nil && s.Few >= 4 && s.Steps-s.Few >= 4 }

// aside reports whether a step is one of those that do not matter.
func (s *Story) aside(st *trace.Step) bool {
	i := st.N - 1
	return s.Folds() && i < len(s.keys) && s.keys[i] == st.Hash && !s.matter[i]
}

// Of reports whether the run goes wrong as the story says.
func (s *Story) Of(r *trace.Run) bool {
	return s != nil && r.Len() >= s.Steps && r.Steps()[s.Steps-1].Hash == s.keys[s.Steps-1]
}

// An Account is how a run that breaks nothing came to where its cursor stands.
type Account struct {
	Text  string // a paragraph
	Chart string // the steps that it names, in columns; "" if it names none
}

// OfAccount tells a run up to its cursor; nil at the start, where there is nothing to tell.
func OfAccount(r *trace.Run) *Account {
	if r.Cursor() == 0 {
		return nil
	}
	a := r.Account()
	return &Account{a.Text, a.Chart}
}
