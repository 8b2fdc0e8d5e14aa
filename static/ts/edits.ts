// What the reader has typed and stored nowhere: kept as a draft where this browser keeps anything, and asked about before it goes.
import * as drafts from "./drafts";
import type { Batch } from "./event";
import type { Page } from "./page";

export class Edits {
  /** What the text is a text of: drafts are kept by that name. */
  name = "";
  /** What its draft is kept as: in a room, what this reader typed for that room. */
  get as(): string {
    return this.page.boot.host === "room" ? "room." + this.page.boot.room : this.name;
  }
  private are = false; // the text is not the original's
  private safe = true; // what was typed is kept in this browser
  private leaving = false; // the reader has said that edits may go

  constructor(private page: Page) {}

  /** The session has said what the text is, and whether it is the original. */
  said({ name, edited }: { name: string; edited: boolean }, b: Batch) {
    const { page } = this;
    const left = this.are && this.name !== name ? this.name : "";
    this.name = name;
    this.are = edited && page.boot.host === "worker";
    if (page.boot.host === "room" && b.do === "text" && b.own && !page.apart?.is) drafts.drop(this.as); // the room has it
    if (page.boot.host !== "worker") return;
    if (b.do === "text") {
      drafts.offer();
      if (edited) this.safe = drafts.keep(name, page.text);
      else drafts.drop(name);
      return;
    }
    const draft = drafts.kept(name);
    drafts.offer(draft && draft.text !== page.text ? draft : undefined);
    if (left) page.notice(`Your edits of ${left} are kept: open it again to take them up.`);
  }

  /** Whether opening something else must wait: what was typed would be lost. Calls goOn if the reader lets it go. */
  holds(goOn: () => void): boolean {
    if (!this.are || this.leaving) {
      this.leaving = false;
      return false;
    }
    void this.leave(goOn);
    return true;
  }

  private async leave(goOn: () => void) {
    this.page.editor?.flush();
    if (!this.safe && !(await drafts.guard())) return;
    this.leaving = true;
    goOn();
  }

  /** Before the page goes: what was typed just now, and the session or the room has not said yet that it knows, is kept; what cannot be kept is asked about. */
  goes(e: BeforeUnloadEvent | PageTransitionEvent) {
    const { editor, text } = this.page;
    const fresh = editor !== undefined && editor.text !== (this.page.apart?.text ?? text);
    if (fresh) this.safe = drafts.keep(this.as, editor.text);
    if (e.type === "beforeunload" && !this.safe && (this.are || fresh)) e.preventDefault();
  }

  /** In a room: offers what was typed here and the room has never heard of. */
  offers() {
    const draft = drafts.kept(this.as);
    if (draft && draft.text === this.page.text) drafts.drop(this.as);
    drafts.offer(draft && draft.text !== this.page.text ? draft : undefined);
  }

  /** Takes up what was typed another time. */
  recover() {
    const draft = drafts.kept(this.as);
    if (!draft || this.page.write(draft.text)) drafts.offer();
  }

  forget() {
    drafts.drop(this.as);
    drafts.offer();
  }
}
