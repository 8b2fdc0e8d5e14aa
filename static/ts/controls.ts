// Clicks, keys and forms, turned into events (data-do), acts of the script
// (data-act) and the reader's own state (data-set, data-toggle). The README says what each attribute means.
import { toggleOwn } from "./apply";
import type { Event } from "./event";
import { look, rowInSight } from "./sight";

const words = ["scenario", "text", "kernel", "run", "choice", "claim", "to", "lane"] as const;
const numbers = ["at", "n"] as const;

export interface Will {
  event(e: Event): void;
  act(name: string, on: HTMLElement): void;
  /** Says a sentence to the reader. */
  tell(text: string): void;
  /** Whether the page will soon stand at another step, so that what a key means is not known yet. */
  moves(): boolean;
}

/** Returns what is to be called after each change of the page: it goes on with keys that waited. */
export function listen(will: Will): () => void {
  const root = document.documentElement;
  const theme = remembered("theme");
  if (theme) root.dataset.theme = theme;
  showOwn();

  document.addEventListener("click", (e) => {
    const on = (e.target as Element).closest<HTMLElement>("[data-do], [data-act], [data-set], [data-toggle]");
    if (!on || e.defaultPrevented) return;
    if (e.button !== 0 || ((e.ctrlKey || e.metaKey || e.shiftKey) && on instanceof HTMLAnchorElement)) return;
    if (on.matches("select, input:not([type=button]), form, option, textarea")) return;
    if (on instanceof HTMLButtonElement && on.form && on.type === "submit" && !on.dataset.do && !on.dataset.act) return;
    if (on.getAttribute("aria-disabled") === "true") {
      e.preventDefault();
      return;
    }
    // A button may belong to a form, for readers without script.
    if (on instanceof HTMLAnchorElement || (on instanceof HTMLButtonElement && on.form && on.type === "submit")) e.preventDefault();
    if (on.dataset.set) set(on.dataset.set, on.getAttribute("aria-pressed") === "true");
    if (on.dataset.toggle) toggle(on);
    if (on.dataset.act) will.act(on.dataset.act, on);
    if (on.dataset.do) will.event(eventOf(on));
  });

  document.addEventListener("change", (e) => {
    const on = e.target as HTMLElement;
    if (on.matches("select[data-do], input[data-do]:not([type=range])")) will.event(eventOf(on));
    if (on.matches("select[data-set]")) set(`${on.dataset.set}=${(on as HTMLSelectElement).value}`);
  });

  // A form that asks for another page goes as soon as something else is chosen.
  document.addEventListener("change", (e) => (e.target as HTMLSelectElement).closest<HTMLFormElement>("form[data-submit]")?.requestSubmit());

  const scrub = atMost(100, will.event);
  const ask = atMost(60, will.event);
  document.addEventListener("input", (e) => {
    const on = e.target as HTMLElement;
    if (on.matches("input[type=range][data-do]")) scrub(eventOf(on));
    if (on.matches("input[data-ask]")) ask({ do: on.dataset.ask!, text: (on as HTMLInputElement).value });
  });

  document.addEventListener("submit", (e) => {
    const form = e.target as HTMLFormElement;
    if (!form.dataset.do && !form.dataset.act) return;
    e.preventDefault();
    if (form.dataset.act) will.act(form.dataset.act, form);
    if (form.dataset.do) will.event(eventOf(form));
  });

  // Not by autofocus: in a foreign frame that is refused, with a complaint, when the page is loaded.
  document.addEventListener(
    "toggle",
    (e) => {
      const on = (e as ToggleEvent).newState === "open" && (e.target as Element).querySelector<HTMLElement>("[data-focus]");
      // Under a thumb, the keyboard that comes with the focus would cover what one may as well look through.
      if (on && !(on.matches("[type=search]") && matchMedia("(pointer: coarse)").matches)) on.focus();
      if (on instanceof HTMLInputElement && on.type === "text") on.setSelectionRange(on.value.length, on.value.length); // one goes on behind what is there
    },
    true,
  );

  document.addEventListener("keydown", (e) => {
    const key = keyOf(e);
    if ((e.altKey && !key.startsWith("Alt+")) || e.defaultPrevented || e.isComposing || typing(e.target, e.key)) return;
    if (e.key === "Enter" || e.key === " ") return; // these belong to what has the focus
    const on = keyed(key);
    if ((will.moves() || waiting.length) && (on ? moving.includes(on.dataset.do!) : /^(Alt\+)?(Shift\+)?[1-9]$/.test(key))) {
      e.preventDefault();
      if (!e.repeat && waiting.length < 100) waiting.push(key);
      return;
    }
    if (!on) {
      // Where there is nothing to press, the sheet of keys knows why.
      const why = [...document.querySelectorAll<HTMLElement>("[data-absent]")].find((s) => s.dataset.of!.split(" ").includes(key));
      if (why && !document.querySelector("[popover]:popover-open")) will.tell(why.dataset.absent!);
      return;
    }
    e.preventDefault();
    on.click();
  });

  // Keys that move, pressed while the page was on its way to another step: each is pressed where the one before it has led.
  const waiting: string[] = [];
  return () => {
    while (waiting.length && !will.moves()) keyed(waiting.shift()!)?.click();
  };
}

/** The events after which the page stands at another step. */
export const moving = ["step", "goto", "run", "show", "open", "kernel"];

/** The key by its name in the table. A digit with Shift is that digit, whatever the layout has there. */
function keyOf(e: KeyboardEvent): string {
  const digit = e.shiftKey && !e.ctrlKey && !e.metaKey && /^Digit([1-9])$/.exec(e.code);
  if (digit && !document.querySelector(`[data-key~="${CSS.escape(e.key)}"]`)) return `${e.altKey ? "Alt+" : ""}Shift+${digit[1]}`;
  return (e.ctrlKey || e.metaKey ? "Ctrl+" : "") + e.key;
}

/** What the key presses: what is shown, or else what is in a part that is folded away. */
function keyed(key: string): HTMLElement | undefined {
  const all = [...document.querySelectorAll<HTMLElement>("[data-key]")].filter((on) => on.dataset.key!.split(" ").includes(key));
  // What closes is pressed only where it is seen: a drawer that is shut must not open by it. A popover closes by itself, and alone.
  if (key === "Escape") return document.querySelector("[popover]:popover-open") ? undefined : all.find((on) => on.checkVisibility({ visibilityProperty: true }));
  return all.find(within) ?? all.find(behind);
}

/** Whether the element would be shown if its part of the page were: on a phone one part is shown at a time. What it opens in there brings the part with it. */
function behind(on: HTMLElement): boolean {
  const part = on.closest<HTMLElement>("#source, #race, #memory, #more");
  if (!part || part.checkVisibility()) return false;
  const own = document.documentElement.dataset;
  const tab = own.tab;
  own.tab = part.id;
  const would = within(on);
  const opens = document.getElementById(on.getAttribute("popovertarget") ?? "");
  if (would && part.contains(opens)) showOwn();
  else if (tab === undefined) delete own.tab;
  else own.tab = tab;
  return would;
}

/** Whether the element can be pressed by its key: it is shown, or is in a menu whose keys work while it is closed. */
function within(on: HTMLElement): boolean {
  if (on.checkVisibility()) return true;
  const menu = on.closest<HTMLElement>("[popover][data-keys]");
  return menu !== null && menu.parentElement!.checkVisibility() && !document.querySelector("[popover]:popover-open");
}

/** Whether the key belongs to the element: to inputs, to the editor; to a slider only what moves it. */
function typing(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof Element) || !target.checkVisibility()) return false; // a panel that has closed keeps the focus for a moment
  if (target.matches("input[type=range]")) return /^(Arrow|Page|Home$|End$)/.test(key);
  return target.closest("input, select, textarea, [contenteditable], #editor") !== null;
}

/** What has data-near is pressed when it comes near; asked again after each change of the page. */
export function near() {
  for (const on of document.querySelectorAll<HTMLElement>("[data-near]")) {
    coming.unobserve(on);
    coming.observe(on);
  }
}

const coming = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting || !target.isConnected) continue;
      const on = target as HTMLElement;
      if (on.dataset.near === "once") delete on.dataset.near;
      on.click();
    }
  },
  { rootMargin: "300px", scrollMargin: "300px" } as IntersectionObserverInit,
);

export function eventOf(on: HTMLElement): Event {
  const event: Event = { do: on.dataset.do! };
  const put = (name: string, value: string | undefined) => {
    if (value === undefined) return;
    if ((words as readonly string[]).includes(name)) (event as any)[name] = value;
    if ((numbers as readonly string[]).includes(name)) (event as any)[name] = Number(value);
  };
  for (const name of [...words, ...numbers]) put(name, on.dataset[name]);
  if (on.dataset.here !== undefined) put("at", document.getElementById("scrub")?.dataset.cursor);
  if (on.dataset.with) {
    const [name, own] = on.dataset.with.split("=", 2) as [string, string];
    put(name, document.documentElement.dataset[own] || undefined);
  }
  if (on instanceof HTMLFormElement) for (const [name, value] of new FormData(on)) put(name, String(value));
  else if (on instanceof HTMLInputElement || on instanceof HTMLSelectElement) put(on.name, on.value);
  return event;
}

/** Sets what the reader has chosen; what was chosen already, and shows it, is taken back. */
function set(pair: string, again = false) {
  const [name, value] = pair.split("=", 2) as [string, string];
  if (again || value === "") delete document.documentElement.dataset[name];
  else document.documentElement.dataset[name] = value;
  if (name === "theme") remember(name, value);
  if (name === "tab") requestAnimationFrame(() => look("goto"));
  showOwn();
}

function toggle(on: HTMLElement) {
  const name = on.dataset.toggle!;
  // Rows become smaller or larger by it: the present one stays in sight.
  requestAnimationFrame(rowInSight);
  if (name.startsWith("own-")) {
    const target = on.dataset.on ? document.getElementById(on.dataset.on) : on;
    if (target) on.setAttribute("aria-pressed", String(toggleOwn(target, name)));
    return;
  }
  const own = document.documentElement.dataset;
  if (own[name] === undefined) own[name] = "";
  else delete own[name];
  showOwn();
}

/** Makes aria-pressed and its like say what data-set and data-toggle have done; again after each morph. */
export function showOwn() {
  const own = document.documentElement.dataset;
  for (const on of document.querySelectorAll<HTMLElement>("[data-set], [data-toggle]")) {
    let is: boolean;
    if (on.dataset.set) {
      const [name, value] = on.dataset.set.split("=", 2) as [string, string];
      is = own[name] === value;
      if (on instanceof HTMLSelectElement) {
        if (own[name] !== undefined) on.value = own[name]!;
        continue;
      }
    } else if (on.dataset.toggle!.startsWith("own-")) {
      continue;
    } else {
      is = own[on.dataset.toggle!] !== undefined;
    }
    for (const attribute of ["aria-pressed", "aria-selected", "aria-expanded"])
      if (on.hasAttribute(attribute)) on.setAttribute(attribute, String(is));
  }
}

/** Calls f at most once in that many milliseconds; of those in between, the last is made good. */
export function atMost<T>(milliseconds: number, f: (x: T) => void): (x: T) => void {
  let due = 0;
  let last: { x: T } | undefined;
  const run = () => {
    due = 0;
    if (!last) return;
    const { x } = last;
    last = undefined;
    due = window.setTimeout(run, milliseconds);
    f(x);
  };
  return (x) => {
    last = { x };
    if (!due) run();
  };
}

// A page in a foreign frame may not have storage: then nothing is remembered.
export function remembered(name: string): string | null {
  try {
    return localStorage.getItem("gupscope." + name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string) {
  try {
    localStorage.setItem("gupscope." + name, value);
  } catch {
    // not remembered
  }
}
