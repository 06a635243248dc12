// Charts for all pages. CurveChart draws a metric of runs; colours and Swatch give runs the same looks elsewhere.

export { CurveChart, type CurveChartProps, mostCurves, useDark } from "./chart";
export { type Colour, colours, palette } from "./colour";
export { Swatch } from "./legend";
