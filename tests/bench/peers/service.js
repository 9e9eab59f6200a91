// SPDX-License-Identifier: Apache-2.0
'use strict';

// What all peers do, apart from HTTP, WebSockets and outgoing calls: check who asks, check what is
// asked, keep the session in Redis, ask ERPNext or Ultravox, tell the followers.

const crypto = require('node:crypto');

const options = Object.fromEntries(
  process.argv.slice(2).map((text) => text.replace(/^--/, '').split('=')),
);

const config = {
  tenant: options.tenant,
  keyHash: crypto.createHash('sha256').update(options.key).digest(),
  toolSecret: crypto.randomBytes(32).toString('hex'),
  fakes: `http://127.0.0.1:${options.fakes}`,
  redis: { host: '127.0.0.1', port: Number(options.redis) },
  erpAuthorization: 'token 0123456789abcde:fedcba987654321',
  sessionSeconds: 3600,
};

const PLACE_ORDER = '/api/method/business_workflows.api.restaurant_logic.place_order';
const ORDER_TYPES = new Set(['Takeaway', 'Delivery', 'Dine In']);
const PROMPT =
  'You are the voice agent of the restaurant. Speak briefly and kindly; never read out symbols ' +
  'or lists. Take orders. Repeat the items and ask for confirmation before you call placeOrder.\n' +
  'What the business offers:\n- Margherita Pizza, $18.99\n- Garlic Bread, $8.99\n';

class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.body = JSON.stringify({ error: { code, message } });
  }
}

function hmac(text) {
  return crypto.createHmac('sha256', config.toolSecret).update(text).digest('hex');
}

function sameText(a, b) {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && crypto.timingSafeEqual(left, right);
}

const toolToken = (session) => hmac(session);
const sessionToken = (session) => hmac(`session-token:${session}`).slice(0, 32);
const sessionKey = (session) => `business:${config.tenant}:session:${session}`;

function mayFollow(session, token) {
  return typeof session === 'string' && typeof token === 'string' &&
    sameText(sessionToken(session), token);
}

function checkKey(key) {
  const hash = crypto.createHash('sha256').update(key ?? '').digest();
  if (!crypto.timingSafeEqual(hash, config.keyHash)) {
    throw new Refused(401, 'unauthorized', 'cannot let the request in: it needs a key');
  }
}

function checkToolToken(session, token) {
  if (!session || !token || !sameText(toolToken(session), token)) {
    throw new Refused(401, 'unauthorized', "cannot run the tool: the session's token is missing");
  }
}

function checkTenant(tenant) {
  if (tenant !== config.tenant) {
    throw new Refused(404, 'not_found', 'cannot find that tenant here');
  }
}

const isText = (value, longest) =>
  typeof value === 'string' && value.length > 0 && value.length <= longest;

function checkOrder(order) {
  const isWhole = order !== null && typeof order === 'object' &&
    isText(order.customer_name, 2000) && ORDER_TYPES.has(order.order_type) &&
    Array.isArray(order.items) && order.items.length > 0 && order.items.length <= 50 &&
    order.items.every((item) => isText(item.item_name, 2000) &&
      Number.isInteger(item.quantity) && item.quantity > 0) &&
    (order.phone === undefined || isText(order.phone, 2000));
  if (!isWhole) {
    throw new Refused(400, 'invalid_argument', 'cannot place the order: something is missing');
  }
}

function checkCustomer(body) {
  if (body === null || typeof body !== 'object' || !isText(body.customer_name, 200) ||
      (body.customer_phone !== undefined && !isText(body.customer_phone, 50))) {
    throw new Refused(400, 'invalid_argument', "cannot create a session: 'customer_name' is missing");
  }
}

function callRequest(session) {
  const url = `http://127.0.0.1/webhook/${config.tenant}`;
  const callback = { url: `${url}/ultravox`, secrets: ['bench-webhook-secret'] };
  const parameter = (name, schema, required) =>
    ({ name, location: 'PARAMETER_LOCATION_BODY', schema, required });
  return JSON.stringify({
    systemPrompt: PROMPT,
    languageHint: 'en',
    maxDuration: '3600s',
    medium: { webRtc: {} },
    metadata: { session_id: session.session_id, tenant: config.tenant },
    callbacks: { joined: callback, ended: callback, billed: callback },
    selectedTools: [{
      temporaryTool: {
        modelToolName: 'placeOrder',
        description: 'Places an order once the customer has confirmed all items.',
        dynamicParameters: [
          parameter('customer_name', { type: 'string', description: 'Name of the customer' }, true),
          parameter('items', {
            type: 'array', minItems: 1, description: 'What is ordered',
            items: {
              type: 'object', required: ['item_name', 'quantity'],
              properties: {
                item_name: { type: 'string' }, quantity: { type: 'integer', minimum: 1 },
                special_instructions: { type: 'string' },
              },
            },
          }, true),
          parameter('order_type', { type: 'string', enum: [...ORDER_TYPES] }, true),
          parameter('delivery_address', { type: 'string' }, false),
          parameter('phone', { type: 'string' }, false),
        ],
        staticParameters: [{
          name: 'X-Voicectl-Session', location: 'PARAMETER_LOCATION_HEADER',
          value: session.session_id,
        }],
        timeout: '10s',
        http: { baseUrlPattern: `${url}/tools/placeOrder`, httpMethod: 'POST' },
        requirements: {
          httpSecurityOptions: {
            options: [{ requirements: { tool: { headerApiKey: { name: 'X-Voicectl-Tool-Token' } } } }],
          },
        },
      },
      authTokens: { tool: toolToken(session.session_id) },
    }],
  });
}

// The two requests that are measured. `outside` is { post(url, headers, text) -> object }, `tell` gets the
// session and the event for its followers.
class Service {
  constructor(redis, outside, tell) {
    this.redis = redis;
    this.outside = outside;
    this.tell = tell;
  }

  store(session) {
    return this.redis.setex(sessionKey(session.session_id), config.sessionSeconds,
      JSON.stringify(session));
  }

  async createSession(key, body) {
    checkKey(key);
    checkCustomer(body);
    const id = `${config.tenant}_${crypto.randomBytes(10).toString('hex')}`;
    const session = {
      session_id: id, tenant: config.tenant, namespace: `business:${config.tenant}`,
      ultravox_call_id: null, join_url: null, customer_name: body.customer_name,
      customer_phone: body.customer_phone ?? '', business_type: 'restaurant',
      status: 'initializing', created_at: new Date().toISOString(), start_time: null,
      end_time: null, duration: null, transcript: null,
      context: { step: 'greeting', extracted_data: {} }, last_tool_call: null,
      business_outcome: null, reference_doctype: null, reference_document: null,
      node_server_id: 'node-1',
    };
    await this.store(session);
    const call = await this.outside.post(`${config.fakes}/api/calls`,
      { 'X-API-Key': 'bench-ultravox-key' }, callRequest(session));
    session.ultravox_call_id = call.callId;
    session.join_url = call.joinUrl;
    session.status = 'ready';
    const month = session.created_at.slice(0, 7);
    await Promise.all([this.store(session), this.redis.incr(`usage:${config.tenant}:${month}:count`)]);
    this.tell(id, { type: 'session.ready', session_id: id, data: { call_id: call.callId } });
    return {
      session_id: id, tenant: config.tenant, status: session.status, join_url: session.join_url,
      ultravox_call_id: session.ultravox_call_id, websocket_url: `ws://127.0.0.1/ws/sessions/${id}`,
      created_at: session.created_at, token: sessionToken(id),
    };
  }

  async placeOrder(tenant, id, token, order) {
    checkTenant(tenant);
    checkToolToken(id, token);
    checkOrder(order);
    const stored = await this.redis.get(sessionKey(id));
    if (stored === null) {
      throw new Refused(404, 'not_found', 'cannot find the session');
    }
    const session = JSON.parse(stored);
    const answer = await this.outside.post(`${config.fakes}${PLACE_ORDER}`,
      { Authorization: config.erpAuthorization },
      JSON.stringify({ ...order, company: config.tenant, voice_session: id }));
    const placed = answer.message;
    const result = {
      success: placed.success, order_id: placed.order_id, total_amount: placed.total_amount,
      estimated_time: placed.estimated_time,
      message: `Thank you, ${order.customer_name}. Your order is placed. The total is ` +
        `$${placed.total_amount} and it will be ready in about ${placed.estimated_time} minutes.`,
    };
    const timestamp = new Date().toISOString();
    session.last_tool_call = { tool: 'placeOrder', parameters: order, result, timestamp };
    session.context = { step: 'done', extracted_data: order };
    session.business_outcome = 'order.created';
    session.reference_doctype = 'Voice Restaurant Order';
    session.reference_document = placed.order_id;
    await this.store(session);
    this.tell(id, {
      type: 'order.created', session_id: id, at: timestamp,
      data: { ...result, customer_name: order.customer_name, items: order.items },
    });
    return result;
  }
}

function ready(port) {
  process.stdout.write(`${JSON.stringify({ port, pid: process.pid })}\n`);
}

module.exports = { Refused, Service, config, mayFollow, options, ready };
