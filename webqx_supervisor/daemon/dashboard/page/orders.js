// What can be asked of the daemon, each with a yes before it where clients or work could suffer.

import { say } from "/dom.js";

const QUESTIONS = {
  restart: (name) => [`Restart ${name}?`, "All its workers stop and start again; requests wait meanwhile. Reload does it without that.", "Restart"],
  stop: (name) => [`Stop ${name}?`, "Its workers finish what they have, and end. Requests to it fail until it is started.", "Stop"],
  scale: (name, to) => [`Have ${to} of ${name}?`, to ? "Workers that go finish what they have." : "None is left: requests to it fail.", "Scale"],
  reload: (name) => [`Reload ${name}?`, "Its workers are replaced one by one; no request is lost.", "Reload"],
};

/** Ask first, then do it; `to` is the number of workers for `scale`. */
export async function order(verb, name, to = null) {
  if (QUESTIONS[verb] && !(await yes(...QUESTIONS[verb](name, to)))) return;
  const words = to === null ? `${verb} ${name}` : `${verb} ${name} ${to}`;
  tell(`${words} …`);
  const body = to === null ? { services: [name] } : { service: name, instances: String(to) };
  try {
    const answer = await send(`/api/${verb}`, body);
    const failed = answer.failed?.[0];
    tell(failed ? `${words} failed: ${failed.reason ?? failed}` : `${words}: done`);
  } catch (error) {
    tell(`${words}: ${error.message}`);
  }
}

/** Get an answer of the control API. */
export async function ask(path) {
  return answered(await fetch(path));
}

async function send(path, body) {
  return answered(await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
}

async function answered(response) {
  const text = await response.text();
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(text.trim() || response.statusText);
  }
  if (!response.ok) throw new Error(answer.error?.message ?? text);
  return answer;
}

function yes(title, text, word) {
  const dialog = document.getElementById("question");
  say(document.getElementById("question-title"), title);
  say(document.getElementById("question-text"), text);
  say(document.getElementById("question-yes"), word);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function tell(text) {
  say(document.getElementById("said"), text);
}
