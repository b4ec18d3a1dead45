// All services, a row each.

import { el, put, say, spark } from "/dom.js";
import { follow } from "/live.js";
import { order } from "/orders.js";
import { bytes, count, milliseconds, percent } from "/words.js";

const TITLES = ["Service", "State", "Workers", "Requests/s", "p99", "5xx/s", "In flight", "CPU", "Memory", "Last minutes", ""];

/** Show the overview in `main`; returns what ends it. */
export function overview(main) {
  const body = el("tbody");
  const head = el("thead", {}, el("tr", {}, TITLES.map((title) => el("th", { scope: "col" }, title))));
  const empty = el("p", {}, "No services in services.toml yet.");
  main.replaceChildren(el("h2", { class: "unseen" }, "Services"), el("table", { class: "cards" }, head, body), empty);
  const rows = new Map();
  return follow(({ status, points }) => {
    if (!status) return;
    for (const service of status.services) {
      if (!rows.has(service.name)) rows.set(service.name, new Row(service.name));
      rows.get(service.name).show(service, points.get(service.name) ?? []);
    }
    for (const name of rows.keys()) if (!status.services.some((each) => each.name === name)) rows.delete(name);
    const wanted = status.services.map((service) => rows.get(service.name).element);
    if (wanted.length !== body.children.length || wanted.some((row, at) => body.children[at] !== row)) body.replaceChildren(...wanted);
    empty.hidden = wanted.length > 0;
  });
}

class Row {
  constructor(name) {
    this.cells = TITLES.map((title) => el("td", { "data-title": title }));
    this.cells[0].append(el("a", { href: `#/service/${encodeURIComponent(name)}` }, name));
    this.cells.at(-1).append(el("button", { type: "button", onclick: () => order("reload", name), "aria-label": `Reload ${name}` }, "Reload"));
    this.element = el("tr", { "data-service": name }, this.cells);
  }

  show(service, points) {
    const latest = points.at(-1);
    const up = service.workers.filter((worker) => worker.state === "RUNNING" && worker.healthy).length;
    put(this.cells[1], badge(service.state, service.well));
    put(this.cells[2], dots(service.workers, service.well), ` ${up}/${service.instances}`);
    say(this.cells[3], latest?.rate === null || !latest ? "–" : count(latest.rate));
    say(this.cells[4], milliseconds(latest?.p99));
    say(this.cells[5], latest?.errors === null || !latest ? "–" : count(latest.errors));
    this.cells[5].className = latest?.errors ? "red" : "";
    say(this.cells[6], String(latest?.inFlight ?? 0));
    say(this.cells[7], percent(latest?.cpu ?? 0));
    say(this.cells[8], bytes(latest?.memory ?? 0));
    this.cells[9].replaceChildren(spark(points.slice(-180).map((each) => each.rate ?? 0)));
    this.element.className = service.well ? "" : "ill";
  }
}

/** A state as a word, coloured; the colour alone says nothing. */
export function badge(state, well = true) {
  return el("span", { class: `state ${colour(state, well)}` }, state);
}

function colour(state, well) {
  if (state === "RUNNING") return well ? "green" : "yellow";
  if (state === "FATAL" || state === "UNHEALTHY" || (state === "EXITED" && !well)) return "red";
  return ["STOPPED", "EXITED", "ASLEEP"].includes(state) ? "grey" : "yellow";
}

function dots(workers, wellInAll) {
  return workers.map((worker) => {
    const title = `${worker.instance}: ${worker.state}${worker.reason ? `, ${worker.reason}` : ""}`;
    return el("span", { class: `dot ${colour(worker.state, worker.state === "RUNNING" ? worker.healthy : wellInAll)}`, title, role: "img", "aria-label": title });
  });
}
