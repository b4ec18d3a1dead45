// One service: charts, workers, logs, events, deaths.

import { Chart } from "/charts.js";
import { el, put, say } from "/dom.js";
import { follow, world } from "/live.js";
import { logs } from "/logs.js";
import { past } from "/past.js";
import { ask, order } from "/orders.js";
import { badge } from "/overview.js";
import { bytes, clock, count, duration, milliseconds, moment, percent } from "/words.js";

const TITLES = ["Worker", "State", "Pid", "Port", "Up", "Restarts", "CPU", "Memory", "In flight", "Requests/s", "p50", "p99", "5xx/s", "Remarks"];
const RANGES = [["15 minutes", 900], ["24 hours", 86400], ["30 days", 2592000]];
const FRESH = 60; // s after which a longer past is asked for again
const TABS = ["Logs", "Events", "Deaths"];

/** Show a service in `main`; returns what ends it. */
export function service(main, name) {
  const view = new View(main, name);
  const unfollow = follow((now) => view.show(now));
  view.show(world);
  return () => {
    unfollow();
    view.end();
  };
}

class View {
  constructor(main, name) {
    this.name = name;
    this.state = el("span");
    this.reason = el("p", { class: "reason" });
    this.wanted = el("output", { "aria-label": "Workers wanted" });
    this.toggle = el("button", { type: "button", onclick: () => order(this.stopped ? "start" : "stop", name) }, "Stop");
    this.body = el("tbody");
    this.panel = el("div", { role: "tabpanel", id: "panel" });
    const button = (word, act, label = `${word} ${name}`) => el("button", { type: "button", onclick: act, "aria-label": label }, word);
    const buttons = el(
      "div",
      { class: "buttons" },
      button("Reload", () => order("reload", name)),
      button("Restart", () => order("restart", name)),
      this.toggle,
      el("span", { class: "scale", role: "group", "aria-label": "Number of workers" }, button("−", () => this.scale(-1), "One worker less"), this.wanted, button("+", () => this.scale(1), "One worker more")),
    );
    const head = el("thead", {}, el("tr", {}, TITLES.map((title) => el("th", { scope: "col" }, title))));
    this.table = el("table", { class: "cards" }, head, this.body);
    this.none = el("p", {}, "It has no workers now.");
    const figures = [0, 1, 2, 3].map(() => el("div", { class: "chart" }));
    this.tabs = TABS.map((title) => el("button", { type: "button", role: "tab", "aria-controls": "panel", onclick: () => this.open(title), onkeydown: (event) => this.move(event, title) }, title));
    this.range = RANGES[0][1];
    this.before = [];
    this.beforeAt = 0;
    const ranges = el("select", { "aria-label": "How far back", onchange: (event) => this.look(Number(event.target.value)) }, RANGES.map(([text, seconds]) => el("option", { value: seconds }, text)));
    this.slo = el("dl", { class: "slo" });
    main.replaceChildren(
      el("nav", { "aria-label": "Back" }, el("a", { href: "#/" }, "← all services")),
      el("div", { class: "title" }, el("h2", {}, name), this.state, buttons),
      this.reason,
      this.slo,
      el("div", { class: "tools" }, el("label", {}, "Last ", ranges)),
      el("div", { class: "charts" }, figures),
      el("h3", {}, "Workers"),
      el("div", { class: "wide" }, this.table),
      this.none,
      el("div", { role: "tablist", class: "tabs", "aria-label": `More of ${name}` }, this.tabs),
      this.panel,
    );
    this.charts = [
      new Chart(figures[0], "Requests per second", [["all", "rate"], ["5xx", "errors"]], count),
      new Chart(figures[1], "Time of an answer", [["p50", "p50"], ["p99", "p99"]], milliseconds, 0.001),
      new Chart(figures[2], "CPU", [["CPU", "cpu"]], percent),
      new Chart(figures[3], "Memory", [["memory", "memory"]], bytes, 2 ** 20),
    ];
    this.open("Logs");
    this.look(this.range);
    this.judge();
  }

  async look(range) {
    this.range = range;
    this.beforeAt = world.at;
    this.before = await past(this.name, range).catch(() => []);
    this.draw(world.points.get(this.name) ?? []);
  }

  draw(live) {
    const first = live.at(0)?.at ?? Infinity;
    const short = this.range === RANGES[0][1];
    const since = (live.at(-1)?.at ?? 0) - this.range;
    const points = short ? [...this.before.filter((each) => each.at < first), ...live].filter((each) => each.at > since) : this.before;
    for (const chart of this.charts) chart.show(points);
    if (!short && world.at - this.beforeAt > FRESH) this.look(this.range);
  }

  async judge() {
    const { services } = await ask("/api/slo").catch(() => ({ services: [] }));
    const mine = services.find((each) => each.name === this.name)?.objectives ?? [];
    const share = (each) => (each === null ? "unknown" : `${Number((100 * each).toPrecision(6))} %`);
    const left = (each) => (each === null ? "error budget unknown" : each > 0 ? `${percent(100 * each)} of the error budget left` : "error budget used up");
    put(this.slo, mine.map((each) => el("div", {},
      el("dt", {}, `${each.objective}, wanted ${share(each.target)}`),
      el("dd", { class: each.budget_left !== null && each.budget_left <= 0 ? "red" : "" }, `${share(each.reached)} reached, ${left(each.budget_left)}`),
    )));
  }

  show({ status, points, events }) {
    if (!status) return;
    const service = status.services.find((each) => each.name === this.name);
    if (!service) {
      say(this.reason, `There is no service ${this.name} any more.`);
      return;
    }
    this.wantedNow = service.instances;
    this.stopped = service.state === "STOPPED";
    put(this.state, badge(service.state, service.well));
    say(this.wanted, String(service.instances));
    say(this.toggle, this.stopped ? "Start" : "Stop");
    say(this.reason, service.workers.map((worker) => worker.reason).find(Boolean) ?? "");
    this.table.hidden = service.workers.length === 0;
    this.none.hidden = !this.table.hidden;
    put(this.body, service.workers.map((worker) => this.row(worker, service.well)));
    this.draw(points.get(this.name) ?? []);
    if (this.tab === "Events") this.events(events);
    const deaths = events.filter((each) => each.service === this.name && each.kind === "exited").length;
    if (this.tab === "Deaths" && deaths !== this.deathsSeen) this.deaths(deaths);
  }

  row(worker, wellInAll) {
    const well = worker.state === "RUNNING" ? worker.healthy : wellInAll;
    const name = `${this.name}:${worker.instance}`;
    const latest = worker.latest;
    const rate = (key) => (latest?.span ? count(latest[key] / latest.span) : "–");
    const cells = [name, badge(worker.state, well), worker.pid ?? "–", worker.port ?? worker.remote ?? "–", worker.pid ? duration(worker.uptime_s) : "–", worker.restarts, percent(worker.cpu_percent), bytes(worker.rss_bytes), worker.in_flight, rate("requests"), milliseconds(latest?.p50), milliseconds(latest?.p99), rate("errors"), [worker.reason, worker.status_text].filter(Boolean).join("; ")];
    return el("tr", { class: well ? "" : "ill", "data-worker": name }, cells.map((cell, at) => el("td", { "data-title": TITLES[at], class: TITLES[at] === "5xx/s" && latest?.errors ? "red" : null }, typeof cell === "object" ? cell : String(cell))));
  }

  scale(by) {
    const to = this.wantedNow + by;
    if (to >= 0) order("scale", this.name, to);
  }

  open(title) {
    this.close?.();
    this.close = null;
    this.tab = title;
    this.deathsSeen = null;
    for (const [at, tab] of this.tabs.entries()) {
      tab.setAttribute("aria-selected", String(TABS[at] === title));
      tab.tabIndex = TABS[at] === title ? 0 : -1;
    }
    this.panel.replaceChildren();
    if (title === "Logs") this.close = logs(this.panel, this.name);
    else this.show(world);
  }

  move(event, title) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = (TABS.indexOf(title) + by + TABS.length) % TABS.length;
    this.open(TABS[at]);
    this.tabs[at].focus();
  }

  events(events) {
    const mine = events.filter((each) => each.service === this.name).reverse();
    const rows = mine.map((each) => el("li", {}, el("time", {}, clock(each.at)), ` ${each.instance ? `${this.name}:${each.instance} ` : ""}${each.kind}  ${each.text}`));
    put(this.panel, el("ol", { class: "events" }, rows.length ? rows : el("li", {}, "Nothing has happened since the daemon began.")));
  }

  async deaths(seen) {
    this.deathsSeen = seen;
    const answer = await ask(`/api/why?${new URLSearchParams({ worker: this.name })}`).catch((error) => ({ deaths: [], error }));
    if (this.tab !== "Deaths") return;
    const found = answer.deaths.map((death) => this.death(death)).reverse();
    this.panel.replaceChildren(...(found.length ? found : [el("p", {}, answer.error?.message ?? "No worker of it has died.")]));
  }

  death(death) {
    const lines = death.last_lines?.length ? el("pre", { class: "log" }, death.last_lines.join("\n")) : "";
    const lost = (death.requests ?? death.lost ?? []).map((each) => el("li", {}, `${each.method ?? ""} ${each.target ?? ""} ${each.outcome ?? ""}`.trim()));
    return el("article", { class: "death" }, el("h4", {}, `${this.name}:${death.instance}  ${death.text}`), el("p", {}, moment(death.at)), lost.length ? el("ul", {}, lost) : "", lines);
  }

  end() {
    this.close?.();
    for (const chart of this.charts) chart.end();
  }
}
