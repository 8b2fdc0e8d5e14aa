// A what-if: who looks on in a room, or waits for the pen, goes on alone from where the room stands, in the reader's own
// core. Steps, text, kernel and notes are the reader's then, and told to nobody; the room goes on, and is come back to.
import * as drafts from "./drafts";
import type { Batch, Event, Transport } from "./event";
import type { Page } from "./page";

export class Apart {
  /** Whether the page shows the reader's own what-if. */
  is = false;
  /** Whether the room has moved on since. */
  behind = false;
  private there = ""; // the address of what the room shows
  private of = { text: "", kernel: "" }; // as the room has them
  private altered = false; // the verdict that stands there may be of another text or kernel than the room's
  private opening = false; // the core is on its way to where the room stands
  private returning = false;

  constructor(
    private page: Page,
    private room: Transport, // where shared events go
    private changed: () => void,
  ) {}

  /** The room's text, while the page may show another one. */
  get text(): string | undefined {
    return this.is ? this.of.text : undefined;
  }

  /** Goes on alone from where the room stands; or from where it stood when something was refused, and does that there. */
  begin(refused?: { wanted: Event; at: string }) {
    const { page } = this;
    if (this.is) return;
    page.start();
    this.is = this.opening = true;
    this.returning = false;
    this.there = page.address;
    this.behind = this.altered = refused !== undefined && refused.at !== this.there;
    this.of = { text: page.text, kernel: page.kernel };
    page.mine.alone();
    page.core!.send({ do: "open", link: refused?.at ?? this.there });
    page.transport = page.core;
    this.changed();
    if (refused) page.event(refused.wanted);
  }

  /** Back to what the room shows. What was written meanwhile is kept as a draft. */
  end() {
    const { page } = this;
    if (!this.is) return;
    page.editor?.flush();
    if (page.editor && page.editor.text !== this.of.text) drafts.keep(page.edits.as, page.editor.text);
    this.is = false;
    page.transport = this.room;
    page.kernel = this.of.kernel;
    if (this.altered) {
      this.returning = true; // the core says what stands for the verdict of the room's text
      page.core!.send({ do: "open", link: this.there });
      page.stopChecks();
    }
    this.room.send({ do: "open" });
    this.changed();
  }

  /** What the reader's own core says: all of it is shown while the what-if is; false if it is not of it. */
  said(b: Batch): boolean {
    if (this.is) {
      const first = this.opening && b.do === "open";
      if (first) this.opening = false;
      const verdict = b.fragments.some((f) => f.id === "verdict");
      if (verdict && !first) this.altered = true;
      // Until the core was there, the reader may have typed, and a check been made: of text and verdict the page knows more.
      this.page.show(first ? { ...b, fragments: b.fragments.filter((f) => f.id !== "verdict" && (f.op !== "answer" || f.id === "notice")) } : b);
      return true;
    }
    if (this.returning && b.do === "open") {
      this.returning = false;
      this.page.show({ ...b, do: "more", fragments: b.fragments.filter((f) => f.id === "verdict") });
    }
    return false;
  }

  /** What the room says meanwhile: where it stands is kept, for the way back. */
  missed(b: Batch) {
    for (const f of b.fragments) if (f.op === "address" && f.value !== undefined) this.there = f.value;
    if (this.behind) return;
    this.behind = true;
    this.changed();
  }
}
