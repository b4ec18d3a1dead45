// Lines over time, by uPlot.

import { bytes, moment, tick } from "/words.js";

const OCTETS = [...Array(45).keys()].map((power) => 2 ** power); // steps between round numbers of them
const COLOURS = ["--line-1", "--line-2"];

/** Return the points with an empty one wherever nobody has looked for longer than between two looks. */
export function parted(points) {
  return points.flatMap((each, at) => {
    const before = points[at - 1];
    const missing = before && each.at - before.at > 2.5 * Math.max(each.span, before.span, 1);
    return missing ? [{ at: (before.at + each.at) / 2, empty: true }, each] : [each];
  });
}

/** A chart in `element`: `series` are [label, key of the points] each; it reaches up to `least`. */
export class Chart {
  constructor(element, title, series, format, least = 1) {
    this.element = element;
    this.series = series;
    const style = getComputedStyle(document.documentElement);
    const axis = { stroke: style.getPropertyValue("--text-2"), grid: { stroke: style.getPropertyValue("--grid") }, ticks: { stroke: style.getPropertyValue("--grid") } };
    const lines = series.map(([label], at) => ({
      label,
      stroke: style.getPropertyValue(COLOURS[at]),
      width: 1.5,
      points: { show: false },
      value: (plot, value, series, at) => {
        const shown = at === null ? plot.data[series].at(-1) : value; // the latest while nothing is pointed at
        return shown === null || shown === undefined ? "–" : format(shown);
      },
    }));
    const options = {
      title,
      width: this.width(),
      height: 180,
      cursor: { drag: { x: true, y: false } },
      scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 0, least) * 1.05] } },
      axes: [{ ...axis, space: 90, values: (_, ticks, axisAt, space, step) => ticks.map((each) => tick(each, step)) }, { ...axis, size: 64, ...(format === bytes && { incrs: OCTETS }), values: (_, values) => values.map(format) }],
      series: [{ value: (_, value) => (value === null || value === undefined ? "now" : moment(value)) }, ...lines],
    };
    this.plot = new uPlot(options, [[], ...series.map(() => [])], element);
    element.setAttribute("role", "img");
    this.resized = new ResizeObserver(() => this.plot.setSize({ width: this.width(), height: 180 }));
    this.resized.observe(element);
    this.label = title;
    this.format = format;
  }

  show(points) {
    // To uPlot null is a gap; over undefined, as where there were no answers to time, a line goes on.
    const seen = parted(points);
    this.plot.setData([seen.map((each) => each.at), ...this.series.map(([, key]) => seen.map((each) => (each.empty ? null : each[key] ?? undefined)))]);
    const last = points.at(-1);
    const now = this.series.map(([label, key]) => `${label} ${last?.[key] === null || last?.[key] === undefined ? "unknown" : this.format(last[key])}`);
    this.element.setAttribute("aria-label", `${this.label}: now ${now.join(", ")}`);
  }

  end() {
    this.resized.disconnect();
    this.plot.destroy();
  }

  width() {
    const { paddingLeft, paddingRight } = getComputedStyle(this.element);
    return Math.max(this.element.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight), 150);
  }
}
