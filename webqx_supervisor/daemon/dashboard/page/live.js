// What the daemon says all the time, and what of it is remembered while the page is open.

const KEPT = 900;
const EVENTS = 500;

export const world = { status: null, at: 0, events: [], points: new Map(), connected: false };

const listeners = new Set();

/** Have `listener` called after every message; returns what ends that. */
export function follow(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function connect() {
  const source = new EventSource("/api/live");
  source.onmessage = (message) => {
    take(JSON.parse(message.data));
    world.connected = true;
    tell();
  };
  source.onerror = () => {
    world.connected = false;
    tell();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // refused: the daemon is being replaced
  };
}

function tell() {
  for (const listener of [...listeners]) listener(world);
}

function take({ at, status, events }) {
  const before = world.status;
  const elapsed = at - world.at;
  for (const service of status.services) {
    const old = before?.services.find((each) => each.name === service.name);
    remember(service.name, point(at, service, old, elapsed));
  }
  for (const name of world.points.keys()) {
    if (!status.services.some((each) => each.name === name)) world.points.delete(name);
  }
  world.events = [...world.events, ...events].slice(-EVENTS);
  world.status = status;
  world.at = at;
}

function point(at, service, old, elapsed) {
  const sum = (key) => service.workers.reduce((total, worker) => total + worker[key], 0);
  return {
    at,
    span: old ? elapsed : 1,
    rate: old && elapsed > 0 ? added(service, old) / elapsed : null,
    errors: service.latest ? service.latest.errors / service.latest.span : null,
    p50: service.latest?.p50 ?? null,
    p99: service.latest?.p99 ?? null,
    inFlight: sum("in_flight"),
    cpu: sum("cpu_percent"),
    memory: sum("rss_bytes"),
    up: service.workers.filter((worker) => worker.state === "RUNNING" && worker.healthy).length,
  };
}

// A worker that was replaced counts from 0 again.
function added(service, old) {
  return service.workers.reduce((total, worker) => {
    const then = old.workers.find((each) => each.instance === worker.instance && each.pid === worker.pid);
    return total + Math.max(worker.requests - (then?.requests ?? 0), 0);
  }, 0);
}

// Messages come sooner when something happens; a rate over some milliseconds says nothing.
function remember(name, next) {
  const points = world.points.get(name) ?? [];
  const last = points.at(-1);
  if (last && next.at - last.at < 0.9) return;
  world.points.set(name, [...points, next].slice(-KEPT));
}
