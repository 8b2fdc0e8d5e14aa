// The address of the page, which holds the run.

export class Address {
  private due = 0;
  private waiting: ((address: string) => void)[] = [];

  /** now is the address of the present run; bar says whether the browser shows it; ask asks the session for it. */
  constructor(
    public now: string,
    private bar: boolean,
    private ask: () => void,
  ) {}

  /** The session has said it. */
  is(value: string, push: boolean) {
    this.now = value;
    clearTimeout(this.due);
    this.due = 0;
    for (const a of document.querySelectorAll<HTMLAnchorElement>("a[data-full]")) a.href = value;
    if (this.bar) show(value, push);
    for (const told of this.waiting.splice(0)) told(value);
  }

  /** It has changed. To make it takes the longer the longer the run is, so it is asked for when the reader pauses. */
  was() {
    clearTimeout(this.due);
    this.due = window.setTimeout(this.ask, 250);
  }

  /** As it is after all that was asked of the session so far. */
  next(): Promise<string> {
    return new Promise((told) => {
      this.waiting.push(told);
      this.ask();
    });
  }
}

/** Browsers allow about 100 changes of the address in 30 s; what is in between is made good later. */
let shown = 0;
let due = 0;
function show(address: string, push: boolean) {
  clearTimeout(due);
  const go = () => {
    shown = performance.now();
    if (location.pathname + location.search + location.hash !== address) history[push ? "pushState" : "replaceState"](null, "", address);
  };
  if (push || performance.now() - shown > 400) go();
  else due = window.setTimeout(go, 400);
}
