// What was before this page was open, from the daemon's history.

import { ask } from "/orders.js";

/** Get the points of the last so many seconds, in the shape of the live ones. */
export async function past(name, seconds) {
  const { points } = await ask(`/api/history?${new URLSearchParams({ service: name, seconds })}`);
  return points.map((each) => ({
    at: each.at,
    span: each.span,
    rate: each.requests / each.span,
    errors: each.errors / each.span,
    p50: each.p50,
    p99: each.p99,
    inFlight: each.in_flight,
    cpu: each.cpu_percent,
    memory: each.rss_bytes,
    up: each.workers_up,
  }));
}
