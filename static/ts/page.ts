// The script of every page with a session: reads #boot, makes the transport,
// and lets events and fragments flow. Start here.
import { act } from "./acts";
import { Address } from "./address";
import type { Apart } from "./apart";
import { apply, write } from "./apply";
import { Checking } from "./checking";
import { column } from "./column";
import { atMost, listen, moving, near, showOwn } from "./controls";
import { steady } from "./dock";
import { early } from "./early";
import { Edits } from "./edits";
import type { Editor } from "./editor";
import type { Batch, Boot, Event, Fragment, Taken, Transport } from "./event";
import { filters, refilter } from "./filter";
import { frame, height } from "./frame";
import { enter } from "./live";
import { follow } from "./matrix";
import { isOwn, Mine } from "./mine";
import { keep, withoutNetwork } from "./offline";
import { found, palette } from "./palette";
import { halt } from "./play";
import { look } from "./sight";
import { measures, takeDrops } from "./take";
import { Core } from "./worker";

/** What the parts of the script share on one page. */
export class Page {
  /** Where shared events go: the worker, or the room. */
  transport?: Transport;
  /** A core of the reader's own. On a page of one's own it is the transport; in a room it answers the editor. */
  core?: Core;
  editor?: Editor;
  text = "";
  kernel: string;
  /** What was typed and is stored nowhere. */
  readonly edits = new Edits(this);
  /** In a room: what is this reader's alone, and the what-if that the reader may be in. */
  readonly mine = new Mine(this);
  apart?: Apart;
  private at: Address;
  private checking = new Checking(this);
  private asked: ((answer: any) => void)[] = [];
  private early: Event[] = []; // made before the core was there
  private late = new Map<string, Event>(); // asked before the core was there, the last of each kind
  private replaying = 0; // answers to come that the page shows already
  private pushes = false; // what opens next gets an entry in the browser's history
  began = false; // the core has shown the page

  constructor(readonly boot: Boot) {
    this.at = new Address(location.pathname + location.search + location.hash, boot.host === "worker", () => this.whenThere(() => this.core!.send({ do: "address" })));
    this.kernel = boot.open.kernel ?? "";
    this.text = document.getElementById("text")?.textContent ?? "";
  }

  /** An event that the reader made. What was said before it has been read. */
  event(e: Event, back = false) {
    if (e.do === "open" && !back && (e.scenario ?? e.text) !== undefined && this.edits.holds(() => this.event(e))) return;
    this.pushes = e.do === "open" && !back;
    if (!this.lasts && e.do !== "rows") this.notice(""); // rows come by themselves
    switch (e.do) {
      case "check":
      case "explain":
      case "more":
      case "stop":
        void this.checking.ask(e);
        return;
      case "open":
      case "show":
      case "run":
      case "note":
        for (const open of document.querySelectorAll<HTMLElement>("[popover]:popover-open")) open.hidePopover();
        break;
    }
    if (isOwn(e) && this.boot.host === "room") {
      this.mine.ask(e);
      return;
    }
    if (e.do === "open" || e.do === "text" || e.do === "kernel" || (e.do === "show" && e.kernel)) {
      this.checking.close();
    }
    if (e.do !== "text") this.editor?.flush();
    if (["step", "run", "goto", "show", "open", "kernel", "text"].includes(e.do)) this.mine.return();
    if (e.do === "kernel" || e.do === "open" || (e.do === "show" && e.kernel)) this.kernel = e.kernel ?? "";
    this.checking.moves();
    if (this.transport) this.transport.send(e);
    else this.before(e);
  }

  /** Before the core is there: the frames that came with the page, and a list for later. */
  private before(e: Event) {
    if (isOwn(e)) {
      this.late.set(e.do, e);
      this.waits();
      this.start();
      return;
    }
    this.early.push(e);
    const ahead = this.boot.ahead?.[0];
    if (ahead && leadsTo(ahead.event, e)) {
      this.boot.ahead!.shift();
      this.show({ fragments: ahead.fragments, do: e.do, own: true });
    } else {
      this.boot.ahead = [];
      this.waits();
    }
    this.start();
  }

  /** What was pressed waits for the core, and the page says so. */
  waits() {
    document.documentElement.dataset.waiting = "";
    write("say", "The simulator is being loaded. What you press waits for it.");
  }

  /** Whether the page will soon stand at another step. In a room that is for all to say. */
  get moves(): boolean {
    if (this.transport) return this.transport === this.core && this.core.moves;
    return this.early.length > 0 && document.documentElement.dataset.waiting !== undefined;
  }

  /** Goes on with keys that waited. */
  goOn?: () => void;

  /** Fetches and starts the core, once. Until it is there, events go the way of [before]. */
  start() {
    if (this.core) return;
    this.core = this.make(this.boot.core);
    if (this.boot.host !== "room") this.replay([this.boot.open]);
  }

  /** Brings the fresh core to where the page is, without showing what the page shows already. */
  private replay(events: Event[]) {
    this.replaying = events.length;
    for (const e of events) this.core!.send(e);
  }

  /** The core has caught up: what was done meanwhile is next; then the page shows what the core says. */
  private caughtUp() {
    const meanwhile = this.early.splice(0);
    if (meanwhile.length) {
      this.replay(meanwhile);
      return;
    }
    this.core!.send({ do: "open" });
    this.transport = this.core;
    for (const e of this.late.values()) this.core!.send(e);
    for (const then of this.later.splice(0)) then();
    if (this.boot.host === "worker") keep();
  }

  private make(wasm: string | WebAssembly.Module): Core {
    return new Core(this.boot.worker, wasm, {
      batch: (b) => {
        if (this.boot.host === "room") {
          this.began = true;
          delete document.documentElement.dataset.waiting;
          this.mine.answer(b);
        } else if (this.replaying > 0) {
          this.rest(b);
          if (--this.replaying === 0) this.caughtUp();
        } else {
          delete document.documentElement.dataset.waiting;
          // The session takes its last sentence back with the next event; here that is our own, not the reader's.
          if (!this.began) b.fragments = b.fragments.filter((f) => f.op !== "answer" || f.id !== "notice");
          this.began = true;
          this.show(b);
          this.goOn?.();
          void this.mountEditor();
        }
      },
      failed: (sentence) => {
        delete document.documentElement.dataset.waiting;
        this.notice(`${sentence} Reload the page to go on; the address holds the run.`, "error", undefined, true);
        for (const a of [...this.asked.splice(0), ...this.taking.splice(0)]) a(null);
      },
    });
  }

  /** Fragments, into the page. */
  show(b: Batch) {
    if (b.do !== "check") this.checking.giveWay();
    apply(b.fragments, {
      answer: (id, value) => this.answer(id, value, b),
      address: (value, push) => {
        if (value === undefined) {
          this.at.was();
          return;
        }
        this.at.is(value, push || (this.pushes && b.do === "open"));
        if (b.do === "open") this.pushes = false;
      },
    });
    const title = document.getElementById("page-title")?.textContent;
    if (title && document.title !== title) document.title = title;
    this.shown?.();
    showOwn();
    near();
    if (b.do === "open") halt();
    if (b.do === "palette") found();
    refilter();
    if (moving.includes(b.do) && document.querySelector("#story-panel:popover-open #account")) this.retell({ do: "words" });
    look(b.do, this.editor);
  }

  /** What tells in words how it came to this is open, and the run stands elsewhere now. */
  private retell = atMost<Event>(200, (e) => (this.boot.host === "room" ? this.mine.ask(e) : this.core?.send(e)));

  /** What was said of the text, for an editor that comes later. */
  private ofText = { tokens: [] as any[], diagnostics: [] as any[], marks: [] as any[] };

  private answer(id: string, value: any, b: Batch) {
    switch (id) {
      case "text":
        this.text = value;
        if (!(b.own && b.do === "text")) this.editor?.show(value);
        break;
      case "tokens":
      case "diagnostics":
      case "marks":
        this.ofText[id] = value ?? [];
        this.editor?.[id](value ?? []);
        break;
      case "complete":
      case "hover":
        this.answered(value);
        break;
      case "export":
      case "import":
        this.taking.shift()?.(value);
        break;
      case "notice":
        this.notice(value.text, value.kind);
        break;
      case "write":
        if (!this.editor || this.editor.text === value.of) this.write(value.text);
        else this.notice("The text has changed meanwhile: press again.");
        break;
      case "edited":
        this.edits.said(value, b);
        break;
    }
  }

  private taking: ((answer: any) => void)[] = [];

  /** Asks the core for something that only this reader wants: the run in some form, or what a file holds. */
  take(e: Event): Promise<Taken | string | null> {
    this.editor?.flush();
    return new Promise((answer) => {
      this.taking.push(answer);
      if (this.boot.host === "room") this.mine.ask(e);
      else this.whenThere(() => this.core!.send(e));
    });
  }

  /** Once the core has caught up with what the page shows. */
  private whenThere(then: () => void) {
    if (this.transport) then();
    else {
      this.later.push(then);
      this.start();
    }
  }

  private later: (() => void)[] = [];

  /** Puts another text into the editor, as if the reader had typed it. */
  write(text: string): boolean {
    if (!this.editor || this.editor.write(text)) return true;
    this.notice("Who holds the pen writes: ask for it first.", "error");
    return false;
  }

  /** Of a batch that the page shows already: sentences, and the verdict unless the server painted the check's. */
  private rest(b: Batch) {
    const keep = (f: Fragment) => (f.op === "answer" ? f.id === "notice" : f.id === "verdict" && !this.boot.checked);
    this.show({ ...b, fragments: b.fragments.filter(keep) });
  }

  /** A check of another text or kernel is of no interest any more. */
  stopChecks() {
    this.checking.close();
  }

  /** Says a sentence. A note goes by itself when it has been read; an error with the next thing that the reader does, and what lasts, as a lost connection, when it
      is over. With it may stand a button. */
  notice(text: string, kind: "error" | "note" = "note", offer?: HTMLElement, lasts = false) {
    this.lasts = lasts;
    write("notice", text, kind);
    if (offer) document.getElementById("notice")?.append(" ", offer);
    clearTimeout(this.reading);
    if (kind === "note" && text !== "") this.reading = window.setTimeout(() => this.notice(""), 4000 + 60 * text.length);
  }

  private lasts = false;
  private reading = 0; // the timer of a note

  /** The address of what the page shows just now. */
  whereabouts(): Promise<string> {
    this.editor?.flush();
    return (this.boot.host === "room" && !this.apart?.is) || !this.core ? Promise.resolve(this.address) : this.at.next();
  }

  /** The address of the present run, as far as it was said. */
  get address(): string {
    return this.at.now;
  }

  /** A question that only the reader asks: answered by a core of the reader's own. */
  ask(e: Event): Promise<any> {
    if (!this.core) this.start();
    if (this.boot.host === "room") this.mine.tell();
    else this.editor?.flush();
    return new Promise((answer) => {
      this.asked.push(answer);
      this.core!.send(e);
    });
  }

  /** The first question that waits has its answer. */
  answered(value: any) {
    this.asked.shift()?.(value);
  }

  private mounting = false;

  /** CodeMirror is fetched when the core is there to answer it. */
  async mountEditor() {
    const box = document.getElementById("editor");
    if (!box || this.mounting) return;
    this.mounting = true;
    const { Editor } = await import("./editor");
    this.editor = new Editor(box, this.boot.css, {
      text: (text) => this.event({ do: "text", text }),
      format: () => this.event({ do: "format" }),
      tell: (text) => this.notice(text),
      ask: (e) => this.ask(e),
    });
    this.editor.show(this.text);
    for (const id of ["tokens", "diagnostics", "marks"] as const) this.editor[id](this.ofText[id]);
    this.mounted?.();
  }

  /** In somebody else's page: told when something has been shown. */
  shown?: () => void;
  /** In a room: told when the editor is there; and what the button of the pen does. */
  mounted?: () => void;
  pen?: () => void;
  /** In a room: goes on alone from there, with what was refused last or without, as what was pressed says; or comes back. */
  whatIf?: (on: HTMLElement) => void;
  /** In a room: takes links back, or ends it. */
  access?: (what: "viewers" | "all" | "end") => void;
}

/** Whether the frame of that step is what the reader asks for: the step itself, or going forward to it. */
function leadsTo(step: Event, e: Event): boolean {
  if (e.do === "goto") return e.at === step.at! + 1;
  return e.do === step.do && e.choice === step.choice && e.at === step.at;
}

function main() {
  const script = document.getElementById("boot");
  const boot: Boot | undefined = script ? JSON.parse(script.textContent!) : undefined;
  const page = new Page(boot ?? { host: "none", core: "", worker: "", css: "", file: "", open: { do: "open" } });
  page.goOn = listen({
    event: (e) => (page.boot.host === "none" ? undefined : page.event(e)),
    act: (name, on) => act(page, name, on),
    tell: (text) => page.notice(text),
    moves: () => page.moves,
  });
  document.getElementById("notice")?.addEventListener("click", () => page.notice(""));
  if (page.boot.host === "worker" || page.boot.host === "room") {
    takeDrops(page);
    measures(page);
  }
  palette((text) => page.event({ do: "palette", text }));
  column();
  requestAnimationFrame(steady);
  addEventListener("resize", () => requestAnimationFrame(steady));
  filters();
  if (page.boot.host === "worker" || page.boot.host === "room")
    for (const going of ["beforeunload", "pagehide"] as const) addEventListener(going, (e) => page.edits.goes(e as BeforeUnloadEvent));
  switch (page.boot.host) {
    case "worker":
      early(document.getElementById("editor")!);
      if (/^#\d+\./.test(location.hash)) {
        // The server never saw this text, and painted something else.
        // Where the link is damaged, that stays.
        page.boot.checked = false;
        page.boot.ahead = [];
        page.event({ do: "open", link: location.hash }, true);
        page.notice("This text is in the address alone and was sent to nobody: your browser draws it.");
      } else if (page.boot.shell) {
        withoutNetwork(page);
      }
      page.start();
      // Back and forward between scenarios: the address says what is to be seen.
      addEventListener("popstate", () => page.event({ do: "open", link: location.pathname + location.search + location.hash }, true));
      break;
    case "room":
      enter(page);
      break;
    case "embed":
      frame(page);
      break;
    case "none":
      if (document.body.matches(".refused")) height();
      follow();
  }
  document.documentElement.dataset.script = "";
  if (page.boot.host === "none") keep();
}

main();
