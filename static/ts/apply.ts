// Fragments, applied to the page.
//
// What is a reader's own stays: `open` of <details>, the attribute data-own,
// classes that begin with "own-", the focus and what is typed in a focused
// input, and everything inside #editor once CodeMirror is mounted there.
import { Idiomorph } from "../vendor/morph.js";
import type { Fragment } from "./event";

export interface Hands {
  answer(id: string, value: any): void;
  address(value: string | undefined, push: boolean): void;
}

/** Nothing jumps: a row that is in sight and stays keeps its place while others come or go above it. */
function steady(fragments: Fragment[], change: () => void) {
  const frame = fragments.some((f) => f.op === "prepend" || f.op === "drop" || (f.op === "morph" && f.id === "race")) ? document.getElementById("frame") : null;
  const top = frame?.getBoundingClientRect().top ?? 0;
  const places = [...(frame?.querySelectorAll<HTMLElement>("#rows > .row") ?? [])].map((row) => ({ row, top: row.getBoundingClientRect().top }));
  change();
  const kept = places.find((p) => p.row.isConnected && p.top >= top);
  if (frame && kept) frame.scrollTop += kept.row.getBoundingClientRect().top - kept.top;
}

export function apply(fragments: Fragment[], hands: Hands) {
  steady(fragments, () => applyAll(fragments, hands));
}

function applyAll(fragments: Fragment[], hands: Hands) {
  for (const f of fragments) {
    switch (f.op) {
      case "say":
        write("say", f.html ?? "");
        break;
      case "answer":
        hands.answer(f.id ?? "", f.value ? JSON.parse(f.value) : null);
        break;
      case "address":
        hands.address(f.value, f.name === "push");
        break;
      default:
        change(f);
    }
  }
}

export function write(id: string, text: string, kind?: string) {
  const e = document.getElementById(id);
  if (!e) return;
  e.textContent = text;
  if (kind) e.dataset.kind = kind;
}

function change(f: Fragment) {
  const e = document.getElementById(f.id ?? "");
  if (!e) return; // an embed has a part of the page only
  switch (f.op) {
    case "morph":
      morph(e, f.html ?? "");
      break;
    case "append":
      e.insertAdjacentHTML("beforeend", f.html ?? "");
      break;
    case "prepend":
      e.insertAdjacentHTML("afterbegin", f.html ?? "");
      break;
    case "drop":
      for (let n = f.n ?? 0; n > 0; n--) e.firstElementChild?.remove();
      break;
    case "remove":
      e.remove();
      break;
    case "truncate":
      while (e.children.length > (f.n ?? 0)) e.lastElementChild!.remove();
      break;
    case "attr":
      if (f.value === undefined) e.removeAttribute(f.name!);
      else e.setAttribute(f.name!, f.value);
      break;
  }
}

function morph(e: Element, html: string) {
  Idiomorph.morph(e, html, {
    morphStyle: "outerHTML",
    restoreFocus: true,
    callbacks: {
      beforeNodeMorphed: (old: Node) => !mounted(old) && !(old instanceof Element && old.matches("[data-filter]")), // what is typed there is the reader's
      beforeNodeRemoved: (old: Node) => !mounted(old),
      beforeAttributeUpdated: (name: string, on: Element) =>
        !(name === "data-own" || (name === "open" && on instanceof HTMLDetailsElement) || (name === "value" && on === document.activeElement)),
      afterNodeMorphed: (old: Node, now: Node) => {
        if (!(old instanceof Element) || !(now instanceof Element)) return;
        const own = kept.get(old);
        if (own) old.classList.add(...own);
      },
    },
  });
}

function mounted(node: Node): boolean {
  return node instanceof HTMLElement && node.id === "editor" && (node.dataset.typed !== undefined || node.querySelector(".codemirror") !== null);
}

/** Classes that the reader put on elements: a morph removes them, and they are put back. */
const kept = new WeakMap<Element, Set<string>>();

export function toggleOwn(e: Element, name: string): boolean {
  const own = kept.get(e) ?? new Set<string>();
  kept.set(e, own);
  if (own.delete(name)) {
    e.classList.remove(name);
    return false;
  }
  own.add(name);
  e.classList.add(name);
  return true;
}
