// Package scenario is the language in which races are written down, and
// everything that an editor wants to know of a text in it.
//
// Its nouns: a File is a scenario that was read; a Diagnostic is what is wrong
// with it, where, and how to mend it; a clause is one thing that the text says;
// a token is a word of it, with a kind once the parser knows what it is there
// for. Its law: there is always a File. Every text, however wrong, is read as
// far as it makes sense, every mistake is told once, and nothing that stands in
// the text is lost when it is printed.
//
// # The language
//
// LANGUAGE.md says what it means ([Language] is that page). Its grammar:
//
//	file    = "GUP" NAME  [ STRING ]  { item }          one item a line
//
//	item    = "kernel" KERNEL                            what it runs on unless another is picked
//	        | "file" inode                               a file and its page cache
//	        | "mm" NAME "{" { vma } "}"                  an address space
//	        | "mm" NAME "forked" "from" NAME             one that fork() makes
//	        | "frames" N zone                            free frames at the start (1)
//	        | "tables" "from" "frames"                   page tables and pages share frames
//	        | "swap" ( "sync" | "async" ) [ "stable_writes" ] [ N ] how a write to swap ends (sync)
//	        | "blocks" N                                 free blocks of the disk (enough)
//	        | "writers" "throttled"                      who dirties pages of files is throttled (nobody is)
//	        | "memory" ( "sc" | "tso" )                  whether CPUs have store buffers (sc)
//	        | "arch" ( "x86-64" | "x86-32-pae" )          whether entries are stored whole (x86-64)
//	        | "pgtable_levels" ( 4 | 5 ) [ "freed" ]       how many levels page tables have (4)
//	        | "mmu_gather" N                             for how many pages an mmu_gather has room (enough)
//	        | "hpage_pmd_nr" N                             how many pages a huge page has: a power of two from 2 to 512 (2)
//	        | "nr_hugepages" N                           huge pages in the pool (as many as can be used)
//	        | "hugepagesz" ( "PMD_SIZE" | "PUD_SIZE" )        how large the huge pages of hugetlb are (PMD_SIZE)
//	        | "preempt" CPU N                            how often the host may take a CPU away
//	        | "node" CPU N                               which node a CPU belongs to (0)
//	        | "speculate" CPU                            the walker may fill its TLB unasked
//	        | "claim" CLAIM ( "on" | "off" )             judge it, or do not
//	        | "judge" CLAIM { "," CLAIM }                judge these alone
//	        | NAME "on" CPU ( "in" NAME | "kernel" ) [ "after" NAME ] "{" { stmt } "}"
//	        | "expect" kernels [ "judging" CLAIM { "," CLAIM } ] ":" verdict
//	        | ( "never" | "sometimes" | "always" ) cond [ "on" kernels ]
//
//	inode   = NAME "=" ( "ext4" | "shmem" | "ramfs" | "secretmem" | "hugetlb" | "dax" ) N { STRING } [ "nobuffers" | "dirty" | "dropped" | "thp" ] [ "pmd" ] [ "foreign" ]
//	vma     = NAME "=" "anon" N ( "rw" | "ro" ) { STRING } [ "clean" | "swapped" | "hugepage" | "mergeable" | "merged" | "references" N ] zone
//	        | NAME "=" NAME [ "[" N "]" ] [ N ] ( "shared" | "private" ) ( "rw" | "ro" ) [ "gigabyte" ]
//	        | NAME "=" "hugetlb" N ( "rw" | "ro" ) { STRING }
//	        | NAME "=" "stack" N ( "rw" | "ro" ) { STRING }
//	        | NAME "=" ( "pfnmap" | "mixedmap" ) N ( "rw" | "ro" ) { STRING }
//	        | NAME "=" "thp" N ( "rw" | "ro" ) { STRING } [ "split" | "torn" | "mergeable" ] zone
//	        | NAME "=" "room" "for" NAME
//	zone    = [ "movable" | "cma" ] [ "node" N ]
//	stmt    = [ NAME "=" ] CALL "(" [ arg { "," arg } ] ")"
//	arg     = page | NAME [ "[" N "]" ] | STRING | WORD | FLAG { "|" FLAG } | "0"
//	page    = [ NAME "." ] NAME [ "[" N "]" ] [ "," N ]
//
//	kernels = KERNEL { "," KERNEL }
//	KERNEL  = VERSION { "without" RULE | "with" RULE [ "=" VALUE ] }
//	verdict = ( "Never" | "Sometimes" CLAIM { "," CLAIM } ) [ "," counts | "within" N "states" ]
//	counts  = N [ "reduced" ] { "," N [ "reduced" ] } "states"
//
//	cond    = both { "or" both }
//	both    = test { "and" test }
//	test    = "not" test | "(" cond ")" | NAME "." NAME [ "[" N "]" ] ( "==" | "!=" ) ( STRING | ERRNO | SIGNAL | N | "thp" | "softdirty" )
//
// # How a text is read
//
//	text ──lex──> tokens ──outline──> clauses ──read──> File + diagnostics
//	                                     └─────print──> text
//
// The outline knows line ends, braces and indentation, nothing else. So a
// mistake ends with its clause, and the printer, which works on clauses, can set
// a text that the readers refuse. Readers take words through a cursor, which is
// dead after its first mistake: that is why one mistake is one diagnostic, and
// why there is hardly an error path to be seen. They mark what they take with its
// kind, for highlighting. Completion puts a place holder into the text and reads it:
// whoever meets the place holder says what it would take there. Hover asks a
// token's kind. There is no second grammar.
//
// Clauses are read in rounds: settings and claims, memory, tasks, expectations;
// so names may be used before they are introduced. Where something that gives
// names cannot be read, unknown names are not reported.
//
// Offsets are in bytes, columns in characters from 1; [Lines] converts, also to
// the UTF-16 units of JavaScript.
//
// Reading order: lexer.go, outline.go, parse.go, cursor.go; then a reader for each
// thing that can be said: settings.go, memory.go, kernels.go, tasks.go, pages.go,
// expects.go, ends.go; setup.go (what comes out); print.go; tokens.go, complete.go,
// hover.go.
package scenario

import _ "embed"

// Language is the page about the language, in Markdown.
//
//go:embed LANGUAGE.md
var Language string
