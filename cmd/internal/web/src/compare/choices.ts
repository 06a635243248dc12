// What a reader can choose as a side of a comparison. No DOM.

import { shortID } from "../pages/run-data";
import type { Source } from "../source";
import { loadNames } from "../table/load";

export interface Choice {
  /** What is shown and typed. It is unique. */
  text: string;
  selector: string;
}

/** The runs of the table, newest first. Runs with equal names are told apart by the end of their ids. */
export async function loadChoices(source: Source): Promise<Choice[]> {
  const table = await loadNames(source);
  return choicesOf(table.ids, table.names);
}

export function choicesOf(ids: readonly string[], names: readonly string[]): Choice[] {
  const seen = new Map<string, number>();
  for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1);
  return ids.map((id, i) => {
    const short = shortID(id);
    const name = names[i];
    return { selector: id, text: !name ? short : seen.get(name)! > 1 ? `${name} (${short})` : name };
  });
}

/** The first choices that contain a text and are not chosen yet. */
export function matching(choices: readonly Choice[], text: string, chosen: readonly string[], most = 30): Choice[] {
  const wanted = text.trim().toLowerCase();
  const found: Choice[] = [];
  for (const c of choices) {
    if (found.length === most) break;
    if (c.text.toLowerCase().includes(wanted) && !chosen.includes(c.selector)) found.push(c);
  }
  return found;
}
