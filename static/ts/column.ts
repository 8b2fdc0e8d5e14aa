// The line between the text and the race: the reader draws the text's column wider or narrower, and this browser remembers it.
import { remember, remembered } from "./controls";

const least = 240; // px

export function column() {
  const source = document.getElementById("source");
  if (!source) return;
  const line = document.createElement("div");
  line.className = "divider";
  line.tabIndex = 0;
  line.title = "Drag to make the text wider; double click: as it was";
  for (const [name, value] of Object.entries({ role: "separator", "aria-orientation": "vertical", "aria-label": "Width of the text", "aria-controls": "source", "aria-valuemin": "0", "aria-valuemax": "100" }))
    line.setAttribute(name, value);

  /** Makes the column that wide; without a width, as wide as the style sheet says. */
  const draw = (width?: number) => {
    const style = document.documentElement.style;
    if (width) style.setProperty("--text", `${Math.round(Math.min(Math.max(width, least), innerWidth / 2))}px`);
    else style.removeProperty("--text");
    line.setAttribute("aria-valuenow", String(Math.round((100 * source.offsetWidth) / innerWidth)));
  };
  const keep = (width?: number) => {
    draw(width);
    remember("text", width ? String(source.offsetWidth) : "");
  };

  line.addEventListener("pointerdown", (e) => {
    e.preventDefault();
    line.setPointerCapture(e.pointerId);
  });
  line.addEventListener("pointermove", (e) => {
    if (line.hasPointerCapture(e.pointerId)) draw(e.clientX);
  });
  line.addEventListener("pointerup", (e) => keep(e.clientX));
  line.addEventListener("dblclick", () => keep());
  line.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: -16, ArrowRight: 16 }[e.key];
    if (by) keep(source.offsetWidth + by);
    else if (e.key === "Home") keep();
    else return;
    e.preventDefault();
  });
  source.after(line);
  draw(Number(remembered("text")) || undefined);
}
