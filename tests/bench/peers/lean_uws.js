// SPDX-License-Identifier: Apache-2.0
'use strict';

// As little as Node.js can do: uWebSockets.js, undici's dispatcher, ioredis with pipelining.

const Redis = require('ioredis');
const uws = require('uWebSockets.js');
const { withDispatch } = require('./outside.js');
const { Refused, Service, config, mayFollow, ready } = require('./service.js');

if (!uws.us_socket_local_port) {
  throw new Error('cannot use uWebSockets.js: its binary does not fit this Node.js');
}

const app = uws.App();
const service = new Service(new Redis({ ...config.redis, enableAutoPipelining: true }),
  withDispatch(config.fakes),
  (session, event) => app.publish(`session:${session}`, JSON.stringify(event)));

function answer(response, status, text) {
  if (response.aborted) {
    return;
  }
  response.cork(() => {
    response.writeStatus(status).writeHeader('Content-Type', 'application/json').end(text);
  });
}

function take(response, status, act) {
  const pieces = [];
  response.onAborted(() => { response.aborted = true; });
  response.onData(async (piece, isLast) => {
    if (!isLast) {
      // The piece is only lent.
      pieces.push(Buffer.from(piece.slice(0)));
      return;
    }
    try {
      const last = Buffer.from(piece);
      const text = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
      answer(response, status, JSON.stringify(await act(JSON.parse(text))));
    } catch (error) {
      const refused = error instanceof Refused;
      answer(response, refused ? `${error.status} Refused` : '500 Internal Server Error',
        refused ? error.body : '{}');
    }
  });
}

app.post('/api/sessions', (response, request) => {
  const key = request.getHeader('x-api-key');
  take(response, '201 Created', (body) => service.createSession(key, body));
});
app.post('/webhook/:tenant/tools/placeOrder', (response, request) => {
  const tenant = request.getParameter(0);
  const session = request.getHeader('x-voicectl-session');
  const token = request.getHeader('x-voicectl-tool-token');
  take(response, '200 OK', (body) => service.placeOrder(tenant, session, token, body));
});
app.ws('/ws/sessions/:session', {
  idleTimeout: 120,
  upgrade(response, request, context) {
    const session = request.getParameter(0);
    if (!mayFollow(session, request.getQuery('token'))) {
      response.writeStatus('401 Unauthorized').end();
      return;
    }
    response.upgrade({ session }, request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'), request.getHeader('sec-websocket-extensions'),
      context);
  },
  open(socket) { socket.subscribe(`session:${socket.getUserData().session}`); },
});
app.listen('127.0.0.1', 0, (token) => ready(uws.us_socket_local_port(token)));
