// A page in a room: what the room says of people and of the pen.
import { Apart } from "./apart";
import { write } from "./apply";
import type { Event } from "./event";
import type { Page } from "./page";
import { Socket, type People } from "./socket";

/** Joins the room whose token is in the address's fragment: "#d.TOKEN" drives, "#v.TOKEN" looks on. */
export function enter(page: Page) {
  const token = location.hash.slice(1);
  const html = document.documentElement.dataset;
  let you = "";
  let base = ""; // the text that the room had when we last heard of it
  let people: People = { here: 0, pen: "", asks: [] };

  const socket = new Socket(page.boot.room!, token, key(page.boot.room!), {
    welcome(w) {
      you = w.you;
      html.role = w.role;
      html.connected = "";
      page.notice("");
      if (w.role === "driver") {
        if (location.hash.slice(1) !== socket.token) history.replaceState(history.state, "", "#" + socket.token);
        link("link-driver", "May drive: ", location.href);
        if (w.viewer) link("link-viewer", "Only looks on: ", new URL(`${location.pathname}#${w.viewer}`, location.href).href);
      } else {
        link("link-viewer", "Only looks on: ", location.href);
      }
    },
    batch(b, snapshot) {
      if (apart.is) {
        apart.missed(b);
        return;
      }
      // What was typed while the connection was away: sent again, if nobody else changed the text.
      const mine = snapshot && page.editor?.unsent ? page.editor.text : undefined;
      page.show(page.mine.ofRoom(b));
      if (mine !== undefined && mine !== page.text) {
        if (page.text === base) {
          page.editor!.show(mine);
          page.event({ do: "text", text: mine });
        } else {
          page.notice("Somebody else changed the text while you were away; what you had typed is on the clipboard.", "note");
          navigator.clipboard?.writeText(mine).catch(() => {});
        }
      }
      base = page.text;
      page.mine.follow();
      if (!snapshot) return;
      page.edits.offers();
      page.mine.join();
      void page.mountEditor();
    },
    people(p) {
      people = p;
      html.pen = p.pen === you ? "mine" : p.pen === "" ? "free" : "other";
      if (p.pen === you && p.asks.length) html.asked = "";
      else delete html.asked;
      tell(p, you, html.role === "driver", apart);
      lock();
    },
    notice(text, kind) {
      if (you || kind !== "error") page.notice(text, kind, undefined, !socket.connected);
      else outside(text);
    },
    lost() {
      delete html.connected;
      if (!apart.is) page.editor?.lock(true);
    },
    over() {
      delete html.role;
      delete html.pen;
      alone(page.address);
    },
  });
  const room = {
    send(e: Event) {
      const size = new TextEncoder().encode(e.text ?? "").length;
      const no = refused(e, html.role === "driver", people.pen, you);
      if (size > 64 << 10) page.notice(`The text is ${Math.ceil(size / 1024)} KiB long; 64 KiB is the limit. It was not sent to the room.`, "error");
      else if (no && socket.connected) {
        last = { wanted: e, at: page.address };
        page.notice(no, "error", whatIf("Do it for myself alone"));
      } else socket.send(e);
    },
    close: () => socket.close(),
  };
  let last: { wanted: Event; at: string } | undefined; // what was refused last, and where the room stood then
  const apart = new Apart(page, room, () => {
    if (apart.is) html.apart = "";
    else delete html.apart;
    tell(people, you, html.role === "driver", apart);
    lock();
  });
  const lock = () => page.editor?.lock(!apart.is && people.pen !== you);
  page.transport = room;
  page.apart = apart;
  page.whatIf = (on) => {
    const again = on.dataset.text === "again" || (on.dataset.key !== undefined && document.querySelector("#notice [data-act=what-if]") !== null);
    page.notice("");
    if (apart.is) apart.end();
    else apart.begin(again ? last : undefined);
  };
  naming((name) => socket.call(name));
  page.mounted = lock;
  page.access = (what) => socket.access(what);
  page.pen = () => {
    if (people.pen !== you) socket.pen("ask");
    else if (people.asks.length) socket.pen("give", people.asks[0]);
    else socket.pen("drop");
  };
}

/** Why the room does not take the event from this reader, as the server would say it (web/room/live.go); "" if it does. */
function refused(e: Event, drives: boolean, pen: string, you: string): string {
  if (e.do === "open" && Object.keys(e).length === 1) return "";
  if (!drives) return "You look on in this room: only who has the driver's address can change the run for everybody.";
  if (pen === "") return "Nobody holds the pen: ask for it, and it is yours.";
  if (pen !== you) return "Somebody else holds the pen: ask for it, to change the run for everybody.";
  return "";
}

/** The button that leads into a what-if; from a refusal it does there what was refused, and so does the key of what-ifs as long as it stands. */
function whatIf(says: string): HTMLElement {
  const on = document.createElement("button");
  on.dataset.act = "what-if";
  on.dataset.text = "again";
  const key = document.createElement("kbd");
  key.textContent = "z";
  on.append(says + " ", key);
  return on;
}

/** Says in #people who is here and who holds the pen, with the buttons that change it. */
function tell(p: People, you: string, drives: boolean, apart: Apart) {
  const e = document.getElementById("people");
  if (!e) return;
  const somebody = (who: string | undefined, otherwise: string) => p.names?.[who ?? ""] ?? otherwise;
  let pen = `${somebody(p.pen, "Somebody else")} holds the pen.`;
  let act = "Ask for the pen";
  if (p.pen === "") {
    pen = "Nobody holds the pen.";
    act = "Take the pen";
  } else if (p.pen === you) {
    pen = p.asks.length ? `${somebody(p.asks[0], "Somebody")} asks for the pen.` : "You hold the pen.";
    act = p.asks.length ? "Give it" : p.here > 1 ? "Put it down" : "";
  } else if (p.asks.includes(you)) {
    pen = "You have asked for the pen.";
    act = "";
  }
  const buttons: [act: string, says: string][] = drives && act ? [["pen", act]] : [];
  let said = `${here(p, you)} ${pen} `;
  if (apart.is) {
    said = `Your own what-if: nobody else sees it.${apart.behind ? " The room has moved on." : ""} `;
    buttons.splice(0, 1, ["what-if", "Back to the room"]);
  } else if (p.pen !== you) buttons.push(["what-if", "What if …"]);
  show(e, said, buttons);
}

/** Puts sentence and buttons there, unless they are there; who had the focus keeps it. */
function show(e: HTMLElement, said: string, buttons: [act: string, says: string][]) {
  const old = [...e.querySelectorAll("button")];
  if (e.firstChild?.textContent === said && old.map((b) => b.dataset.act! + b.textContent).join() === buttons.map((b) => b.join("")).join()) return;
  const focused = old.includes(document.activeElement as HTMLButtonElement) ? (document.activeElement as HTMLElement).dataset.act : undefined;
  const fresh = buttons.map(([act, says]) => {
    const on = document.createElement("button");
    on.dataset.act = act;
    on.textContent = says;
    return on;
  });
  e.replaceChildren(said, ...fresh);
  if (focused) (fresh.find((on) => on.dataset.act === focused) ?? fresh[0])?.focus();
}

/** How many are here, and by what names. */
function here(p: People, you: string): string {
  if (p.here === 1) return "You are alone here.";
  const names = Object.entries(p.names ?? {}).filter(([who]) => who !== you).map(([, name]) => name).sort();
  if (!names.length) return `${p.here} people are here.`;
  const others = p.here - 1 - names.length;
  const all = ["you", ...names, ...(others > 0 ? [others === 1 ? "somebody else" : `${others} others`] : [])];
  return `${p.here} people are here: ${all.slice(0, -1).join(", ")} and ${all.at(-1)}.`;
}

/** The name by which the reader wants to be known in rooms, remembered in this browser alone. */
function naming(call: (name: string) => void) {
  const box = document.querySelector<HTMLInputElement>("#room-name");
  if (!box) return;
  try {
    box.value = localStorage.getItem("gupscope.name") ?? "";
  } catch {
    // no storage: to be typed each time
  }
  if (box.value) call(box.value);
  box.addEventListener("change", () => {
    call(box.value);
    try {
      localStorage.setItem("gupscope.name", box.value);
    } catch {
      // as above
    }
  });
}

/** There is no way into the room: the page, which is empty, says why, where else its sentences stand. */
function outside(why: string) {
  const home = document.createElement("a");
  home.href = "/";
  home.textContent = "To the playground";
  document.getElementById("sentence")?.replaceChildren(why + " ", home);
  write("say", why);
}

/** Out of the room, what was seen last can be gone on with: the address of the run is known here. */
function alone(address: string) {
  const e = document.getElementById("people");
  if (!e || address.startsWith("/room/")) return;
  const a = document.createElement("a");
  a.href = address;
  a.textContent = "Go on alone with this run";
  e.replaceChildren(a);
}

function link(id: string, says: string, href: string) {
  const at = document.getElementById(id);
  if (!at) return;
  const a = document.createElement("a");
  a.href = a.textContent = href;
  at.replaceChildren(says, a);
}

/** The key of this tab in the room: kept over reloads, so that the pen is. */
function key(room: string): string {
  const name = "gupscope.room." + room;
  try {
    const old = sessionStorage.getItem(name);
    if (old) return old;
  } catch {
    // no storage: a new person after each reload
  }
  const random = crypto.getRandomValues(new Uint8Array(16));
  const fresh = Array.from(random, (b) => b.toString(16).padStart(2, "0")).join("");
  try {
    sessionStorage.setItem(name, fresh);
  } catch {
    // as above
  }
  return fresh;
}
