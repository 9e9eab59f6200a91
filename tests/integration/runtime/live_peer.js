// SPDX-License-Identifier: Apache-2.0
// The `ws` package as a client of a tenant's WebSockets: does what no client may, each time on a
// connection of its own, and prints "<deed> <code> <reason>" for how that ended. At the end it
// prints "waiting" and stays until the server closes.
'use strict';
const WebSocket = require('ws');

const url = process.argv[2];

/// A text frame with a mask of zeros, byte for byte.
const rawText = (bytes) => Buffer.from([0x81, 0x80 | bytes.length, 0, 0, 0, 0, ...bytes]);

const deeds = {
  nothing: (socket) => socket.close(1000, 'bye'),
  longest: (socket) => socket.send('x'.repeat(65536), () => socket.close(1000)),
  binary: (socket) => socket.send(Buffer.from([1, 2, 3])),
  'bad-utf8': (socket) => socket._socket.write(rawText([0xc3, 0x28])),
  'half-utf8': (socket) => socket._socket.write(rawText([0xe2, 0x82])),
  surrogate: (socket) => socket._socket.write(rawText([0xed, 0xa0, 0x80])),
  'too-long': (socket) => socket.send('x'.repeat(65537)),
  'too-long-in-pieces': (socket) => {
    socket.send('x'.repeat(40000), {fin: false});
    socket.send('x'.repeat(40000), {fin: true});
  },
  unmasked: (socket) => socket._socket.write(Buffer.from([0x81, 0x01, 0x78])),
  reserved: (socket) => socket._socket.write(Buffer.from([0xc1, 0x80, 0, 0, 0, 0])),
  waiting: () => console.log('waiting'),
};

function next(names) {
  if (names.length === 0) {
    return;
  }
  const socket = new WebSocket(url);
  socket.on('open', () => deeds[names[0]](socket));
  // What the server answers to a frame that is none is told by its code.
  socket.on('error', (error) => console.log(`${names[0]} failed: ${error.message}`));
  socket.on('close', (code, reason) => {
    console.log(`${names[0]} ${code} ${reason}`);
    next(names.slice(1));
  });
}
next(Object.keys(deeds));
