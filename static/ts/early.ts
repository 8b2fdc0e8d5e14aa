// What is typed before the editor is there. Its code is fetched when the page has been read; until then the text itself is written in, as plain
// text, and the editor takes over what stands there then, with the caret.

/** What stood there before the reader typed; undefined while nobody has. */
let was: string | undefined;

/** From now on the text can be written in. */
export function early(box: HTMLElement) {
  const pre = box.querySelector<HTMLElement>("#text");
  if (!pre) return;
  for (const [name, value] of Object.entries({ contenteditable: "plaintext-only", role: "textbox", "aria-multiline": "true", spellcheck: "false", autocapitalize: "off" })) pre.setAttribute(name, value);
  const begin = () => {
    if (was !== undefined) return;
    was = pre.textContent ?? "";
    box.dataset.typed = ""; // what the session says of the text meanwhile is not put over it
    // Browsers write well in a single text, and merge and split lines that are elements of their own as they like.
    const at = caret(pre);
    const colours = coloured(pre);
    pre.textContent = was;
    paint(pre.firstChild, colours);
    getSelection()?.collapse(pre.firstChild ?? pre, at);
  };
  for (const what of ["paste", "drop", "compositionstart"]) pre.addEventListener(what, begin);
  pre.addEventListener("keydown", (e) => {
    if (e.key === "Escape") pre.blur();
    else if (!e.ctrlKey && !e.metaKey && !e.altKey && (e.key.length === 1 || ["Enter", "Backspace", "Delete"].includes(e.key))) begin();
    if (e.key !== "Enter" || e.isComposing) return;
    e.preventDefault(); // Chromium would make an element of it
    const at = getSelection()?.getRangeAt(0);
    if (!at) return;
    at.deleteContents();
    at.insertNode(document.createTextNode("\n"));
    at.collapse(false);
    pre.normalize();
  });
}

export interface Typed {
  was: string;
  text: string;
}

/** The stretches of the text that have a colour: from, to, class. */
function coloured(pre: Element): [number, number, string][] {
  const out: [number, number, string][] = [];
  let at = 0;
  const walk = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode() as Text | null; text; text = walk.nextNode() as Text | null) {
    const kind = /(?:^| )(tok-\w+)/.exec(text.parentElement!.className)?.[1];
    if (kind) out.push([at, at + text.length, kind]);
    at += text.length;
  }
  return out;
}

/** Colours a single text, whose parts are no elements; what is typed moves the stretches along. source.css has the colours. */
function paint(text: Node | null, stretches: [number, number, string][]) {
  if (!text || !CSS.highlights) return;
  for (const [from, to, kind] of stretches) {
    const r = document.createRange();
    r.setStart(text, from);
    r.setEnd(text, to);
    if (!CSS.highlights.has(kind)) CSS.highlights.set(kind, new Highlight());
    CSS.highlights.get(kind)!.add(r);
  }
}

/** What was typed, if anything. It is told once. */
export function typed(box: HTMLElement): Typed | undefined {
  delete box.dataset.typed;
  CSS.highlights?.clear();
  if (was === undefined) return;
  const told = { was, text: box.querySelector("#text")?.textContent ?? "" };
  was = undefined;
  return told;
}

/** The caret's place in the text, in UTF-16 units. */
export function caret(pre: Element): number {
  const s = getSelection();
  if (!s?.focusNode || !pre.contains(s.focusNode)) return 0;
  const before = document.createRange();
  before.setStart(pre, 0);
  before.setEnd(s.focusNode, s.focusOffset);
  return before.toString().length;
}
