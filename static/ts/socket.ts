// The transport to a room on the server: a websocket that comes back.
//
// The room's token is in the fragment of the address and goes out in the first
// message, never in a query. The key makes this tab the same person after a
// reload or a lost connection, so that the pen stays in its hand.
import type { Batch, Event, Fragment, Transport } from "./event";

/** What the server sends; see web/room/message.go. */
export interface Message {
  welcome?: { you: string; role: "driver" | "viewer"; viewer?: string };
  fragments?: Fragment[];
  seq?: number;
  by?: string;
  do?: string;
  people?: People;
  notice?: { kind: "error" | "note"; text: string };
  end?: { code: number; reason: string };
}

export interface People {
  here: number;
  pen: string; // who holds it; "": nobody
  asks: string[];
  names?: Record<string, string>; // of those who have given one
}

export interface Room {
  welcome(w: NonNullable<Message["welcome"]>): void;
  batch(b: Batch, snapshot: boolean): void;
  people(p: People): void;
  notice(text: string, kind: "error" | "note"): void;
  lost(): void;
  over(): void; // the connection will not come back
}

const first = 500; // ms before the first new try
const longest = 10_000;

export class Socket implements Transport {
  private socket?: WebSocket;
  private delay = first;
  private timer = 0;
  private you = "";
  private over = false;
  private opened = 0;
  private end?: Message["end"];
  private other?: string; // a driver's token that is new, or was the old one: the answer that says which may be lost
  private name = "";
  private waking = () => this.wake();
  // A browser may keep the page that is left, and its socket, for who goes back: the others would see a reader who is gone.
  private leaving = () => this.socket?.close(1000);

  constructor(
    private room: string,
    public token: string,
    private key: string,
    private then: Room,
  ) {
    for (const [on, what] of [[document, "visibilitychange"], [window, "pageshow"], [window, "online"]] as const)
      on.addEventListener(what, this.waking);
    addEventListener("pagehide", this.leaving);
    this.connect();
  }

  send(event: Event) {
    this.say({ event });
  }

  pen(what: "ask" | "give" | "drop", to?: string) {
    this.say({ pen: { what, to } });
  }

  /** Says by what name the reader wants to be known here; it is said again after the connection was lost. */
  call(name: string) {
    this.name = name;
    if (this.connected) this.socket!.send(JSON.stringify({ name }));
  }

  /** Takes links back, or ends the room; see web/room/message.go. */
  access(what: "viewers" | "all" | "end") {
    this.other = what === "all" ? "d." + secret() : undefined;
    this.say({ access: { what, token: this.other } });
  }

  get connected() {
    return this.socket?.readyState === WebSocket.OPEN && this.you !== "";
  }

  close() {
    this.over = true;
    clearTimeout(this.timer);
    for (const [on, what] of [[document, "visibilitychange"], [window, "pageshow"], [window, "online"]] as const)
      on.removeEventListener(what, this.waking);
    removeEventListener("pagehide", this.leaving);
    this.socket?.close(1000);
  }

  private say(message: object) {
    // Nothing is kept for later: after a reconnect the run may be another one.
    if (!this.connected) this.then.notice("Not sent: there is no connection to the room at the moment.", "error");
    else this.socket!.send(JSON.stringify(message));
  }

  private connect() {
    clearTimeout(this.timer);
    this.timer = 0;
    const address = new URL("/ws", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, "gupscope.1");
    this.socket = socket;
    this.you = "";
    this.end = undefined;
    socket.onopen = () => {
      this.opened = performance.now();
      socket.send(JSON.stringify({ hello: { room: this.room, token: this.token, key: this.key } }));
    };
    socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    socket.onclose = (e) => this.closed(socket, e);
  }

  private hear(m: Message) {
    if (m.welcome) {
      if (this.you && this.other) [this.token, this.other] = [this.other, this.token];
      this.you = m.welcome.you;
      this.then.welcome(m.welcome);
      if (this.name) this.call(this.name);
    }
    if (m.fragments) this.then.batch({ fragments: m.fragments, do: m.do ?? "", own: m.by === this.you && m.by !== "" }, m.do === "snapshot");
    if (m.people) this.then.people(m.people);
    if (m.notice) this.then.notice(m.notice.text, m.notice.kind);
    if (m.end) {
      this.end = m.end;
      this.socket!.close(1000);
    }
  }

  private closed(socket: WebSocket, e: CloseEvent) {
    if (socket !== this.socket || this.over) return;
    this.you = "";
    this.then.lost();
    const { code, reason } = this.end ?? e;
    if (code === 4003 && this.other) {
      this.token = this.other;
      this.other = undefined;
      this.connect();
      return;
    }
    if (code >= 4000) {
      // The server's last word: these codes say that another try would end the same way.
      this.over = true;
      this.then.over();
      this.then.notice(reason || "The room is closed.", "error");
      return;
    }
    if (performance.now() - this.opened > 1000) this.delay = first;
    const why = navigator.onLine ? "The connection to the room is lost." : "You are offline, and a room needs the network.";
    this.then.notice(`${reason ? sentence(reason) : why} Connecting again …`, "error");
    if (document.hidden) return; // wake does it
    this.timer = window.setTimeout(() => this.connect(), Math.random() * this.delay);
    this.delay = Math.min(this.delay * 2, longest);
  }

  private wake() {
    if (this.over || document.hidden || this.timer) return;
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    this.connect();
  }
}

/** 128 random bits as the server has them (web/room/token.go): 22 characters, the last of them a letter whatever the bits. */
function secret(): string {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...random)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function sentence(s: string): string {
  return /[.!?]$/.test(s) ? s : s + ".";
}
