package view

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"gupscope/core/kernel"
)

// What is said of a step is told of the one who makes it, once: "cpu0 clears the PTE."
func TestSentences(t *testing.T) { sentencesAreSentences.test(t) }

var sentencesAreSentences = law{
	meets: []string{"sentence of a task", "sentence of an interrupt", "sentence of a walker", "sentence of a host", "sentence of a disk", "sentence of RCU"},
	holds: func(s *state) error {
		text := OfSentence(s.run, &s.race).Plain()
		if !strings.HasSuffix(text, ".") || strings.HasSuffix(text, "..") {
			return fmt.Errorf("%q does not end with a full stop", text)
		}
		quoted := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(text, "…") // what memory holds is no word
		words := strings.Fields(quoted)
		for i := range words {
			if i > 0 && words[i] == words[i-1] {
				return fmt.Errorf("%q says %q twice", text, words[i])
			}
		}
		names := "[A-Z]"
		for _, l := range s.race.Lanes {
			names += "|" + regexp.QuoteMeta(l.Name) + `\b`
		}
		begins := regexp.MustCompile(`^(` + names + `)`)
		for _, sentence := range strings.Split(quoted, ". ") {
			if !begins.MatchString(sentence) {
				return fmt.Errorf("%q: a sentence begins neither with a capital nor with a CPU's name: %q", text, sentence)
			}
		}
		if s.race.At == 0 {
			return nil
		}
		actor, lane := s.run.Model.Actors()[s.run.Steps()[s.race.At-1].Actor], s.race.Lanes[s.race.Here.Lane].Name
		does := `^` + regexp.QuoteMeta(lane)
		switch actor.Kind {
		case kernel.TaskActor:
			s.met["sentence of a task"]++
			does += `( looks: | [a-z-]+s |: )`
		case kernel.InterruptActor:
			s.met["sentence of an interrupt"]++
			does += ` [a-z]+s `
		case kernel.WalkerActor:
			s.met["sentence of a walker"]++
			does += `'s walker [a-z]+s `
		case kernel.HypervisorActor:
			s.met["sentence of a host"]++
			does = `^The host [a-z]+s ` + regexp.QuoteMeta(lane)
		case kernel.DiskActor, kernel.FileDiskActor:
			s.met["sentence of a disk"]++
			does = `^The `
		case kernel.RCUActor:
			s.met["sentence of RCU"]++
			does = `^The grace period ends: .* is freed\.`
		case kernel.StoreBufferActor:
			does = `^What ` + regexp.QuoteMeta(lane) + ` has stored becomes visible: `
		}
		if !regexp.MustCompile(does).MatchString(text) {
			return fmt.Errorf("%q does not say what %s does", text, lane)
		}
		return nil
	},
}

// An order of a step becomes what the CPU does; a question stays one.
func TestTold(t *testing.T) {
	race := &Race{Lanes: []Lane{{Name: "cpu0", Who: 1}}}
	for _, c := range []struct {
		kind       kernel.ActorKind
		says, want string
	}{
		{kernel.TaskActor, "clear the PTE: it was frame 1 W D", "cpu0 clears the PTE: it was frame 1 W D."},
		{kernel.TaskActor, `load: "b"`, `cpu0 loads "b".`},
		{kernel.TaskActor, "try the folio lock", "cpu0 tries the folio lock."},
		{kernel.TaskActor, "flush the range, late", "cpu0 flushes the range, late."},
		{kernel.TaskActor, "is it dirty?", "cpu0 looks: is it dirty?"},
		{kernel.TaskActor, "where is it mapped? Read the PMD", "cpu0 looks: where is it mapped? It reads the PMD."},
		{kernel.TaskActor, "the PTE is none: page fault", "cpu0: the PTE is none: page fault."},
		{kernel.TaskActor, "clear the PTE, flush", "cpu0 clears the PTE, flushes."},
		{kernel.TaskActor, "put the migration entry: migration of frame 1, read, exclusive", "cpu0 puts the migration entry: migration of frame 1, read, exclusive."},
		{kernel.TaskActor, "have flushes passed this CPU by? no", "cpu0 looks: have flushes passed this CPU by? no."},
		{kernel.TaskActor, "have the page table freed after a grace period", "cpu0 has the page table freed after a grace period."},
		{kernel.TaskActor, "lock the PTL; is a page there? yes", "cpu0 locks the PTL; is a page there? yes."},
		{kernel.TaskActor, "mark the page: its memory has failed; is it marked already? no", "cpu0 marks the page: its memory has failed; is it marked already? no."},
		{kernel.TaskActor, "is it large? Try the folio lock", "cpu0 looks: is it large? It tries the folio lock."},
		{kernel.TaskActor, "a page is locked: give up", "cpu0: a page is locked: gives up."},
		{kernel.TaskActor, "frame 1: back on the LRU list, unlock it, put it", "cpu0: frame 1: back on the LRU list, unlocks it, puts it."},
		{kernel.TaskActor, "cpu0: put folio 1 on the LRU list", "cpu0 puts folio 1 on the LRU list."},
		{kernel.TaskActor, "cpu1: put folio 1 on the LRU list", "cpu0: cpu1: puts folio 1 on the LRU list."},
		{kernel.TaskActor, "cpu0 puts folio 2 of its batch on the LRU list", "cpu0 puts folio 2 of its batch on the LRU list."},
		{kernel.InterruptActor, "take the flush IPI: flush, acknowledge", "cpu0 takes the flush IPI: flushes, acknowledges."},
		{kernel.WalkerActor, "the walker looks ahead", "cpu0's walker looks ahead."},
		{kernel.HypervisorActor, "the host preempts cpu0", "The host preempts cpu0."},
		{kernel.RCUActor, "the grace period ends: free the inode", "The grace period ends: the inode is freed."},
		{kernel.DiskActor, "the write to swap ends: end writeback", "The write to swap ends: writeback ends."},
	} {
		if got := tell(race, &Row{Says: c.says}, c.kind).Plain(); got != c.want {
			t.Errorf("%q is told as %q, not %q", c.says, got, c.want)
		}
	}
}
