// <gup-scope>, for other people's pages:
//
//	<script src="https://HOST/static/embed.js" async></script>
//	<gup-scope scenario="gup-fast-vs-reclaim" run="0x3.1" at="4">text for readers without script</gup-scope>
//
// An iframe of /embed/…, as high as its content. Attributes: scenario, kernel, run, at; or link (the ID of a short
// link); or x (text, kernel, run and step in one, as the playground copies them); or the text itself in <script type="text/plain">, which then goes to HOST in the address of the frame.
// The frame fetches the simulator only when a reader touches it, or the page goes to a step:
//
//	const scope = document.querySelector("gup-scope");
//	scope.goto(4);                                  // a button of your text, for example
//	scope.addEventListener("step", (e) => e.detail) // {at: 4, of: 9, sentence: "…"}: whenever it stands at another step
//
// What the element says to its frame is {gupscope: {goto: 4}} by postMessage, and what it hears is {gupscope: {height: 480}}
// and {gupscope: {step: …}}: that is for pages that have the frame alone.
//
// The element may be there before its content: this script is async, and then the parser makes the element first and
// the text in it later; so does a program that appends it. Whenever the content changes, the element looks again.

const source = document.currentScript as HTMLScriptElement | null;
const host = new URL(source?.src ?? location.href).origin;

class Scope extends HTMLElement {
  static observedAttributes = ["scenario", "kernel", "run", "at", "link", "x"];

  private frame?: HTMLIFrameElement;
  private shows = 0; // how often it has looked
  private content = new MutationObserver(() => void this.show());
  private read = () => void this.show();
  private hear = (e: MessageEvent) => {
    if (e.origin !== host || e.source !== this.frame?.contentWindow) return;
    const height = Number(e.data?.gupscope?.height);
    if (height > 0 && height < 20_000) this.frame!.style.height = `${height}px`;
    const step = e.data?.gupscope?.step;
    if (!step) return;
    this.there = true;
    this.dispatchEvent(new CustomEvent("step", { detail: step, bubbles: true }));
    if (this.wanted !== undefined) this.goto(this.wanted);
  };
  private there = false; // the frame's script listens
  private wanted?: number; // the step to go to as soon as it does

  /** Goes to a step of the run; beyond its end, to the end. */
  goto(step: number) {
    this.wanted = this.there ? undefined : step;
    if (this.there) this.frame!.contentWindow!.postMessage({ gupscope: { goto: step } }, host);
  }

  connectedCallback() {
    addEventListener("message", this.hear);
    this.content.observe(this, { childList: true, characterData: true, subtree: true });
    document.addEventListener("DOMContentLoaded", this.read);
    void this.show();
  }

  disconnectedCallback() {
    removeEventListener("message", this.hear);
    this.content.disconnect();
    document.removeEventListener("DOMContentLoaded", this.read);
  }

  attributeChangedCallback() {
    if (this.frame) void this.show();
  }

  private async show() {
    const n = ++this.shows;
    const address = await this.address();
    if (n !== this.shows) return; // it has looked again meanwhile
    if (!address) return; // the content of the element stays to be seen
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    if (!this.frame) {
      this.frame = document.createElement("iframe");
      this.frame.loading = "lazy";
      this.frame.allow = "clipboard-write";
      this.frame.style.cssText = "display:block;width:100%;height:30rem;border:0";
      root.append(this.frame);
    }
    this.frame.title = this.title || `gupscope: ${this.getAttribute("scenario") ?? "a race, step by step"}`;
    if (this.frame.src === address) return;
    this.there = false;
    this.frame.src = address;
  }

  private async address(): Promise<string | undefined> {
    const link = this.getAttribute("link");
    if (link) return `${host}/embed/l/${encodeURIComponent(link)}`;
    const packed = this.getAttribute("x");
    if (packed) return `${host}/embed?x=${encodeURIComponent(packed)}`;
    const query = new URLSearchParams();
    for (const [attribute, name] of [["kernel", "k"], ["run", "r"], ["at", "c"]] as const) {
      const value = this.getAttribute(attribute);
      if (value) query.set(name, value);
    }
    const text = this.text();
    if (text) return `${host}/embed?x=${await pack({ t: text + "\n", k: query.get("k"), r: query.get("r"), c: Number(query.get("c") ?? 0) })}`;
    const scenario = this.getAttribute("scenario");
    if (!scenario) return undefined;
    const q = query.toString();
    return `${host}/embed/${encodeURIComponent(scenario)}${q ? "?" + q : ""}`;
  }

  /** The text in the element, once the parser has read all of it. */
  private text(): string | undefined {
    const script = this.querySelector("script[type='text/plain']");
    if (!script || (document.readyState === "loading" && !script.nextSibling && !this.nextSibling)) return undefined;
    return script.textContent?.trim();
  }
}

/** Format 1 of package link: checksum and deflated JSON, in base64url, with an end mark. */
async function pack(fields: Record<string, unknown>): Promise<string> {
  for (const name of Object.keys(fields)) if (!fields[name]) delete fields[name];
  const json = new TextEncoder().encode(JSON.stringify(fields));
  const deflated = await new Response(new Blob([json]).stream().pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer();
  const sum = crc32(json);
  const all = new Uint8Array(4 + deflated.byteLength);
  new DataView(all.buffer).setUint32(0, sum);
  all.set(new Uint8Array(deflated), 4);
  let binary = "";
  for (const b of all) binary += String.fromCharCode(b);
  return `1.${btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "")}e`;
}

function crc32(data: Uint8Array): number {
  let c = ~0;
  for (const b of data) {
    c ^= b;
    for (let i = 0; i < 8; i++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0);
  }
  return ~c >>> 0;
}

if (!customElements.get("gup-scope")) customElements.define("gup-scope", Scope);
