// A small app that logs in with an OpenID provider (authorization code flow, by hand).
const http = require('http');
const crypto = require('crypto');

const { ISSUER, PORT } = process.env;
const sessions = new Map();

async function callback(query, redirect) {
  const answer = await fetch(`${ISSUER}/token`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      Authorization: `Basic ${Buffer.from('app:app-secret').toString('base64')}`,
    },
    body: new URLSearchParams({
      grant_type: 'authorization_code', code: query.get('code'), redirect_uri: redirect,
    }),
  });
  const tokens = await answer.json();
  return JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url'));
}

http.createServer(async (request, response) => {
  // Where the browser sees this app is known from the proxy alone.
  const origin = `${request.headers['x-forwarded-proto']}://${request.headers['x-forwarded-host']}`;
  const url = new URL(request.url, origin);
  const redirect = `${origin}/callback`;
  const cookie = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie || '');
  if (url.pathname === '/login') {
    const query = new URLSearchParams({
      client_id: 'app', response_type: 'code', scope: 'openid', redirect_uri: redirect,
    });
    response.writeHead(302, { Location: `${ISSUER}/auth?${query}` }).end();
  } else if (url.pathname === '/callback') {
    const session = crypto.randomUUID();
    sessions.set(session, await callback(url.searchParams, redirect));
    response.writeHead(302, { 'Set-Cookie': `session=${session}; Path=/; HttpOnly`, Location: '/me' }).end();
  } else {
    response.end(JSON.stringify((cookie && sessions.get(cookie[1])) || {}));
  }
}).listen(PORT, '127.0.0.1');
