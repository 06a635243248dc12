import { useEffect, useState } from "preact/hooks";

export interface Loading<T> {
  value?: T;
  error?: Error;
}

/** Loads a value when the keys change. While the next value loads, the one before stays. */
export function useLoading<T>(load: () => Promise<T>, keys: readonly unknown[]): Loading<T> {
  const [state, setState] = useState<Loading<T>>({});
  useEffect(() => {
    let current = true;
    load().then(
      (value) => current && setState({ value }),
      (error: unknown) => current && setState((s) => ({ ...s, error: error as Error })),
    );
    return () => {
      current = false;
    };
  }, keys);
  return state;
}
