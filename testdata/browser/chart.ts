// What the tests of charts call.

export * from "../../cmd/internal/web/src/chart/colour";
export * from "../../cmd/internal/web/src/chart/decode";
export * from "../../cmd/internal/web/src/chart/grid";
export * from "../../cmd/internal/web/src/chart/ticks";
