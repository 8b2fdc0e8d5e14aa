// What the editor uses of CodeMirror. Bundled into editor.js by `make vendor`.
export { autocompletion, closeCompletion, completionKeymap, startCompletion } from "@codemirror/autocomplete";
export type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
export { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
export { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
export type { Diagnostic } from "@codemirror/lint";
export { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
export { Annotation, EditorState, StateEffect, StateField, Compartment, RangeSet } from "@codemirror/state";
export type { Extension, Range, Text } from "@codemirror/state";
export {
  Decoration, EditorView, GutterMarker, drawSelection, gutter, highlightActiveLine, highlightActiveLineGutter, hoverTooltip, keymap,
  lineNumbers, rectangularSelection, tooltips,
} from "@codemirror/view";
export type { DecorationSet, Rect, Tooltip, ViewUpdate } from "@codemirror/view";
