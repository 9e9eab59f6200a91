// SPDX-License-Identifier: Apache-2.0
// The `ws` package as a client of our server: sends texts of many sizes and shapes, checks every
// echo, pings, and closes. Prints one line, "ok <messages>" or what went wrong.
'use strict';
const WebSocket = require('ws');

const port = Number(process.argv[2]);
const sizes = [0, 1, 125, 126, 127, 65535, 65536, 300000];
const texts = sizes.map((size) => 'x'.repeat(size)).concat(['äöü κόσμε 𝄞', '\u0000', '{"a":[1,2]}']);

function fail(why) {
  console.log(why);
  process.exit(1);
}

// The server declines the compression that the client offers.
const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, {perMessageDeflate: true});
const expected = [];
let received = 0;
let pongs = 0;

function finish() {
  if (received === expected.length && pongs === 2) {
    socket.close(4001, 'done');
  }
}

socket.on('open', () => {
  if (socket.extensions !== '') {
    fail(`the server accepted ${socket.extensions}`);
  }
  for (const text of texts) {
    expected.push(text);
    socket.send(text);
  }
  // The same in fragments, with a ping between them.
  for (const text of texts) {
    expected.push(text + text);
    socket.send(text, {fin: false});
    socket.send(text, {fin: true});
  }
  socket.ping('one');
  socket.ping(Buffer.alloc(125));
});
socket.on('message', (data, isBinary) => {
  if (isBinary || data.toString() !== 'echo ' + expected[received]) {
    fail(`message ${received} came back changed`);
  }
  received += 1;
  finish();
});
socket.on('pong', (data) => {
  if (data.toString() !== (pongs === 0 ? 'one' : '\u0000'.repeat(125))) {
    fail('a pong has another payload than its ping');
  }
  pongs += 1;
  finish();
});
socket.on('error', (error) => fail(error.message));
socket.on('close', (code) => {
  if (code !== 4001) {
    fail(`closed with ${code} after ${received} messages`);
  }
  console.log(`ok ${received}`);
});
