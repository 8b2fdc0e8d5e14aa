// What the page uses of idiomorph. Bundled into morph.js by `make vendor`.
export { Idiomorph } from "idiomorph";
