// The events and fragments of web/session/event.go, as JSON carries them.

export interface Event {
  do: string;
  scenario?: string;
  text?: string;
  kernel?: string;
  run?: string;
  choice?: string;
  claim?: string;
  to?: string;
  lane?: string;
  at?: number;
  n?: number;
  link?: string;
}

export interface Fragment {
  op: "morph" | "append" | "prepend" | "truncate" | "drop" | "remove" | "attr" | "say" | "answer" | "address";
  id?: string;
  html?: string;
  n?: number;
  name?: string;
  value?: string;
}

/** What the shell of a page says in its script element #boot. */
export interface Boot {
  host: "worker" | "room" | "embed" | "none";
  core: string;
  worker: string;
  css: string;
  file: string; // the script of a run that is taken away as a file
  open: Event;
  checked?: boolean; // the verdict that was painted is the check's
  ahead?: { event: Event; fragments: Fragment[] }[];
  room?: string;
  shell?: boolean; // the page is painted empty: the address says what to open
}

/** A run in a form to be taken away: the answer "export". */
export interface Taken {
  to: string;
  name: string;
  type: string;
  text: string;
}

/** The answers that come for one event; `own` if this page made that event. */
export interface Batch {
  fragments: Fragment[];
  do: string;
  own: boolean;
}

/**
 * A transport carries events to a session and brings back what they changed.
 * There are two: a worker that runs the WASM (worker.ts), and a websocket to a
 * room on the server (socket.ts).
 */
export interface Transport {
  send(event: Event): void;
  close(): void;
}
