// SPDX-License-Identifier: Apache-2.0
'use strict';

// The platform's old design: Express, Socket.io, ioredis, and axios (--outside=axios) or undici.

const http = require('node:http');
const express = require('express');
const Redis = require('ioredis');
const { Server } = require('socket.io');
const { withAxios, withUndici } = require('./outside.js');
const { Refused, Service, config, mayFollow, options, ready } = require('./service.js');

const app = express();
const server = http.createServer(app);
server.keepAliveTimeout = 75_000;

const io = new Server(server, { transports: ['websocket'] });
io.use((socket, next) => {
  const { session, token } = socket.handshake.auth;
  next(mayFollow(session, token) ? undefined : new Error('unauthorized'));
});
io.on('connection', (socket) => socket.join(`session:${socket.handshake.auth.session}`));

const service = new Service(new Redis(config.redis),
  options.outside === 'axios' ? withAxios() : withUndici(),
  (session, event) => io.to(`session:${session}`).emit('event', event));

app.use(express.json());
app.post('/api/sessions', async (request, response) => {
  response.status(201).json(await service.createSession(request.get('X-API-Key'), request.body));
});
app.post('/webhook/:tenant/tools/placeOrder', async (request, response) => {
  response.json(await service.placeOrder(request.params.tenant, request.get('X-Voicectl-Session'),
    request.get('X-Voicectl-Tool-Token'), request.body));
});
app.use((error, request, response, next) => {
  if (error instanceof Refused) {
    response.status(error.status).type('json').send(error.body);
  } else {
    next(error);
  }
});

server.listen(0, '127.0.0.1', () => ready(server.address().port));
