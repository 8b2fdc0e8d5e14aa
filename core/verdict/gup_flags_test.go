package verdict

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"gupscope/core/scenario"
)

// rejected is what GUP says to flags on a page that is mapped, carried over by hand from what was read in the sources: a letter a
// kernel. E: -EINVAL; p: a page; 0: neither page nor error; F: -EFAULT; O: -EOPNOTSUPP; -: the kernel does not have the call, or a flag.
const rejected = `
call                      flags                            4.6 5.4 5.8 5.9 5.11 5.15 5.18 5.19 6.1 6.2 6.5 6.12
get_user_pages            FOLL_PIN                         -   -   E   E   E    E    E    E    E   E   E   E
get_user_pages_fast       FOLL_PIN                         -   -   E   E   E    E    E    E    E   E   E   E
get_user_pages_remote     FOLL_PIN                         -   -   E   E   E    E    E    E    E   E   E   E
get_user_pages_unlocked   FOLL_PIN                         -   -   -   -   -    -    -    -    -   -   E   E
pin_user_pages            FOLL_GET                         -   -   E   E   E    E    E    E    E   E   E   E
pin_user_pages_fast       FOLL_GET                         -   -   E   E   E    E    E    E    E   E   E   E
pin_user_pages_remote     FOLL_GET                         -   -   E   E   E    E    E    E    E   E   E   E
pin_user_pages_unlocked   FOLL_GET                         -   -   E   E   E    E    E    E    E   E   E   E
pin_user_pages            FOLL_PIN                         -   -   p   p   p    p    p    p    p   p   E   E
get_user_pages            FOLL_GET                         p   p   p   p   p    p    p    p    p   p   p   p
get_user_pages            FOLL_LONGTERM                    -   p   p   p   E    E    E    E    E   E   E   E
get_user_pages_fast       FOLL_LONGTERM                    -   p   p   p   E    E    E    E    E   E   E   E
get_user_pages_remote     FOLL_LONGTERM                    -   E   p   p   E    E    E    E    E   E   E   E
get_user_pages_unlocked   FOLL_LONGTERM                    -   E   E   E   E    E    E    E    E   E   E   E
get_user_pages_locked     FOLL_LONGTERM                    -   E   E   E   E    E    -    -    -   -   -   -
pin_user_pages            FOLL_LONGTERM                    -   -   p   p   p    p    p    p    p   p   p   p
pin_user_pages_fast       FOLL_LONGTERM                    -   -   p   p   p    p    p    p    p   p   p   p
pin_user_pages_remote     FOLL_LONGTERM                    -   -   p   p   p    p    p    p    p   p   p   p
pin_user_pages_unlocked   FOLL_LONGTERM                    -   -   E   E   E    E    E    E    E   p   p   p
pin_user_pages_locked     FOLL_LONGTERM                    -   -   E   E   E    E    -    -    -   -   -   -
get_user_pages_fast_only  FOLL_LONGTERM                    -   p   p   p   p    p    p    p    p   p   E   E
pin_user_pages_fast_only  FOLL_LONGTERM                    -   -   p   p   p    p    p    p    p   p   p   -
get_user_pages            FOLL_INTERRUPTIBLE               -   -   -   -   -    -    -    -    -   p   p   p
pin_user_pages_fast       FOLL_INTERRUPTIBLE               -   -   -   -   -    -    -    -    -   E   E   E
get_user_pages            FOLL_TOUCH                       p   p   p   p   p    p    p    p    p   p   E   E
pin_user_pages            FOLL_TRIED                       -   -   p   p   p    p    p    p    p   p   E   E
get_user_pages_remote     FOLL_REMOTE                      p   p   p   p   p    p    p    p    p   p   E   E
get_user_pages            FOLL_FAST_ONLY                   -   -   p   p   p    p    p    p    p   p   E   E
pin_user_pages_unlocked   FOLL_UNLOCKABLE                  -   -   -   -   -    -    -    -    -   -   E   E
pin_user_pages            FOLL_LONGTERM|FOLL_PCI_P2PDMA    -   -   -   -   -    -    -    -    -   p   E   E
pin_user_pages            FOLL_PCI_P2PDMA                  -   -   -   -   -    -    -    -    -   p   p   p
get_user_pages_fast       FOLL_NOWAIT                      E   E   E   E   E    E    E    E    E   E   E   E
pin_user_pages_fast       FOLL_TOUCH                       -   -   E   E   E    E    E    E    E   E   E   E
get_user_pages_fast       FOLL_FORCE                       E   E   p   p   p    p    p    p    p   p   p   p
get_user_pages_fast       FOLL_DUMP                        E   E   E   E   E    E    E    E    E   E   E   E
get_user_pages_fast       FOLL_REMOTE                      E   E   E   E   E    E    E    E    E   E   E   E
get_user_pages_fast       FOLL_NOFAULT                     -   -   -   -   -    -    p    p    p   p   p   p
get_user_pages_fast       FOLL_HONOR_NUMA_FAULT            -   -   -   -   -    -    -    -    -   -   p   p
get_user_pages_fast       FOLL_PCI_P2PDMA                  -   -   -   -   -    -    -    -    -   p   p   p
get_user_pages_fast_only  FOLL_TOUCH                       0   0   0   0   0    0    0    0    0   0   E   E
get_user_pages_unlocked   FOLL_NOWAIT                      p   p   p   p   p    p    p    p    p   p   p   p
`

// refused is what GUP says to flags and memory, in the same letters; 0 is a page of zeros, too.
const refused = `
call             flags                                    memory                    4.6 5.4 5.8 5.9 5.11 5.15 5.18 5.19 6.1 6.2 6.5 6.12
get_user_pages   FOLL_WRITE                               anon,1,rw,"a"             p   p   p   p   p    p    p    p    p   p   p   p
get_user_pages   FOLL_WRITE                               anon,1,ro,"a"             F   F   F   F   F    F    F    F    F   F   F   F
get_user_pages   FOLL_WRITE|FOLL_FORCE                    anon,1,ro,"a"             p   p   p   p   p    p    p    p    p   p   p   p
get_user_pages   FOLL_WRITE                               f,shared,ro               F   F   F   F   F    F    F    F    F   F   F   F
get_user_pages   FOLL_WRITE|FOLL_FORCE                    f,shared,ro               F   F   F   F   F    F    F    F    F   F   F   F
get_user_pages   FOLL_WRITE|FOLL_FORCE                    f,private,ro              p   p   p   p   p    p    p    p    p   p   p   p
get_user_pages   FOLL_WRITE|FOLL_FORCE                    hugetlb,1,ro,"a"          p   p   p   p   p    p    p    p    F   F   F   F
get_user_pages   FOLL_ANON                                anon,1,rw,"a"             -   p   p   p   p    p    p    p    p   p   p   p
get_user_pages   FOLL_ANON                                f,private,rw              -   F   F   F   F    F    F    F    F   F   F   F
get_user_pages   FOLL_ANON                                hugetlb,1,rw,"a"          -   F   F   F   F    F    F    F    F   F   F   F
get_user_pages   FOLL_SPLIT_PMD                           hugetlb,1,rw,"a"          -   p   p   p   p    p    p    p    p   p   p   O
get_user_pages   FOLL_SPLIT_PMD                           thp,1,rw,"a"              -   p   p   p   p    p    p    p    p   p   p   p
get_user_pages   FOLL_DUMP                                anon,1,rw                 F   F   F   F   F    F    F    F    F   F   F   F
get_user_pages   0                                        anon,1,rw                 0   0   0   0   0    0    0    0    0   0   0   0
get_user_pages   FOLL_DUMP                                anon,1,rw,"a"             p   p   p   p   p    p    p    p    p   p   p   p
get_user_pages   FOLL_DUMP                                f,shared,rw               p   p   p   p   p    p    p    p    p   p   p   p
get_user_pages   FOLL_NOFAULT                             anon,1,rw                 -   -   -   -   -    -    F    F    F   F   F   F
get_user_pages   FOLL_NOFAULT                             anon,1,rw,"a"             -   -   -   -   -    -    p    p    p   p   p   p
get_user_pages   FOLL_NOFAULT                             anon,1,rw,"a",swapped     -   -   -   -   -    -    F    F    F   F   F   F
get_user_pages   FOLL_NOFAULT|FOLL_WRITE                  anon,1,rw,"a",clean       -   -   -   -   -    -    F    F    F   F   F   p
pin_user_pages   FOLL_LONGTERM                            f,shared,rw               -   -   p   p   p    p    p    p    p   p   p   p
pin_user_pages   FOLL_LONGTERM|FOLL_WRITE                 f,shared,rw               -   -   p   p   p    p    p    p    p   p   F   F
pin_user_pages   FOLL_LONGTERM|FOLL_WRITE                 f,private,rw              -   -   p   p   p    p    p    p    p   p   p   p
pin_user_pages   FOLL_WRITE                               f,shared,rw               -   -   p   p   p    p    p    p    p   p   p   p
get_user_pages   0                                        s,shared,rw               -   -   -   -   -    F    F    F    F   F   F   F
`

// TestRefusedMemory holds what GUP makes of memory that may not be touched so against the table, on every kernel.
func TestRefusedMemory(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(refused), "\n")
	kernels := strings.Fields(lines[0])[3:]
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		for i, want := range f[3:] {
			if got := answerTo(t, f[0], f[1], strings.ReplaceAll(f[2], ",", " "), "v"+kernels[i]); got != want {
				t.Errorf("v%s: %s(%s) of %s is %s, not %s", kernels[i], f[0], f[1], f[2], got, want)
			}
		}
	}
}

// outcomes are the conditions that the letters stand for, on a scenario with one call.
var outcomes = []struct{ letter, cond string }{
	{"E", `P0.p == -EINVAL`}, {"F", `P0.p == -EFAULT`}, {"O", `P0.p == -EOPNOTSUPP`}, {"p", `P0.v == "a"`},
}

// TestRejectedFlags holds GUP's entries against the table, on every kernel.
func TestRejectedFlags(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(rejected), "\n")
	kernels := strings.Fields(lines[0])[2:]
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		for i, want := range f[2:] {
			if got := answerTo(t, f[0], f[1], `anon 1 rw "a"`, "v"+kernels[i]); got != want {
				t.Errorf("v%s: %s(%s) is %s, not %s", kernels[i], f[0], f[1], got, want)
			}
		}
	}
}

// answerTo is the letter for what a call with these flags does to such memory.
func answerTo(t *testing.T, call, flags, memory, on string) string {
	t.Helper()
	k, ds := scenario.ParseKernel(on)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	file := `f = ext4 1 "a"`
	if strings.HasPrefix(memory, "s") {
		file = `s = secretmem 1 "a"`
	}
	text := fmt.Sprintf("GUP flags\nkernel v6.12\nfile "+file+"\nmm A { buf = %s }\nframes 3\nP0 on cpu0 in A {\np = %s(buf, %s)\nv = device_read(p)\nput_page(p)\n}\n", memory, call, flags)
	for _, o := range outcomes {
		text += "sometimes " + o.cond + "\n"
	}
	f, ds := scenario.Parse("flags", []byte(strings.Replace(text, "v6.12", on, 1)))
	if _, na := f.ForKernel(k); scenario.Failed(na) {
		return "-"
	}
	if scenario.Failed(ds) {
		t.Fatalf("%v in:\n%s", ds, text)
	}
	letters := ""
	for _, seen := range run(t, f, &scenario.Expect{}, k).Seen {
		for _, o := range outcomes {
			if strings.HasSuffix(seen.Claim, o.cond) {
				letters += o.letter
			}
		}
	}
	return cmp.Or(letters, "0")
}
