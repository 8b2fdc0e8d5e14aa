// Drafts: what a reader typed and has not stored anywhere, kept in this browser
// by scenario, until it is taken up again, taken back or forgotten. The address of the page holds
// the text as well; a draft is for who closes the page, or opens something else.
const prefix = "gupscope.draft.";
const most = 20; // the oldest go

interface Draft {
  text: string;
  when: number; // ms since 1970
}

/** Keeps a text; false if this browser keeps nothing. */
export function keep(name: string, text: string): boolean {
  try {
    localStorage.setItem(prefix + name, JSON.stringify({ text, when: Date.now() } satisfies Draft));
    const all = Object.keys(localStorage)
      .filter((k) => k.startsWith(prefix))
      .map((k) => ({ k, when: (JSON.parse(localStorage.getItem(k)!) as Draft).when }))
      .sort((a, b) => b.when - a.when);
    for (const { k } of all.slice(most)) localStorage.removeItem(k);
    return true;
  } catch {
    return false;
  }
}

export function drop(name: string) {
  try {
    localStorage.removeItem(prefix + name);
  } catch {
    // there is none
  }
}

export function kept(name: string): Draft | undefined {
  try {
    const found = localStorage.getItem(prefix + name);
    return found ? JSON.parse(found) : undefined;
  } catch {
    return undefined;
  }
}

/** Shows the offer to take a draft up again; without one, shows none. */
export function offer(draft?: Draft) {
  const box = document.getElementById("draft");
  if (!box) return;
  box.hidden = !draft;
  if (!draft) return;
  const time = box.querySelector("time")!;
  const when = new Date(draft.when);
  time.dateTime = when.toISOString();
  time.textContent = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** Asks before edits are lost that cannot be kept; whether to go on. */
export function guard(): Promise<boolean> {
  const dialog = document.getElementById("guard") as HTMLDialogElement | null;
  if (!dialog) return Promise.resolve(true);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((leave) => dialog.addEventListener("close", () => leave(dialog.returnValue === "leave"), { once: true }));
}
