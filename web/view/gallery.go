package view

import (
	"cmp"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// An Entry is a scenario of the gallery, with what it can be found by. All of it is read off
// the scenario: its calls, its expect lines, the rules that these switch.
type Entry struct {
	Scenario
	Mechanisms []string // that its tasks use, the most telling first
	Mails      []Mail   // whose rules its expect lines switch
	Releases   []string // on which it goes wrong as they were released, oldest first
	Picture    string   // address of a small picture of the race
}

// A Mail is a patch that brought a rule, by its subject.
type Mail struct {
	Subject, Commit string
	Rules           []string
}

// ID is what addresses call the mail.
func (m *Mail) ID() string { return strings.Join(m.Rules, "+") }

// mechanisms are what tasks do, by the calls that do it, the most telling first. madvise is as many calls as there are advices:
// it stands by these.
var mechanisms = []struct {
	name, calls string
}{
	{"KSM", "ksm_do_scan MADV_MERGEABLE MADV_UNMERGEABLE"},
	{"uprobes", "uprobe_register"},
	{"memory failure", "MADV_HWPOISON"},
	{"collapse and split of huge pages", "khugepaged split_huge_page deferred_split_scan MADV_COLLAPSE"},
	{"migration", "move_pages compact_zone task_numa_work"},
	{"mprotect", "mprotect"},
	{"fork and COW", "fork"},
	{"lazy freeing: MADV_FREE", "MADV_FREE"},
	{"reclaim and swap", "shrink_folio_list MADV_PAGEOUT MADV_COLD"},
	{"files and writeback", "fsync msync pwrite ext4_dio_write_iter pread ftruncate fallocate posix_fadvise iput"},
	{"moving: mremap", "mremap"},
	{"unmapping", "munmap exit"},
	{"zapping: MADV_DONTNEED", "MADV_DONTNEED"},
	{"populating and mlock", "MADV_POPULATE_READ MADV_POPULATE_WRITE mlock munlock"},
	{"another process's memory", "process_vm_readv process_vm_writev mem_read mem_write ptrace_peek ptrace_poke"},
	{"devices and long pins", "direct_read direct_write vmsplice io_uring_register vfio_dma_map ib_umem_get bio_iov_iter_get_pages"},
	{"GUP-fast", "get_user_pages_fast pin_user_pages_fast get_user_pages_fast_only"},
	{"GUP", "get_user_pages pin_user_pages"},
	{"context switch and lazy TLB", "schedule"},
	{"memory ordering", "mfence"},
	{"loads and stores", "load store"},
}

// OfEntry is what a scenario of the gallery can be found by.
func OfEntry(s Scenario, f *scenario.File) Entry {
	e := Entry{Scenario: s}
	calls := map[string]bool{}
	setup, _ := f.ForKernel(f.Kernel)
	for _, t := range setup.Tasks {
		for i := range t.Body {
			calls[t.Body[i].Call.Name] = true
			for _, a := range t.Body[i].Args {
				calls[a.Word] = true
			}
		}
	}
	for _, m := range mechanisms {
		if slices.ContainsFunc(strings.Fields(m.calls), func(c string) bool { return calls[c] }) && (m.name != "loads and stores" || e.Mechanisms == nil) {
			e.Mechanisms = append(e.Mechanisms, m.name)
		}
	}
	e.expected(f)
	return e
}

// expected reads the expect lines: whose rules they switch, and on which releases it goes wrong. That is what a check of the scenario as it is
// opened finds: a claim that only a line judges does not count.
func (e *Entry) expected(f *scenario.File) {
	wrong := map[string]bool{}
	for i := range f.Expects {
		for _, k := range f.Expects[i].Kernels {
			asReleased := true
			for _, c := range k.Changes() {
				asReleased = asReleased && c.Rule == kernel.Rules[kernel.TLBFlush].Name
				e.mail(c.Rule)
			}
			if asReleased && slices.ContainsFunc(f.Expects[i].Claims, func(c string) bool { return f.Judges(c, k) }) {
				wrong[k.Version.Name] = true
			}
		}
	}
	for _, v := range kernel.Versions {
		if wrong[v.Name] {
			e.Releases = append(e.Releases, v.Name)
		}
	}
}

// mail adds the patch that brought a rule.
func (e *Entry) mail(rule string) {
	for _, r := range kernel.Rules {
		if r.Name != rule || r.Subject == "" {
			continue
		}
		for i := range e.Mails {
			if e.Mails[i].Subject == r.Subject {
				if !slices.Contains(e.Mails[i].Rules, rule) {
					e.Mails[i].Rules = append(e.Mails[i].Rules, rule)
				}
				return
			}
		}
		e.Mails = append(e.Mails, Mail{r.Subject, r.Commit, []string{rule}})
	}
}

// A Group is a part of the gallery.
type Group struct {
	Name, Note string
	Entries    []Entry
}

// ByMechanism groups the gallery by what the tasks do; every scenario stands once, by what tells most of it;
// the largest group comes first.
func ByMechanism(all []Entry) []Group {
	var out []Group
	for _, m := range mechanisms {
		out = appendGroup(out, m.name, "", all, func(e *Entry) bool { return len(e.Mechanisms) > 0 && e.Mechanisms[0] == m.name })
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(len(b.Entries), len(a.Entries)) })
	return appendGroup(out, "others", "", all, func(e *Entry) bool { return len(e.Mechanisms) == 0 })
}

// InGroups are the scenarios as [ByMechanism] groups them.
func InGroups(all []Entry) []Scenario {
	var out []Scenario
	for _, g := range ByMechanism(all) {
		for _, e := range g.Entries {
			e.Group = g.Name
			out = append(out, e.Scenario)
		}
	}
	return out
}

// ByMail groups the gallery by the patches whose rules matter; a scenario of several stands under each.
func ByMail(all []Entry) []Group {
	var out []Group
	for _, m := range Mails(all) {
		out = appendGroup(out, m.Subject, note(&m), all, func(e *Entry) bool { return e.by(m.Subject) })
	}
	return appendGroup(out, "No patch of its own", "told by releases alone, or something that every kernel does", all, func(e *Entry) bool { return len(e.Mails) == 0 })
}

func note(m *Mail) string {
	if m.Commit == "" {
		return strings.Join(m.Rules, ", ")
	}
	return m.Commit + " · " + strings.Join(m.Rules, ", ")
}

func (e *Entry) by(subject string) bool {
	return slices.ContainsFunc(e.Mails, func(m Mail) bool { return m.Subject == subject })
}

// Mails are the patches that the gallery is about, those of most scenarios first.
func Mails(all []Entry) []Mail {
	var out []Mail
	times := map[string]int{}
	for i := range all {
		for _, m := range all[i].Mails {
			at := slices.IndexFunc(out, func(x Mail) bool { return x.Subject == m.Subject })
			if at < 0 {
				m.Rules = slices.Clone(m.Rules)
				out = append(out, m)
			} else {
				for _, r := range m.Rules {
					if !slices.Contains(out[at].Rules, r) {
						out[at].Rules = append(out[at].Rules, r)
					}
				}
			}
			times[m.Subject]++
		}
	}
	slices.SortStableFunc(out, func(a, b Mail) int { return cmp.Compare(times[b.Subject], times[a.Subject]) })
	return out
}

// ByKernel groups the gallery by the newest release on which a scenario goes wrong as it was released.
func ByKernel(all []Entry) []Group {
	var out []Group
	for i := len(kernel.Versions) - 1; i >= 0; i-- {
		name := kernel.Versions[i].Name
		out = appendGroup(out, "Up to "+name, "goes wrong on "+name+" as it was released, and on none after it", all, func(e *Entry) bool { return len(e.Releases) > 0 && e.Releases[len(e.Releases)-1] == name })
	}
	out = appendGroup(out, "Only without a rule", "no release goes wrong; without what the patch brought, it does", all, func(e *Entry) bool { return len(e.Releases) == 0 && len(e.Mails) > 0 })
	return appendGroup(out, "On no kernel", "what every kernel gets right", all, func(e *Entry) bool { return len(e.Releases) == 0 && len(e.Mails) == 0 })
}

func appendGroup(out []Group, name, note string, all []Entry, in func(*Entry) bool) []Group {
	g := Group{Name: name, Note: note}
	for i := range all {
		if in(&all[i]) {
			g.Entries = append(g.Entries, all[i])
		}
	}
	if g.Entries == nil {
		return out
	}
	return append(out, g)
}

// Mechanisms are those that the gallery has.
func Mechanisms(all []Entry) []string {
	var out []string
	for _, m := range mechanisms {
		if slices.ContainsFunc(all, func(e Entry) bool { return slices.Contains(e.Mechanisms, m.name) }) {
			out = append(out, m.name)
		}
	}
	return out
}
