// The page: which part of it is seen, and the line at its top.

import { say } from "/dom.js";
import { connect, follow } from "/live.js";
import { overview } from "/overview.js";
import { service } from "/service.js";

const main = document.getElementById("main");
let end = () => {};

function navigate() {
  end();
  const [, kind, name] = location.hash.split("/");
  end = kind === "service" && name ? service(main, decodeURIComponent(name)) : overview(main);
}

function head({ status, connected }) {
  const link = document.getElementById("link");
  say(link, connected ? "live" : "no answer from the daemon; trying again");
  link.classList.toggle("lost", !connected);
  if (!status) return;
  say(document.getElementById("name"), status.daemon.name);
  document.title = `${status.daemon.name} · webqx-sv`;
  const ill = status.services.filter((each) => !each.well).map((each) => each.name);
  say(document.getElementById("summary"), ill.length ? `${ill.join(", ")} not well` : "all well");
  document.getElementById("summary").classList.toggle("ill", ill.length > 0);
}

function theme() {
  const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
  navigate(); // charts take their colours when they are made
}

const kept = localStorage.getItem("theme");
if (kept) document.documentElement.dataset.theme = kept;
document.getElementById("theme").addEventListener("click", theme);
addEventListener("hashchange", () => {
  navigate();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
});
follow(head);
navigate();
connect();
