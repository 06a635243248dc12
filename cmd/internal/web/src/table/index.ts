// The table of runs without a document, for tests: what a page imports, it takes from the files.

export * from "./columns";
export * from "./complete";
export * from "./expression";
export * from "./field";
export * from "./group";
export * from "./key";
export * from "./sort";
export * from "./value";
export * from "./view";
