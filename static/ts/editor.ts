// The editor: CodeMirror in the place of the highlighted text. It knows nothing
// of the language: tokens, diagnostics, completions and hover texts are answers of the session.
//
// It lives in a shadow root, where CodeMirror's styles need no exception from
// the content security policy; the page's own style sheet is linked there too,
// so that a token looks the same before and after.
import {
  Annotation, autocompletion, closeCompletion, Compartment, completionKeymap, Decoration, defaultKeymap, drawSelection, EditorState,
  EditorView, gutter, GutterMarker, highlightActiveLine, highlightActiveLineGutter, history, historyKeymap, hoverTooltip, indentLess, indentMore, keymap, lineNumbers,
  lintGutter, lintKeymap, RangeSet, search, searchKeymap, setDiagnostics, StateEffect, StateField, tooltips,
  type Completion, type CompletionContext, type CompletionResult, type DecorationSet, type Diagnostic, type Rect, type Tooltip,
} from "../vendor/editor.js";
import { caret, typed } from "./early";
import type { Event } from "./event";

export interface Asks {
  /** The text changed by the reader's hand and has rested a while. */
  text(text: string): void;
  /** The text shall be set in canonical form. */
  format(): void;
  /** What is known of a word, for who asked by the keyboard: plain text. */
  tell(text: string): void;
  /** A question about the text as it is now, and the JSON that answers it. */
  ask(event: Event): Promise<any>;
}

const around = 50; // px of other lines above and below one that is brought into sight
const rest = 400; // ms without typing, before the text is sent
const remote = Annotation.define<boolean>();

export class Editor {
  private view: EditorView;
  private readOnly = new Compartment();
  private timer = 0;
  private fixes: ({ from: number; to: number; insert: string } | undefined)[] = [];
  private sent: string; // the text as the session knows it from here

  constructor(private box: HTMLElement, css: string, private asks: Asks) {
    const pre = box.querySelector("#text")!;
    const text = pre.textContent ?? "";
    this.sent = text;
    const host = document.createElement("div");
    host.className = "codemirror coming";
    const root = host.attachShadow({ mode: "open" });
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = css;
    // Without the style sheet lines are broken elsewhere: until it is there, and everything is measured, the text as it was painted stays.
    link.onload = link.onerror = () => this.view.requestMeasure({ read: () => null, write: () => this.takePlace(box, pre, host) });
    root.append(link);

    this.view = new EditorView({
      root,
      parent: root as unknown as Element,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(), lintGutter(), history(), drawSelection(), search({ top: true }), highlightActiveLine(), highlightActiveLineGutter(),
          tokens, who, this.readOnly.of([]),
          autocompletion({ override: [(c) => this.complete(c)], icons: false, positionInfo: (_, list, option, info, space) => ({ style: beside(list, option, info, space) }) }),
          tooltips({ tooltipSpace: () => room() }),
          hoverTooltip((_, at) => this.hover(at)),
          keymap.of([
            // Tab leaves the editor, as everywhere on a page; Ctrl-[ and Ctrl-] indent.
            { key: "F1", run: (v) => (void this.word(v), true) },
            { key: "Shift-Alt-f", run: () => (this.asks.format(), true) },
            { key: "Mod-]", run: indentMore }, { key: "Mod-[", run: indentLess },
            { key: "Escape", run: (v) => closeCompletion(v) || (v.contentDOM.blur(), true) },
            ...completionKeymap, ...lintKeymap, ...searchKeymap, ...historyKeymap, ...defaultKeymap,
          ]),
          EditorView.lineWrapping,
          // The mistakes lie over the foot of the text, unless that ends above them: the caret is brought into sight above them.
          EditorView.scrollMargins.of((v) => ({ bottom: covered(v.scrollDOM) })),
          EditorView.contentAttributes.of({ "aria-label": "Scenario", spellcheck: "false", autocapitalize: "off", translate: "no" }),
          EditorView.updateListener.of((u) => {
            if (u.docChanged && !u.transactions.every((t) => t.annotation(remote))) this.typed();
            if (u.focusChanged && !u.view.hasFocus) this.flush();
          }),
          theme,
        ],
      }),
    });
    pre.after(host);
  }

  /** From now on the reader sees, and reaches, the editor. */
  private takePlace(box: HTMLElement, pre: Element, host: HTMLElement) {
    const focused = document.activeElement === pre;
    const at = caret(pre);
    const early = typed(box);
    pre.remove();
    host.classList.remove("coming");
    box.dataset.mounted = "";
    if (focused) this.view.focus();
    // CodeMirror is just measuring, and takes no changes before it is done.
    queueMicrotask(() => {
      if (early && early.was === this.text && !this.view.state.readOnly) this.replace(early.text);
      else if (early) this.asks.tell("The text has changed meanwhile: what you typed before the editor was there is not in it.");
      if (focused) this.view.dispatch({ selection: { anchor: Math.min(at, this.text.length) } });
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  /** Whether the reader typed what the session has not seen. */
  get unsent(): boolean {
    return this.text !== this.sent;
  }

  /** Shows the session's text, changing only what differs, so that the caret stays where it can. */
  show(text: string) {
    clearTimeout(this.timer);
    this.sent = text;
    this.replace(text, remote.of(true));
  }

  private replace(text: string, by?: ReturnType<typeof remote.of>) {
    const old = this.text;
    if (old === text) return;
    let from = 0;
    while (from < old.length && from < text.length && old[from] === text[from]) from++;
    let back = 0;
    while (back < old.length - from && back < text.length - from && old[old.length - 1 - back] === text[text.length - 1 - back]) back++;
    this.view.dispatch({
      changes: { from, to: old.length - back, insert: text.slice(from, text.length - back) },
      annotations: by,
      userEvent: by ? undefined : "write", // a step of its own for undo
    });
  }

  /** Puts another text there, as if the reader had typed it: undo takes it back. False if nothing may be typed. */
  write(text: string): boolean {
    if (this.view.state.readOnly) return false;
    this.replace(text);
    this.flush();
    return true;
  }

  /** Mends a mistake, by its number in what was last said of the text. */
  fix(n: number) {
    const f = this.fixes[n];
    if (!f || this.unsent || this.view.state.readOnly) return;
    this.view.dispatch({ changes: f, scrollIntoView: true });
    this.flush();
  }

  focus() {
    this.view.focus();
  }

  lock(locked: boolean) {
    this.view.dispatch({ effects: this.readOnly.reconfigure(locked ? EditorState.readOnly.of(true) : []) });
  }

  tokens(list: [number, number, string][]) {
    if (this.unsent) return; // of an older text; a newer answer is on its way
    const at = this.offsets();
    const within = list.map(([from, to, kind]) => ({ from: at(from), to: at(to), kind })).filter(({ from, to }) => from < to);
    const marks = within.map(({ from, to, kind }) => Decoration.mark({ class: "tok-" + kind }).range(from, to));
    this.view.dispatch({ effects: setTokens.of(Decoration.set(marks, true)) });
  }

  diagnostics(list: { from: number; to: number; severity: string; message: string; fixes?: Fix[] }[]) {
    if (this.unsent) return;
    const at = this.offsets();
    this.fixes = list.map((d) => d.fixes?.[0]).map((f) => f && { from: at(f.from), to: at(f.to), insert: f.insert });
    const all: Diagnostic[] = list.map((d) => ({
      from: at(d.from),
      to: Math.max(at(d.to), at(d.from)),
      severity: d.severity as Diagnostic["severity"],
      message: d.message,
      actions: d.fixes?.map((f) => ({
        name: f.name,
        apply: (v: EditorView) => v.dispatch({ changes: { from: at(f.from), to: at(f.to), insert: f.insert } }),
      })),
    }));
    this.view.dispatch(setDiagnostics(this.view.state, all));
    if (this.view.hasFocus) this.view.dispatch({ effects: EditorView.scrollIntoView(this.view.state.selection.main.head) });
  }

  /** Who stands in which line, with the class of their colour. */
  marks(list: [number, string, number][]) {
    if (this.unsent) return;
    const at = list
      .filter(([line]) => line >= 1 && line <= this.view.state.doc.lines)
      .map(([line, name, colour]) => new Who(name, colour).range(this.view.state.doc.line(line).from));
    this.view.dispatch({ effects: setWho.of(RangeSet.of(at, true)) });
    this.view.requestMeasure(); // the gutter may be wider now, and lines broken anew
  }

  /** Brings the line into sight in which the CPU of that colour stands, unless somebody writes. */
  reveal(colour: number) {
    if (this.view.hasFocus) return;
    for (let at = this.view.state.field(whoField).iter(); at.value; at.next())
      if ((at.value as Who).colour === colour) this.bring(at.from);
  }

  /** Scrolls the part of the page that the editor is in, so that the line stands in it with some lines around. */
  private bring(at: number) {
    const part = this.box.closest("section");
    if (!part) return;
    const line = this.view.lineBlockAt(at);
    const top = this.view.documentTop + line.top;
    const { top: first, bottom: last } = part.getBoundingClientRect();
    const above = top - around - first - (part.querySelector<HTMLElement>(".top")?.offsetHeight ?? 0); // which stays on top
    const below = top + line.height + around + (document.getElementById("diagnostics")?.offsetHeight ?? 0) - last;
    if (above < 0) part.scrollTop += above;
    else if (below > 0) part.scrollTop += Math.min(below, above);
  }

  /** Sends what rests, now. */
  flush() {
    clearTimeout(this.timer);
    if (!this.unsent || this.view.state.readOnly) return;
    this.sent = this.text;
    this.asks.text(this.sent);
  }

  /** Forgets that the text was sent: it did not arrive. */
  resend() {
    this.sent = "";
    this.flush();
  }

  private typed() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.flush(), rest);
  }

  private async complete(c: CompletionContext): Promise<CompletionResult | null> {
    if (!c.explicit && !c.matchBefore(/[\w"]+$/)) return null;
    const text = this.text;
    const answer = await this.asks.ask({ do: "complete", n: bytes(text, c.pos) });
    if (!answer?.options?.length) return null;
    const options: Completion[] = answer.options.map((o: any) => ({ label: o.label, detail: behind(o), info: o.info, apply: o.apply }));
    return { from: units(text, answer.from), options, validFor: /^\w*$/ };
  }

  /** Says what is known of the word at the caret. */
  private async word(v: EditorView) {
    const text = this.text;
    const answer = await this.asks.ask({ do: "hover", n: bytes(text, v.state.selection.main.head) });
    const box = document.createElement("div");
    box.innerHTML = answer?.html ?? "";
    this.asks.tell([...box.children].map((p) => p.textContent).join(": ") || "Nothing is known of this word.");
  }

  private async hover(at: number): Promise<Tooltip | null> {
    const text = this.text;
    const answer = await this.asks.ask({ do: "hover", n: bytes(text, at) });
    if (!answer || text !== this.text) return null;
    return {
      pos: units(text, answer.from),
      end: units(text, answer.to),
      above: true,
      create() {
        const dom = document.createElement("div");
        dom.className = "hover";
        dom.innerHTML = answer.html;
        return { dom };
      },
    };
  }

  /** From bytes to positions in the present text, for a whole list of them. */
  private offsets(): (byte: number) => number {
    const text = this.text;
    if (ascii.test(text)) return (byte) => Math.min(byte, text.length);
    const unit: number[] = [];
    let at = 0;
    for (const c of text) {
      for (let left = new TextEncoder().encode(c).length; left > 0; left--) unit.push(at);
      at += c.length;
    }
    return (byte) => unit[byte] ?? text.length;
  }
}

/** Where lists and hover texts may stand: in the window, and not over the mistakes. */
function room(): Rect {
  const mistakes = document.getElementById("diagnostics")?.getBoundingClientRect();
  const bottom = mistakes?.height ? Math.min(mistakes.top, innerHeight) : innerHeight;
  return { top: 0, left: 0, bottom, right: document.documentElement.clientWidth };
}

/** How much of the foot of the text the mistakes lie over. What stands there is out of sight: no list is shown for a caret in it. */
function covered(text: HTMLElement): number {
  const mistakes = document.getElementById("diagnostics")?.getBoundingClientRect();
  return mistakes ? Math.max(0, Math.min(mistakes.height, text.getBoundingClientRect().bottom - mistakes.top)) : 0;
}

const narrowest = 220; // px, of what is told of a choice beside the list

/** What is told of a choice stands at the right of the list or at its left; where neither has room, below or above all of it: never over the choices. */
function beside(list: Rect, option: Rect, info: Rect, space: Rect): string {
  const right = space.right - list.right - 4, left = list.left - space.left - 4;
  if (Math.max(right, left) >= narrowest) {
    const width = Math.min(400, Math.max(right, left));
    const top = Math.max(space.top, Math.min(option.top, space.bottom - (info.bottom - info.top))) - list.top;
    return `top: ${top}px; ${right >= left ? "left" : "right"}: 100%; max-width: ${width}px; width: max-content`;
  }
  const below = space.bottom - list.bottom, above = list.top - space.top;
  return `${below >= above ? "top" : "bottom"}: 100%; left: 0; right: 0; max-width: none; max-height: ${Math.max(below, above) - 6}px; overflow-y: auto`;
}

interface Fix {
  name: string;
  from: number;
  to: number;
  insert: string;
}

const setTokens = StateEffect.define<DecorationSet>();
const tokens = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, t) {
    for (const e of t.effects) if (e.is(setTokens)) return e.value;
    return marks.map(t.changes);
  },
  provide: (f) => EditorView.decorations.from(f),
});

// Who stands in a line, in a gutter of its own.
class Who extends GutterMarker {
  constructor(
    readonly name: string,
    readonly colour: number,
  ) {
    super();
  }
  override eq(other: Who) {
    return this.name === other.name && this.colour === other.colour;
  }
  override toDOM() {
    const em = document.createElement("em");
    em.className = `on w${this.colour}`;
    em.textContent = this.name;
    return em;
  }
}

const setWho = StateEffect.define<RangeSet<GutterMarker>>();
const whoField = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(marks, t) {
    for (const e of t.effects) if (e.is(setWho)) return e.value;
    return marks.map(t.changes);
  },
});
const who = [whoField, gutter({ class: "cm-who", markers: (v) => v.state.field(whoField) })];

// Colours and fonts come through the shadow root as custom properties and inherited values.
const theme = EditorView.theme({
  "&": { height: "100%", backgroundColor: "transparent", color: "inherit" },
  "&.cm-focused": { outline: "2px solid var(--focus, currentColor)", outlineOffset: "1px" },
  ".cm-content, .cm-gutters": { fontFamily: "var(--mono, ui-monospace, monospace)", fontSize: "inherit" },
  ".cm-gutters": { backgroundColor: "transparent", color: "inherit", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--line, rgb(128 128 128 / 0.1))" },
  "&:not(.cm-focused) :is(.cm-activeLine, .cm-activeLineGutter)": { backgroundColor: "transparent" }, // nobody writes there
  ".cm-cursor": { borderLeftColor: "currentColor" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection, rgb(90 140 220 / 0.3))" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--panel, Canvas)", color: "var(--ink, CanvasText)", border: "1px solid var(--rule, GrayText)" },
  ".cm-tooltip .hover": { padding: "0.4em 0.6em", maxWidth: "34em" },
  ".cm-completionDetail": { fontStyle: "normal", marginLeft: "0.2em", color: "var(--muted)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--now)", color: "var(--ink)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "650" },
});

/** What a choice says behind its name: not the name again. */
const behind = ({ label, detail }: { label: string; detail?: string }) => (detail?.startsWith(label) ? detail.slice(label.length) : detail);

// Offsets. The session counts bytes of UTF-8, the editor UTF-16 units; for ASCII they are the same.

const ascii = /^[\x00-\x7f]*$/;

function bytes(text: string, unit: number): number {
  return ascii.test(text) ? unit : new TextEncoder().encode(text.slice(0, unit)).length;
}

function units(text: string, byte: number): number {
  if (ascii.test(text)) return byte;
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, byte)).length;
}
