// SPDX-License-Identifier: Apache-2.0
'use strict';

// Without a framework: node:http, ws, undici's dispatcher, ioredis with pipelining.

const http = require('node:http');
const Redis = require('ioredis');
const { WebSocketServer } = require('ws');
const { withDispatch } = require('./outside.js');
const { Refused, Service, config, mayFollow, ready } = require('./service.js');

const followers = new Map();
const service = new Service(new Redis({ ...config.redis, enableAutoPipelining: true }),
  withDispatch(config.fakes),
  (session, event) => {
    const sockets = followers.get(session);
    if (sockets) {
      const text = JSON.stringify(event);
      sockets.forEach((socket) => socket.send(text));
    }
  });

function answer(response, status, text) {
  response.writeHead(status,
    { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

function take(request, response, status, act) {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', async () => {
    try {
      const text = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
      answer(response, status, JSON.stringify(await act(JSON.parse(text))));
    } catch (error) {
      const refused = error instanceof Refused;
      answer(response, refused ? error.status : 500, refused ? error.body : '{}');
    }
  });
}

const TOOL_PATH = /^\/webhook\/([^/]+)\/tools\/placeOrder$/;

const server = http.createServer((request, response) => {
  const { headers } = request;
  if (request.method === 'POST' && request.url === '/api/sessions') {
    take(request, response, 201, (body) => service.createSession(headers['x-api-key'], body));
    return;
  }
  const path = request.method === 'POST' ? TOOL_PATH.exec(request.url) : null;
  if (path === null) {
    answer(response, 404, '{}');
    return;
  }
  take(request, response, 200, (body) => service.placeOrder(path[1], headers['x-voicectl-session'],
    headers['x-voicectl-tool-token'], body));
});
server.keepAliveTimeout = 75_000;

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
server.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://localhost');
  const session = url.pathname.slice('/ws/sessions/'.length);
  if (!mayFollow(session, url.searchParams.get('token'))) {
    socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (follower) => {
    if (!followers.has(session)) {
      followers.set(session, new Set());
    }
    followers.get(session).add(follower);
    follower.on('close', () => followers.get(session).delete(follower));
  });
});
server.listen(0, '127.0.0.1', () => ready(server.address().port));
