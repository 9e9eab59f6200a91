// SPDX-License-Identifier: Apache-2.0
'use strict';

// Outgoing HTTP in three ways, all over connections that are kept.

const http = require('node:http');

function withAxios() {
  const client = require('axios').create({ httpAgent: new http.Agent({ keepAlive: true }) });
  return {
    async post(url, headers, text) {
      const answer = await client.post(url, text,
        { headers: { ...headers, 'Content-Type': 'application/json' } });
      return answer.data;
    },
  };
}

function withUndici() {
  const { Agent, request } = require('undici');
  const dispatcher = new Agent({ connections: 64 });
  return {
    async post(url, headers, text) {
      const answer = await request(url, {
        dispatcher, method: 'POST', body: text,
        headers: { ...headers, 'content-type': 'application/json' },
      });
      if (answer.statusCode >= 300) {
        throw new Error(`cannot use status ${answer.statusCode}`);
      }
      return answer.body.json();
    },
  };
}

// undici without its streams: the least that it can do for an answer.
function withDispatch(origin) {
  const { Pool } = require('undici');
  const pool = new Pool(origin, { connections: 64 });
  return {
    post(url, headers, text) {
      return new Promise((resolve, reject) => {
        let status = 0;
        let body = '';
        pool.dispatch({
          path: url.slice(origin.length), method: 'POST', body: text,
          headers: { ...headers, 'content-type': 'application/json' },
        }, {
          onConnect() {},
          onHeaders(code) { status = code; return true; },
          onData(piece) { body += piece.toString('utf8'); return true; },
          onComplete() {
            if (status >= 300) {
              reject(new Error(`cannot use status ${status}`));
            } else {
              resolve(JSON.parse(body));
            }
          },
          onError: reject,
        });
      });
    },
  };
}

module.exports = { withAxios, withDispatch, withUndici };
