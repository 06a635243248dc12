import { type ComponentChildren, h } from "preact";
import { type Place, replaceParams } from "../location";
import { IconButton } from "../parts";

/** The step of a key that the address names, or the last one, a slider over the steps, and what chooses one by its index. */
export function stepSlider(key: string, steps: number[], place: Place): [index: number, slider: ComponentChildren, go: (index: number) => void] {
  const param = "step:" + key;
  const at = indexOfStep(steps, place.params.get(param));
  const last = steps.length - 1;
  const go = (i: number) => replaceParams({ [param]: i === last ? "" : String(steps[i]) });
  if (last < 1) return [at, <span class="muted">{steps[0] >= 0 && "step " + steps[0]}</span>, go];
  const text = `step ${steps[at]} (${at + 1} of ${steps.length})`;
  return [
    at,
    <span class="media-steps">
      <IconButton icon="left" label={"Earlier step of " + key} disabled={at === 0} onClick={() => go(at - 1)} />
      <input
        type="range"
        min={0}
        max={last}
        value={at}
        aria-label={"Step of " + key}
        aria-valuetext={text}
        onInput={(e) => go(Number(e.currentTarget.value))}
      />
      <IconButton icon="right" label={"Later step of " + key} disabled={at === last} onClick={() => go(at + 1)} />
      <span class="muted">{text}</span>
    </span>,
    go,
  ];
}

/** The index of a step, or of the last step at or before it; the last one without a step. */
export function indexOfStep(steps: number[], step: string | null): number {
  let at = steps.length - 1;
  if (step) while (at > 0 && steps[at] > Number(step)) at--;
  return at;
}
