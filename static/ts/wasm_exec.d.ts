// Go's glue between its WASM and JavaScript, from the toolchain that builds (see the Makefile).
declare module "wasm_exec";
