import type { PartProps } from "../pages/run-origin";

/** What every view of media is given. */
export type MediaProps = PartProps;

/** Said in place of a file. */
export const away = "not on this machine";
