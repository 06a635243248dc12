// The shared components. Each has one line that says what it is for.

import "./parts.css";

export * from "./announce";
export * from "./controls";
export * from "./format";
export * from "./icons";
export { type Keys, useKeys } from "./keys";
export * from "./layout";
export * from "./popups";
export * from "./values";
