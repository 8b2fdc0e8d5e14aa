// In a room, what is a reader's own: drawn by the reader's own core, which stands where the room does, and told to nobody.
import { atMost } from "./controls";
import type { Batch, Event } from "./event";
import type { Page } from "./page";

/** What a reader asks without changing anything: answered by the reader's own core, in a room too. */
const asked = ["export", "import", "find", "cell", "compare", "rows", "palette", "format", "claim", "changes", "words"];

export const isOwn = (e: { do: string }) => asked.includes(e.do);

export class Mine {
  private told?: string; // the text that the core knows
  private joined = false;
  private early: Event[] = []; // asked before the room had said where it stands
  private away = false; // the reader has scrolled to rows that the room does not draw: what the room says of the diagram waits
  private cell?: Event;

  constructor(private page: Page) {}

  /** Asks the core for what the reader wants to see. Until the room has said where it stands, the question waits. */
  ask(e: Event) {
    const { page } = this;
    page.start();
    if (page.apart?.is) {
      if (["format", "claim", "changes"].includes(e.do)) page.editor?.flush();
      if (e.do === "cell") this.cell = e;
      page.core!.send(e);
      return;
    }
    if (!page.began) page.waits();
    if (!this.joined) {
      this.early.push(e);
      return;
    }
    this.told = undefined;
    if (!this.away) page.core!.send({ do: "open", link: page.address });
    // Of what was typed just now the room may not have heard yet.
    if (page.editor && ["format", "claim", "changes"].includes(e.do)) page.core!.send({ do: "text", text: page.editor.text });
    if (e.do === "rows") this.away = true;
    if (e.do === "cell") this.cell = e;
    page.core!.send(e);
  }

  /** Before a question about the text: the core knows it as it is in the editor. */
  tell() {
    const { page } = this;
    if (page.apart?.is) {
      page.editor!.flush();
      return;
    }
    if (this.told === page.editor!.text) return;
    this.told = page.editor!.text;
    page.core!.send({ do: "open", text: this.told, kernel: page.kernel });
  }

  /** What the core answers, never what everybody shares. */
  answer(b: Batch) {
    if (this.page.apart?.said(b)) {
      this.page.goOn?.();
      return;
    }
    if (isOwn(b)) {
      this.page.show(b);
      return;
    }
    for (const f of b.fragments)
      if (f.op === "answer" && (f.id === "complete" || f.id === "hover")) this.page.answered(f.value ? JSON.parse(f.value) : null);
  }

  /** The room has said all there is; what was asked before is asked now. */
  join() {
    this.joined = true;
    for (const e of this.early.splice(0)) this.ask(e);
  }

  /** The cell that the reader has open, drawn anew when the room has moved. */
  follow() {
    if (!this.cell || !document.querySelector("#cell-panel:popover-open")) return;
    this.followSoon(this.cell);
  }

  private followSoon = atMost<Event>(300, (e) => this.ask(e));

  /** What the room says, for a reader who may be elsewhere in a long run: all but the diagram, until it is drawn anew. */
  ofRoom(b: Batch): Batch {
    if (b.fragments.some((f) => f.op === "morph" && f.id === "race")) this.away = false;
    if (!this.away) return b;
    const diagram = /^(rows|row-\d+|frame|spans?|span-.*|edges|edge-.*|windows|window-.*|veil|earlier|later)$/;
    return { ...b, do: "rows", fragments: b.fragments.filter((f) => !diagram.test(f.id ?? "")) };
  }

  /** From here on the core is the reader's alone, and knows what it shows. */
  alone() {
    this.away = false;
    this.told = undefined;
  }

  /** Back to the cursor, if the reader has scrolled away from it. */
  return() {
    if (!this.away) return;
    this.away = false;
    this.page.transport?.send({ do: "open" });
  }
}
