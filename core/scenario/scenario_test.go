package scenario

import (
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"gupscope/core/kernel"
	"gupscope/scenarios"
)

// Every scenario of the gallery is right, in canonical form, and named as its file.
func TestGallery(t *testing.T) {
	for _, s := range scenarios.List() {
		f, ds := Parse(s.File(), []byte(s.Text))
		for _, d := range ds {
			t.Error(d)
		}
		if p := f.Print(); p != s.Text && !*rewrite {
			t.Errorf("%s is not in canonical form; -rewrite puts it so. It is\n%s", s.File(), p)
		} else if p != s.Text {
			if err := os.WriteFile("../../scenarios/"+s.File(), []byte(p), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if f.Name != s.Name {
			t.Errorf("%s calls itself %s", s.File(), f.Name)
		}
		if f.Title == "" || len(f.Expects) == 0 {
			t.Errorf("%s has no title, or expects nothing", s.File())
		}
	}
}

// sound checks what holds for every text, whatever is wrong with it.
func sound(t interface{ Fatalf(string, ...any) }, text string) {
	f, ds := Parse("fuzz", []byte(text))
	for _, d := range ds {
		if d.Start < 0 || d.End < d.Start || d.End > len(text) {
			t.Fatalf("a diagnostic from %d to %d in %d bytes: %s", d.Start, d.End, len(text), d)
		}
		if d.Line < 1 || d.Line > 1+strings.Count(text, "\n") || d.Col < 1 || d.EndLine < d.Line || d.EndLine == d.Line && d.EndCol < d.Col {
			t.Fatalf("a diagnostic from %d:%d to %d:%d", d.Line, d.Col, d.EndLine, d.EndCol)
		}
		if d.Message == "" || !utf8.ValidString(d.Message) {
			t.Fatalf("the message %q", d.Message)
		}
		if d.Fix != nil {
			mended(t, text, d)
		}
	}
	end := 0
	for _, k := range f.Tokens() {
		if k.Start < end || k.End <= k.Start || k.End > len(text) {
			t.Fatalf("a token from %d to %d behind one that ends at %d", k.Start, k.End, end)
		}
		if gap := strings.TrimFunc(text[end:k.Start], isSpace); gap != "" {
			t.Fatalf("%q belongs to no token", gap)
		}
		end = k.End
	}
	once := f.Print()
	g, es := Parse("fuzz", []byte(once))
	if twice := g.Print(); twice != once {
		t.Fatalf("to print what was printed changes it. The text\n%q\nprinted\n%q\nprinted again\n%q", text, once, twice)
	}
	if Failed(ds) != Failed(es) && !Failed(es) != foreign(text) {
		t.Fatalf("printing has made mistakes or mended them:\n%v\n%v\n%q\n%q", ds, es, text, once)
	}
	if !Failed(ds) {
		sameSetup(t, f, g)
	}
}

// foreign reports whether the text has comments in a form that the printer mends.
func foreign(text string) bool { return strings.Contains(text, "#") || strings.Contains(text, "/*") }

// mended checks that a fix is one.
func mended(t interface{ Fatalf(string, ...any) }, text string, d Diagnostic) {
	end := 0
	for _, e := range d.Fix.Edits {
		if e.Start < end || e.End < e.Start || e.End > len(text) {
			t.Fatalf("the fix of %q edits from %d to %d", d, e.Start, e.End)
		}
		end = e.End
	}
	if d.Fix.Title == "" || d.Fix.Apply(text) == text {
		t.Fatalf("the fix %q of %q changes nothing", d.Fix.Title, d)
	}
}

// A fix does away with its mistake, and can make another one of the same sort
// visible, but not the very same one.
func TestFixesMend(t *testing.T) {
	for text := range brokenTexts(t) {
		_, ds := Parse("", []byte(text))
		for _, d := range ds {
			if d.Fix == nil {
				continue
			}
			fixed := d.Fix.Apply(text)
			_, fs := Parse("", []byte(fixed))
			same := func(x Diagnostic) bool { return x.Message == d.Message }
			for _, x := range fs {
				if same(x) && x.Start == d.Start && count(fs, same) >= count(ds, same) {
					t.Errorf("the fix %q leaves the mistake %q in\n%s\nwhich is\n%s", d.Fix.Title, d, text, fixed)
				}
			}
		}
	}
}

// brokenTexts are the inputs of the transcripts.
func brokenTexts(t *testing.T) iter.Seq[string] {
	return func(yield func(string) bool) {
		files, _ := filepath.Glob("testdata/*.txt")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for c := range strings.SplitSeq(string(text), "====\n") {
				given, _, _ := strings.Cut(c, "----\n")
				for _, frame := range []struct{ command, before, after string }{{"parse\n", "", ""}, {"line\n", lineFrame, ""}, {"task\n", taskFrame, "}\n"}, {"fix\n", "", ""}} {
					if _, input, ok := strings.Cut("\n"+given, "\n"+frame.command); ok && !yield(frame.before+input+frame.after) {
						return
					}
				}
			}
		}
	}
}

func count(ds []Diagnostic, which func(Diagnostic) bool) int {
	n := 0
	for _, d := range ds {
		if which(d) {
			n++
		}
	}
	return n
}

// sameSetup checks that the printed text means what the text meant. Lines differ.
func sameSetup(t interface{ Fatalf(string, ...any) }, f, g *File) {
	without := func(f *File) string {
		text := told(f)
		var b strings.Builder
		for line := range strings.Lines(text) {
			if _, rest, ok := strings.Cut(line, "line "); ok {
				_, line, _ = strings.Cut(rest, ": ")
			}
			b.WriteString(line)
		}
		return b.String()
	}
	if without(f) != without(g) {
		t.Fatalf("the text means\n%s\nand printed\n%s", without(f), without(g))
	}
}

// Words of the language, put together at random: wrong in every way that a
// writer could think of.
func TestSoundOnWords(t *testing.T) {
	words := []string{" ", " ", " ", " ", "\n", "\n", "\n    ", "\n\n", "\t", "{", "}", "(", ")", "[", "]", ",", ":", "=", "|", ".", ";", "==", "!=", "!", "&&", "@", "-", "//", "// c\n", "/* c */", "# c\n",
		`"`, `"a"`, `"some words"`, "'x'", "“y”", "\x00", "\xff", "é", "\u00a0", "\ufeff", "\r\n", "0", "1", "2", "99999999999999999999", "1x", "6.12", "v6.12", "v4.6", "v6", "-EFAULT", "-",
		"buf", "A", "A.buf", "p", "P0", "cpu0", "cpu9", "FOLL_WRITE", "pv", "gup_irq_off", "gup_unshare", "anon_exclusive", "tlb_flush", "no-deadlock", "pinned-never-freed", "n/a"}
	for _, k := range keywords {
		words = append(words, k.word)
	}
	for _, c := range kernel.Calls {
		words = append(words, c.Name, c.Name+"(")
	}
	word := rapid.SampledFrom(words)
	rapid.Check(t, func(t *rapid.T) {
		sound(t, strings.Join(rapid.SliceOfN(word, 0, 60).Draw(t, "words"), rapid.SampledFrom([]string{"", " "}).Draw(t, "between")))
	})
}

// The gallery with pieces taken out, doubled and moved.
func TestSoundOnEdits(t *testing.T) {
	all := scenarios.List()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom(all).Draw(t, "scenario").Text
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			from := rapid.IntRange(0, len(text)).Draw(t, "from")
			to := min(len(text), from+rapid.IntRange(0, 20).Draw(t, "length"))
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			piece := text[from:to]
			if rapid.Bool().Draw(t, "cut") {
				text = text[:from] + text[to:]
				at = min(at, len(text))
			}
			if rapid.Bool().Draw(t, "paste") {
				text = text[:at] + piece + text[at:]
			}
		}
		sound(t, text)
	})
}

// Completion and hover answer at every place, also where the text is still being written.
func TestEditorAnywhere(t *testing.T) {
	all := scenarios.List()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom(all).Draw(t, "scenario").Text
		at := rapid.IntRange(0, len(text)).Draw(t, "at")
		anywhere(t, text, at)
		anywhere(t, text[:at], at)
	})
}

// Every call, while its arguments are not written yet: where the text ends there, and where it goes on.
func TestEditorInCalls(t *testing.T) {
	for _, c := range kernel.Calls {
		for _, s := range scenarios.List() {
			at := strings.LastIndex(s.Text, " "+c.Name+"(")
			if at < 0 {
				continue
			}
			at += len(" " + c.Name)
			_, rest, _ := strings.Cut(s.Text[at:], ")")
			for _, text := range []string{s.Text[:at], s.Text[:at] + "(", s.Text[:at] + "()" + rest, s.Text[:at] + "(," + s.Text[at+1:]} {
				anywhere(t, text, at)
			}
		}
	}
}

func anywhere(t interface{ Fatalf(string, ...any) }, text string, at int) {
	c := Complete(text, at)
	if c.Start > at || c.End < at || c.End > len(text) {
		t.Fatalf("completion at %d replaces %d to %d of %d", at, c.Start, c.End, len(text))
	}
	for _, x := range c.Items {
		if x.Label == "" {
			t.Fatalf("a completion without a word at %d: %+v", at, x)
		}
	}
	if h, ok := HoverAt(text, at); ok && (h.Start > at || h.End <= at || h.Text == "") {
		t.Fatalf("hover at %d: %+v", at, h)
	}
}

// Whatever is proposed for the rest of a word is what stands in the gallery there.
func TestCompletionKnowsTheGallery(t *testing.T) {
	for _, s := range scenarios.List() {
		for _, k := range Tokens(s.Text) {
			switch k.Kind {
			case Keyword, Kernel, Rule, Value, Claim, Call, Flag, Word, Verdict:
			default:
				continue
			}
			word := s.Text[k.Start:k.End]
			found := false
			for _, x := range Complete(s.Text[:k.Start]+s.Text[k.End:], k.Start).Items {
				found = found || x.Label == word
			}
			if !found {
				line, col := NewLines(s.Text).Position(k.Start)
				t.Errorf("%s:%d:%d: %s is not proposed", s.File(), line, col, word)
			}
		}
	}
}

// Claim lines change what is judged, from what the kernel promises.
func TestClaimLines(t *testing.T) {
	judge := func(text, version string) []string {
		f, ds := Parse("", []byte(lineFrame+text))
		if Failed(ds) {
			t.Fatal(ds)
		}
		k, _ := kernel.Make(version)
		s, _ := f.ForKernel(k)
		return s.Judge
	}
	if got := judge("", "v6.12"); got != nil {
		t.Errorf("without claim lines, %q are judged, want nil", got)
	}
	newest, _ := kernel.Make("v6.12")
	off := judge("claim refcount-discipline off\n", "v6.12")
	if all := slices.DeleteFunc(claimNames(), func(n string) bool { return !promised(n, newest) }); len(off) != len(all)-1 || slices.Contains(off, "refcount-discipline") {
		t.Errorf("all but refcount-discipline: %q", off)
	}
	const late = "pinned-anon-exclusive" // promised from v5.19 on
	if off := judge("claim refcount-discipline off\n", "v4.6"); slices.Contains(off, late) {
		t.Errorf("v4.6 does not promise %s: %q", late, off)
	}
	if on := judge("claim "+late+" on\n", "v4.6"); !slices.Contains(on, late) {
		t.Errorf("%s is asked for: %q", late, on)
	}
}

func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a", "é", "😀", "\n", "\xff", "b"})).Draw(t, "text"), "")
		l := NewLines(text)
		line, col, unit := 1, 1, 0
		for i, r := range text {
			if a, b := l.Position(i); a != line || b != col {
				t.Fatalf("byte %d is %d:%d, got %d:%d", i, line, col, a, b)
			}
			if u := l.UTF16(i); u != unit {
				t.Fatalf("byte %d is unit %d, got %d", i, unit, u)
			}
			if o := l.Offset(unit); o != i {
				t.Fatalf("unit %d is byte %d, got %d", unit, i, o)
			}
			col++
			unit += width16(r)
			if r == '\n' {
				line, col = line+1, 1
			}
		}
		if l.Offset(unit+5) != len(text) {
			t.Fatalf("a place behind the text is not its end")
		}
	})
}

// Record writes what was found, splits lines whose kernels differ, and leaves
// the rest alone.
func TestRecord(t *testing.T) {
	text := lineFrame + `// both
expect v6.1, v6.12: Never
expect v4.6: Sometimes refcount-discipline, 7 states        // old
expect v4.6 judging no-deadlock: Never within 500 states
`
	want := lineFrame + `// both
expect v6.1: Never, 100 states
expect v6.12: Sometimes pinned-never-freed, refcount-discipline, 2000000 reduced states
expect v4.6: Never, 300 states        // old
expect v4.6 judging no-deadlock: Never within 500 states
`
	f, ds := Parse("", []byte(text))
	if Failed(ds) {
		t.Fatal(ds)
	}
	got := f.Record(func(expect, k int) Outcome {
		if expect == 0 && k == 1 {
			return Outcome{kernel.Sometimes, []string{"pinned-never-freed", "refcount-discipline"}, Count{2000000, true}}
		}
		return Outcome{States: Count{States: 100 * (1 + 2*expect)}}
	})
	if want = Format(want); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, ds := Parse("", []byte(got)); Failed(ds) {
		t.Error(ds)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range scenarios.List() {
		f.Add(s.Text)
	}
	f.Add(lineFrame + "never not (P0.v == 0 or P0.v != \"a\") on v6.12")
	f.Fuzz(func(t *testing.T, text string) {
		sound(t, text)
		anywhere(t, text, len(text)/2)
	})
}

// The page about the language is right: its scenario can be read, its grammar is
// that of the package comment, and it tells every word and the limits.
func TestLanguage(t *testing.T) {
	_, text, _ := strings.Cut(Language, "```gup\n")
	text, _, _ = strings.Cut(text, "```")
	if _, ds := Parse("LANGUAGE.md", []byte(text)); len(ds) > 0 {
		t.Error(ds)
	}
	if Format(text) != text {
		t.Error("the scenario of LANGUAGE.md is not in canonical form")
	}
	_, grammar, _ := strings.Cut(Language, "## Grammar\n\n```\n")
	grammar, _, _ = strings.Cut(grammar, "```")
	source, err := os.ReadFile("scenario.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(grammar) {
		if line != "\n" && !strings.Contains(string(source), "//\t"+line) {
			t.Errorf("the package comment does not have the line %q", line)
		}
	}
	for _, k := range keywords {
		if !strings.Contains(grammar, `"`+k.word+`"`) {
			t.Errorf("the grammar does not have %q", k.word)
		}
	}
}

// TestRuleValuesThatAreNumbers: values may be numbers, and only those that the rule has.
func TestRuleValuesThatAreNumbers(t *testing.T) {
	if k, ds := ParseKernel("v6.12 with lru_batch_size=15"); len(ds) > 0 || k.String() != "v6.12 with lru_batch_size=15" {
		t.Errorf("%v: %v", k, ds)
	}
	if _, ds := ParseKernel("v6.12 with lru_batch_size=16"); !Failed(ds) {
		t.Error("lru_batch_size has no value 16")
	}
}

// TestPageThatWasNotGot: a call that gives up leaves 0, which a condition may ask for; others leave a page or an error.
func TestPageThatWasNotGot(t *testing.T) {
	for call, fails := range map[string]bool{"get_user_pages_fast_only": false, "get_user_pages_fast": true} {
		text := "GUP test\n\"A test.\"\n\nkernel v6.12\nmm A { buf = anon 1 rw \"a\" }\n\nP0 on cpu0 in A { p = " + call + "(buf) }\n\nnever P0.p == 0\n"
		if _, ds := Parse("test", []byte(text)); Failed(ds) != fails {
			t.Errorf("%s: %v", call, ds)
		}
	}
}
