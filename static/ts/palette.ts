// The palette: a line to type in, and a list that the session finds. The focus
// stays in the line; the script moves what is chosen, and presses it.

const list = () => document.getElementById("palette-list")!;
const options = () => [...list().querySelectorAll<HTMLElement>('[role="option"]:not([aria-disabled])')];

/** Whether it presses something that is not on the page just now, or does nothing there. */
function idle(option: HTMLElement): boolean {
  if (option.dataset.act !== "press") return false;
  const on = document.querySelector(`[data-command="${option.dataset.text}"]`);
  return !on || (on.getAttribute("aria-disabled") ?? "false") !== "false";
}

/** After each list that the session has found: the first is chosen. Without letters, what cannot be done just now comes last. */
export function found() {
  if (list().dataset.of === "") for (const o of options().filter(idle)) list().append(o);
  choose(options()[0]);
  list().scrollTop = 0;
  if (entered && fresh()) press();
}

let entered = false; // Enter came before the list of what had been typed

function fresh(): boolean {
  return list().dataset.of === (document.getElementById("palette-text") as HTMLInputElement).value;
}

function press() {
  entered = false;
  options().find((o) => o.getAttribute("aria-selected") === "true")?.click();
}

function choose(option?: HTMLElement) {
  for (const o of list().querySelectorAll('[aria-selected="true"]')) o.setAttribute("aria-selected", "false");
  const line = document.getElementById("palette-text")!;
  if (!option) {
    line.removeAttribute("aria-activedescendant");
    return;
  }
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  line.setAttribute("aria-activedescendant", option.id);
}

/** Hears the keys of the line; ask asks for what the letters may mean. */
export function palette(ask: (text: string) => void) {
  const box = document.getElementById("palette");
  const line = document.getElementById("palette-text") as HTMLInputElement | null;
  if (!box || !line) return;
  box.addEventListener("toggle", (e) => {
    if ((e as ToggleEvent).newState !== "open") return;
    line.value = "";
    entered = false;
    ask("");
  });
  line.addEventListener("keydown", (e) => {
    const all = options();
    const at = all.findIndex((o) => o.getAttribute("aria-selected") === "true");
    switch (e.key) {
      case "ArrowDown":
        choose(all[(at + 1) % all.length]);
        break;
      case "ArrowUp":
        choose(all[(at - 1 + all.length) % all.length]);
        break;
      case "PageDown":
        choose(all[Math.min(at + 8, all.length - 1)]);
        break;
      case "PageUp":
        choose(all[Math.max(at - 8, 0)]);
        break;
      case "Enter":
        if (fresh()) press();
        else entered = true;
        break;
      default:
        return;
    }
    e.preventDefault();
  });
  // Before the press does anything: what it opens must not be closed with the palette.
  list().closest("[popover]")!.addEventListener("click", (e) => {
    if ((e.target as Element).closest('[role="option"]:not([aria-disabled])')) box.hidePopover();
  });
}
