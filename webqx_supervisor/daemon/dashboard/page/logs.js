// The log of a service or worker, followed and filtered.

import { el } from "/dom.js";

const MOST = 2000;

/** Follow the log of `which` in `element`; returns what ends it. */
export function logs(element, which) {
  const stop = new AbortController();
  const lines = [];
  const output = el("pre", { class: "log", tabindex: "0", "aria-label": `Log of ${which}` });
  const filter = el("input", { type: "search", placeholder: "only lines with …", "aria-label": "Filter of the log", oninput: () => redraw() });
  const follows = el("input", { type: "checkbox", checked: true, id: "follows" });
  const shown = (line) => !filter.value || line.toLowerCase().includes(filter.value.toLowerCase());
  const redraw = () => {
    output.textContent = lines.filter(shown).join("\n");
    if (follows.checked) output.scrollTop = output.scrollHeight;
  };
  let due = false;
  const take = (more) => {
    lines.push(...more);
    lines.splice(0, Math.max(lines.length - MOST, 0));
    if (due) return;
    due = true;
    setTimeout(() => {
      due = false;
      redraw();
    }, 100); // a flood is drawn ten times a second, not for each line
  };
  element.replaceChildren(el("div", { class: "tools" }, filter, el("label", {}, follows, " follow")), output);
  read(which, take, stop.signal);
  return () => stop.abort();
}

async function read(which, take, signal) {
  while (!signal.aborted) {
    try {
      const answer = await fetch(`/api/logs?${new URLSearchParams({ worker: which, n: "200", follow: "1" })}`, { signal });
      if (!answer.ok) throw new Error(await answer.text());
      await pour(answer.body.pipeThrough(new TextDecoderStream()).getReader(), take);
    } catch (error) {
      if (signal.aborted) return;
      take([`(${error.message}; trying again)`]);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function pour(reader, take) {
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (lines.length) take(lines.map(plain));
  }
}

// eslint-disable-next-line no-control-regex
const plain = (line) => line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "");
