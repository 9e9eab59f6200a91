// SPDX-License-Identifier: Apache-2.0
// The usual way to serve WebSockets with Node.js under PM2's cluster mode: every worker has its own
// sockets, and on a reload it says goodbye to them. Each worker numbers its own events.
'use strict';
const http = require('http');
const { WebSocketServer } = require('ws');

let seq = 0;
const server = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const text = JSON.stringify({ seq: ++seq, type: 'session.created' });
    for (const socket of sockets.clients) {
      socket.send(text);
    }
    response.writeHead(201, { 'Content-Type': 'application/json' });
    response.end('{}');
  });
});
const sockets = new WebSocketServer({ server });

process.on('SIGINT', () => {
  for (const socket of sockets.clients) {
    socket.close(1012, 'service restart');
  }
  server.close(() => process.exit(0));
  server.closeIdleConnections && server.closeIdleConnections();
  setTimeout(() => process.exit(0), 2000);
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send && process.send('ready'));
