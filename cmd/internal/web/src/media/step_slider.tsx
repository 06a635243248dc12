import { h } from "preact";
import { useId } from "preact/hooks";
import { IconButton } from "../parts";

/** Chooses one of the steps at which something was logged. Arrow keys move it. */
export function StepSlider(props: { label: string; steps: number[]; at: number; onChange(index: number): void }) {
  const { steps, at } = props;
  const id = useId();
  if (steps.length < 2) return <span class="muted">{steps[0] >= 0 ? "step " + steps[0] : ""}</span>;
  const text = `step ${steps[at]} (${at + 1} of ${steps.length})`;
  return (
    <div class="media-steps">
      <IconButton icon="left" label={"Earlier step of " + props.label} disabled={at === 0} onClick={() => props.onChange(at - 1)} />
      <label class="hidden" for={id}>
        Step of {props.label}
      </label>
      <input
        id={id}
        type="range"
        min={0}
        max={steps.length - 1}
        value={at}
        aria-valuetext={text}
        onInput={(e) => props.onChange(Number(e.currentTarget.value))}
      />
      <IconButton
        icon="right"
        label={"Later step of " + props.label}
        disabled={at === steps.length - 1}
        onClick={() => props.onChange(at + 1)}
      />
      <span class="muted">{text}</span>
    </div>
  );
}

/** The index of a step, or of the last step at or before it; the last one without a step. */
export function indexOfStep(steps: number[], step: string | null): number {
  const wanted = step === null || step === "" ? NaN : Number(step);
  if (!Number.isFinite(wanted)) return steps.length - 1;
  let at = steps.length - 1;
  while (at > 0 && steps[at] > wanted) at--;
  return at;
}
