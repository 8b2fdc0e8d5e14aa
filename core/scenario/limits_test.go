package scenario

import (
	"fmt"
	"strings"
	"testing"
)

// Every limit: what is just allowed passes, and one more is a single
// diagnostic that says how many there are and how many are possible.
func TestLimits(t *testing.T) {
	many := func(n int, f string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(f, "#", fmt.Sprint(i)))
		}
		return b.String()
	}
	letters := func(n int) string { return strings.Repeat("x", n) }
	head, task := "GUP x\nkernel v6.12\n", "P on cpu0 kernel { lru_add_drain() }\n"
	for _, c := range []struct {
		what string
		most int
		text func(n int) string
		want string // of the message at most+1
	}{
		{"text", 64 << 10, func(n int) string { return head + task + strings.Repeat("/", n-len(head)-len(task)) }, "64.1 KiB; at most 64 KiB"},
		{"tasks", 8, func(n int) string { return head + many(n, "P# on cpu# kernel { lru_add_drain() }\n") }, ""},
		{"mms", 4, func(n int) string { return head + task + many(n, "mm A# { buf = anon 1 rw }\n") }, "5 mms; at most 4"},
		{"files", 4, func(n int) string { return head + task + many(n, "file f# = ext4 1\n") }, "5 files; at most 4"},
		{"VMAs", 8, func(n int) string { return head + task + "mm A {\n" + many(n, "v# = anon 1 rw\n") + "}\n" }, "9 VMAs; at most 8"},
		{"pages", 16, func(n int) string { return head + task + fmt.Sprintf("mm A { v = anon %d rw }\n", n) }, "17 pages: from 1 to 16"},
		{"statements", 32, func(n int) string { return head + "P on cpu0 kernel {\n" + many(n, "lru_add_drain()\n") + "}\n" }, "33 statements; at most 32"},
		{"expect lines", 64, func(n int) string {
			text := head + task
			for i := range n {
				text += "expect v6.12" + many(6, "") + bits(i) + ": Never\n"
			}
			return text
		}, "65 expect lines; at most 64"},
		{"conditions", 16, func(n int) string {
			return head + "mm A { b = anon 1 rw \"a\" }\nP on cpu0 in A { v = load(b) }\n" + many(n, "never P.v == 0\n")
		}, "17 conditions; at most 16"},
		{"nesting", 16, func(n int) string {
			return head + "mm A { b = anon 1 rw \"a\" }\nP on cpu0 in A { v = load(b) }\nnever " + strings.Repeat("(", n) + "P.v == 0" + strings.Repeat(")", n) + "\n"
		}, "more than 16 deep; at most 16"},
		{"preemptions", 3, func(n int) string { return head + task + fmt.Sprintf("preempt cpu0 %d\n", n) }, "4 preemptions: from 1 to 3"},
		{"free frames", 64, func(n int) string { return head + task + fmt.Sprintf("frames %d\n", n) }, "65 frames: from 0 to 64"},
		{"frames", 60, func(n int) string {
			return head + task + "mm A { v = anon 4 rw \"a\" \"b\" \"c\" \"d\" }\n" + fmt.Sprintf("frames %d\n", n)
		}, "4 frames are in use at the start and 61 are free; at most 64 frames"},
		{"frames with tables", 56, func(n int) string {
			return head + task + "tables from frames\nmm A { v = anon 4 rw \"a\" \"b\" \"c\" \"d\" }\n" + fmt.Sprintf("frames %d\n", n)
		}, "4 frames and 4 page tables are in use at the start and 57 frames are free; at most 64 frames"},
		{"contents", 32, func(n int) string {
			return head + "mm A { a = anon 16 rw" + many(16, ` "v#"`) + "; b = anon 16 rw" + many(n-16, ` "w#"`) + " }\n" + task
		}, ""},
		{"content", 16, func(n int) string { return head + task + fmt.Sprintf("mm A { v = anon 1 rw %q }\n", letters(n)) }, "17 characters; from 1 to 16"},
		{"name", 32, func(n int) string { return head + task + fmt.Sprintf("mm %s { v = anon 1 rw }\n", letters(n)) }, "33 characters; at most 32"},
		{"title", 300, func(n int) string { return "GUP x\n\"" + letters(n) + "\"\nkernel v6.12\n" + task }, "301 characters; at most 300"},
	} {
		if _, ds := Parse("", []byte(c.text(c.most))); len(ds) > 0 {
			t.Errorf("%s: %d are refused: %v", c.what, c.most, ds)
		}
		_, ds := Parse("", []byte(c.text(c.most+1)))
		if c.want == "" {
			continue
		}
		if len(ds) != 1 || !strings.Contains(ds[0].Message, c.want) {
			t.Errorf("%s: of %d, got %v, want one that says %q", c.what, c.most+1, ds, c.want)
		}
	}
}

// bits is one of 64 sets of rules to do without.
func bits(i int) string {
	text := ""
	for b, rule := range []string{"gup_irq_off", "cow_clear_flush_first", "rmap_drop_after_set", "reclaim_freeze", "batched_pending", "munmap_read_lock", "add_to_swap_dirties"} {
		if i>>b&1 != 0 {
			text += " without " + rule
		}
	}
	return text
}

// More than eight CPUs, tasks and contents are each one sentence, whichever line is the first to say so.
func TestLimitsInWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"P1 on cpu8 kernel { lru_add_drain() }\n", "there is no cpu8: at most 8 CPUs are possible, cpu0 to cpu7"},
		{"preempt cpu8 1\n", "there is no cpu8: at most 8 CPUs are possible, cpu0 to cpu7"},
		{strings.Repeat("mm B {}\n", 1) + "mm C { v = anon 99999999999999999999 rw }\n", "99999999999999999999 pages: from 1 to 16 are possible"},
		{`mm B { v = anon 1 rw "" }` + "\n", "a content of 0 characters; from 1 to 16 are possible"},
		{"P1 on cpu1 in A { pkey_free(99) }\n", "there is no protection key 99: from 0 to 15 there are"},
		{"P1 on cpu1 in A { pkey_alloc(7) }\n", "expected a word for rights, found 7"},
	} {
		_, ds := Parse("", []byte(lineFrame+c.text))
		if len(ds) != 1 || ds[0].Message != c.want {
			t.Errorf("%q: got %v, want %q", c.text, ds, c.want)
		}
	}
	nine := "GUP x\nkernel v6.12\n"
	for i := range 9 {
		nine += fmt.Sprintf("P%d on cpu%d kernel { lru_add_drain() }\n", i, min(i, 7))
	}
	_, ds := Parse("", []byte(nine))
	if len(ds) != 1 || ds[0].Message != "there are 9 tasks; at most 8 are possible" {
		t.Errorf("nine tasks: %v", ds)
	}
}

// A text in which nothing is right has a limited number of diagnostics.
func TestManyMistakes(t *testing.T) {
	_, ds := Parse("", []byte("GUP x\nkernel v6.12\n"+strings.Repeat("@\n", 1000)))
	if len(ds) != maxDiagnostics || !strings.HasSuffix(ds[len(ds)-1].Message, "(and 901 more mistakes)") {
		t.Errorf("%d diagnostics, the last: %v", len(ds), ds[len(ds)-1])
	}
}

// What is no text is one diagnostic, and is left as it is.
func TestNoText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"GUP x\nker\xffnel v6.12\n@@", ":2:4: error: the text is not UTF-8: it contains the byte 0xff"},
		{"GUP x\nkernel\x00 v6.12\n@@", ":2:7: error: the text contains a NUL byte"},
	} {
		f, ds := Parse("x", []byte(c.text))
		if len(ds) != 1 || ds[0].String() != "x"+c.want {
			t.Errorf("%q: got %v, want %q", c.text, ds, c.want)
		}
		if f.Print() != c.text {
			t.Errorf("%q is printed as %q", c.text, f.Print())
		}
	}
	if tokens := Tokens(strings.Repeat("x", maxText+1)); len(tokens) != 0 {
		t.Errorf("a text that is too large has %d tokens", len(tokens))
	}
}

func TestNearest(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"FOLL_WRIET", "FOLL_WRITE"}, {"foll_write", "FOLL_WRITE"}, {"WRITE", "FOLL_WRITE"}, {"FOLL_LNGTERM", "FOLL_LONGTERM"}, {"FOLL", ""}, {"x", ""}, {"something", ""},
		{"ksm_scan", "ksm_do_scan"}, {"get_pages", ""}, // of which there are two
	} {
		if got := nearest(c.word, []string{"FOLL_WRITE", "FOLL_LONGTERM", "FOLL_FORCE", "ksm_do_scan", "get_user_pages", "get_remote_pages"}); got != c.want {
			t.Errorf("nearest %s: got %q, want %q", c.word, got, c.want)
		}
	}
}
