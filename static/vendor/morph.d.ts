// Types of the bundle, for tsc: those of its entry.
export * from "./morph.entry";
