/* global API_BASE_URL */
const said = document.querySelector('#said');
export const log = (text) => { said.textContent += `${text}\n`; };

export async function login(email, password) {
  const answer = await fetch(`${API_BASE_URL}/api/auth/login/`, {
    method: 'POST',
    credentials: 'include',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
  return { status: answer.status, ...(await answer.json()) };
}

export async function me(token) {
  const answer = await fetch(`${API_BASE_URL}/api/me`, {
    credentials: 'include',
    headers: token ? { Authorization: `Bearer ${token}` } : {},
  });
  return { status: answer.status, body: await answer.text() };
}

export function echo(text) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${API_BASE_URL.replace('http', 'ws')}/ws`);
    socket.onopen = () => socket.send(text);
    socket.onmessage = (message) => { socket.close(); resolve(message.data); };
    socket.onerror = () => reject(new Error('no WebSocket'));
  });
}

export function events(count) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`${API_BASE_URL}/events`, { withCredentials: true });
    const seen = [];
    source.onmessage = (event) => {
      seen.push(JSON.parse(event.data));
      if (seen.length === count) { source.close(); resolve(seen); }
    };
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) reject(new Error('no events')); };
  });
}

document.querySelector('#login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const { status, token } = await login(form.get('email'), form.get('password'));
  log(`login: ${status}`);
  log(`me: ${JSON.stringify(await me(token))}`);
  log(`echo: ${await echo('hello')}`);
  log(`events: ${JSON.stringify(await events(3))}`);
});
