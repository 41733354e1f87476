// Events of applications that keep the state of their envelopes themselves.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import Ajv from 'ajv';
import { makeEvent } from './lib/api.mjs';
import { makeEventId } from './lib/ids.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { eventually, pause } from './lib/wait.mjs';

const server = await startServer();
after(() => server.close());

async function receiverFor(t) {
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  return receiver;
}

test('an accepted event can be read back, with its deliveries and its proof', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url);
  const sent = makeEvent({ timestamp: '2026-05-26T14:32:00.123Z', envelope: { metadata: { montant_ht: 12500 } } });
  const accepted = await api.postEvent(sent);
  assert.match(accepted.id, /^evt_[0-9A-HJKMNP-TV-Z]{26}$/);
  const read = await api.event(accepted.id);
  assert.deepEqual([read.id, read.type, read.timestamp], [accepted.id, sent.type, sent.timestamp]);
  assert.deepEqual(read.data, sent.data);
  await api.delivered({ event_id: accepted.id });
  assert.equal((await api.eventDeliveries(accepted.id)).length, 1);
  (await api.tryEvent(makeEventId())).expectProblem(404, 'not_found');
});

test('every event type is published with a schema and an example that meets it', async () => {
  const api = await server.workspace();
  const { data } = await api.eventTypes();
  assert.ok(data.length >= 33);
  for (const type of data) {
    const name = type.name ?? type.type;
    assert.equal(type.schema.type, 'object', name);
    const answer = await api.postEvent({ type: name, data: type.example });
    assert.equal(answer.status, 'accepted', `${name}: ${JSON.stringify(answer)}`);
  }
});

/** Lives of envelopes through which every type comes that envelopes can emit by themselves. */
async function everyLife(api) {
  const file = await api.upload(Buffer.from('%PDF-1.4 original'));
  const files = [{ file_id: file.id }];
  const sent = async (signers, options = {}) => {
    const recipients = Array.from({ length: signers }, (_, n) => ({ name: `Signer ${n}`, email: `s${n}@supplier.example` }));
    const envelope = await api.createEnvelope({ title: 'Contrat', level: 'advanced', recipients, files, ...options });
    return api.envelopeAction(envelope.id, 'send');
  };
  const whole = await sent(4);
  const [first, second, third, fourth] = whole.recipients.map((recipient) => recipient.id);
  for (const what of ['notified', 'delivery-failed', 'viewed', 'authentication-failed', 'authenticated', 'started', 'reminded', 'signed'])
    await api.report(whole.id, first, what, { ip: '203.0.113.7', method: 'email_otp' });
  await api.report(whole.id, second, 'reassigned', { name: 'Alix Roy', email: 'alix@supplier.example' });
  await api.report(whole.id, fourth, 'removed');
  await api.envelopeAction(whole.id, 'return', { reason: 'a page is missing' });
  await api.envelopeAction(whole.id, 'resubmit');
  const { recipients } = await api.envelope(whole.id);
  assert.ok(recipients.some(({ id }) => id === third));
  for (const { id } of recipients.filter(({ status }) => !['signed', 'removed', 'reassigned'].includes(status))) {
    await api.report(whole.id, id, 'viewed');
    await api.report(whole.id, id, 'signed');
  }
  await api.attach(whole.id, [{ file_id: file.id, kind: 'signed_pdf' }]);
  const late = await sent(1, { expires_at: new Date(Date.now() + 1500).toISOString() });
  const refused = await sent(2);
  await api.report(refused.id, refused.recipients[0].id, 'declined', { reason: 'the amount is wrong' });
  await api.envelopeAction((await sent(1)).id, 'void', { reason: 'made twice' });
  await api.envelopeAction((await sent(1)).id, 'fail', { reason: 'given up' });
  const approved = await sent(2, { recipients: [{ name: 'A', email: 'a@b.example', role: 'approver' },
                                                { name: 'B', email: 'b@b.example' }] });
  await api.report(approved.id, approved.recipients[0].id, 'approved');
  const draft = await api.createEnvelope({ title: 'Draft', level: 'simple', recipients: [], files: [] });
  (await api.request('DELETE', `/v1/envelopes/${draft.id}`)).expect(204);
  await eventually('the expiry', async () => (await api.envelope(late.id)).status === 'expired');
}

test('whatever envelopes emit by themselves meets the schema that is published for its type', async () => {
  const api = await server.workspace();
  await everyLife(api);
  const ajv = new Ajv({ strict: false, allErrors: true });
  const schemas = new Map((await api.eventTypes()).data.map(({ type, schema }) => [type, ajv.compile(schema)]));
  const seen = new Set();
  for (const { id, type } of (await api.events({ limit: 200 })).data) {
    const meets = schemas.get(type);
    seen.add(type);
    assert.ok(meets((await api.event(id)).data), `${type}: ${ajv.errorsText(meets.errors)}`);
  }
  const unseen = [...schemas.keys()].filter((type) => /^(envelope|recipient|evidence)\./.test(type) && !seen.has(type));
  assert.deepEqual(unseen, []);
});

test('the same id with the same content is the same answer, with other content a conflict', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url);
  const event = makeEvent({ id: makeEventId() });
  const first = await api.postEvent(event);
  assert.equal(first.id, event.id);
  const again = await api.postEvent(event);
  assert.equal(again.id, event.id);
  assert.equal(again.status, 'accepted');
  const other = { ...event, data: { envelope: { id: 'another' } } };
  (await api.tryPostEvent(other)).expectProblem(409, 'conflict');
  await receiver.waitFor(1);
  await pause(300);
  assert.equal(receiver.count, 1);
  assert.equal((await api.events({ limit: 100 })).data.length, 1);
  // Ids belong to a workspace: another one may use the same and learns nothing.
  const stranger = await server.workspace();
  (await stranger.tryEvent(event.id)).expectProblem(404);
});

test('the same Idempotency-Key is the same answer, another body under it a conflict', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url);
  const event = makeEvent();
  const key = { 'idempotency-key': 'order-4711' };
  const [first, ...rest] = await Promise.all([1, 2, 3, 4].map(() => api.postEvent(event, key)));
  for (const again of rest) assert.equal(again.id, first.id);
  (await api.tryPostEvent(makeEvent(), key)).expectProblem(409, 'conflict');
  const elsewhere = await (await server.workspace()).postEvent(event, key);
  assert.notEqual(elsewhere.id, first.id);
  await receiver.waitFor(1);
  await pause(300);
  assert.equal(receiver.count, 1);
  const entity = { reference: 'E-1', name: 'One' };
  const made = (await api.post('/v1/entities', entity, { 'idempotency-key': 'entity-1' })).expect(201);
  const same = (await api.post('/v1/entities', entity, { 'idempotency-key': 'entity-1' })).expect(201);
  assert.equal(same.id, made.id);
  await server.restart();
  assert.equal((await api.postEvent(event, key)).id, first.id, 'also after a restart');
});

test('a batch answers for each of its events', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url);
  const id = makeEventId();
  const known = makeEvent({ id });
  await api.postEvent(known);
  const results = await api.postBatch([
    makeEvent(), makeEvent({ type: 'recipient.signed' }), known, makeEvent({ id, envelope: { id: 'other' } })]);
  assert.equal(results.length, 4);
  assert.equal(results[0].status, 'accepted');
  assert.equal(results[1].status, 'quarantined', 'a recipient.signed without its recipient');
  assert.equal(results[2].id, id);
  assert.equal(results[2].status, 'accepted');
  assert.notEqual(results[3].status, 'accepted', JSON.stringify(results[3]));
  await receiver.waitFor(2);
});

test('a batch of a thousand is taken whole, one of a thousand and one is not', async () => {
  const api = await server.workspace();
  const thousand = Array.from({ length: 1000 }, (_, n) => makeEvent({ envelope: { id: `b-${n}` } }));
  const results = await api.postBatch(thousand);
  assert.equal(results.length, 1000);
  assert.equal(new Set(results.map((r) => r.id)).size, 1000);
  assert.ok(results.every((r) => r.status === 'accepted'));
  const answer = await api.tryPostBatch([...thousand, makeEvent()]);
  assert.ok([413, 422].includes(answer.status), answer.text);
  answer.expectProblem(answer.status);
  const seen = new Set();
  let cursor;
  do {
    const page = await api.events({ limit: 200, cursor });
    for (const event of page.data) seen.add(event.id);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  assert.deepEqual(seen, new Set(results.map((r) => r.id)));
});

test('what does not meet the schema of its type is quarantined with an alert and not delivered', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url);
  const bad = [
    { type: 'envelope.completed', data: { envelope: { id: 'e' } } },                  // no files
    { type: 'envelope.declined', data: { envelope: { id: 'e' } } },                   // no reason
    { type: 'envelope.expired', data: { envelope: { id: 'e' } } },                    // nobody named
    { type: 'envelope.sent', data: {} },
    { type: 'envelope.sent', data: { envelope: { id: 7 } } },
    { type: 'envelope.sent', data: { envelope: { id: 'e', level: 'enormous' } } },
    { type: 'envelope.sent', data: { envelope: { id: 'e', metadata: [] } } },
  ];
  for (const event of bad) {
    const answer = await api.postEvent(event);
    assert.equal(answer.status, 'quarantined', JSON.stringify(event));
  }
  const kept = await api.quarantine();
  assert.equal(kept.length, bad.length);
  assert.match(JSON.stringify(kept), /\/data\/envelope/, 'with the place of what is wrong');
  await api.alertWhen('the quarantine', (a) => /quarantine/.test(JSON.stringify(a)));
  await pause(300);
  assert.equal(receiver.count, 0);
  assert.equal((await api.events()).data.length, 0);
});

// Attack table, row 67.
test('an amount that is null, negative, text or absurd is quarantined by the schema of the workspace', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url);
  await api.putSettings({ metadata_schema: {
    type: 'object', required: ['montant_ht'],
    properties: { montant_ht: { type: 'number', minimum: 0, maximum: 1_000_000_000 } } } });
  const post = (text) => api.request('POST', '/v1/events', {
    headers: { 'content-type': 'application/json' },
    body: `{"type":"envelope.sent","data":{"envelope":{"id":"e","metadata":{"montant_ht":${text}}}}}` });
  for (const amount of ['null', '-1', '-0.01', '"12,500"', '"12500"', '1e308', '1000000000.01', 'true', '[1]']) {
    const answer = (await post(amount)).expect(202);
    assert.equal(answer.status, 'quarantined', amount);
  }
  assert.equal((await api.postEvent(makeEvent())).status, 'quarantined', 'the amount is missing');
  await api.alertWhen('the amount', (a) => /quarantine/.test(JSON.stringify(a)));
  const good = (await post('12500.10')).expect(202);
  assert.equal(good.status, 'accepted');
  await receiver.waitFor(1);
  assert.deepEqual(receiver.requests.map((r) => r.headers['webhook-id']), [good.id]);
  assert.match(receiver.requests[0].body.toString(), /"montant_ht":12500\.10?[,}]/);
});

test('a metadata schema that cannot be used is refused when it is set', async () => {
  const api = await server.workspace();
  for (const metadata_schema of [{ type: 'enormous' }, { $ref: 'https://example.com/schema.json' },
                                 { properties: { a: { pattern: '(a+)+$' } } }, 'text',
                                 { $ref: '#' }, { allOf: [{ $ref: '#' }] }, { not: { $ref: '#' } }, { $ref: '#/nowhere' },
                                 { definitions: { a: { $ref: '#/definitions/b' }, b: { $ref: '#/definitions/a' } } },
                                 { properties: { properties: { pattern: '(a+)+$' } } }, { minimum: 'x' }, { required: 7 }])
    (await api.trySettings({ metadata_schema })).expectProblem(422, 'invalid_argument');
});

// Attack table, rows 63, 66 and 68, and what else cannot be read.
test('what cannot be read is refused with the reason, and the server goes on', async () => {
  const api = await server.workspace();
  const post = (body, headers = { 'content-type': 'application/json' }) =>
    api.request('POST', '/v1/events', { body, headers });
  const around = (inside) => `{"type":"envelope.sent","data":{"envelope":{"id":"e"},"metadata":${inside}}}`;
  const unreadable = {
    'no JSON': 'hello',
    'nothing after a brace': '{',
    'a depth of 100,000': around('['.repeat(100_000) + ']'.repeat(100_000)),
    'a number beyond measure': around('{"a":1e999}'),
    'a lone surrogate': around('{"a":"\\ud800"}'),
    'a doubled member': around('{"amount":1,"amount":2}'),
    'bytes that are no UTF-8': Buffer.from(around('{"a":"\xff"}'), 'latin1'),
    'two documents': `${around('{}')}${around('{}')}`,
    'a comment': `/* */ ${around('{}')}`,
    'NaN': around('{"a":NaN}'),
    'a NUL byte': around('{"a":"\0"}'),
  };
  for (const [what, body] of Object.entries(unreadable)) {
    const answer = await post(body);
    assert.equal(answer.status, 400, `${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
    answer.expectProblem(400, 'malformed');
  }
  const keys = `{${Array.from({ length: 100_000 }, (_, n) => `"${n}":0`).join()}}`;
  const many = await post(around(keys));
  assert.ok([400, 413].includes(many.status), `100,000 members: ${many.status} ${many.text.slice(0, 200)}`);
  const large = await post(around(`"${'x'.repeat(1 << 20)}"`));
  large.expectProblem(413, 'too_large');
  (await post(around('{}'), { 'content-type': 'application/xml' })).expectProblem(415);
  (await post('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
              { 'content-type': 'application/json' })).expectProblem(400);
  (await post(Buffer.from(around('{}')), {})).expectProblem(415);
  (await post(around('{}'), { 'content-type': 'application/json', 'content-encoding': 'gzip' })).expectProblem(415);
  for (const body of [[], 'text', 5, null])
    assert.ok([400, 422].includes((await api.post('/v1/events', body)).status), JSON.stringify(body));
  const typed = [{ type: 'no.such.event', data: {} }, { data: {} }, { type: 'envelope.sent' },
                 { ...makeEvent(), timestamp: 'yesterday' }, { ...makeEvent(), unknown: 1 },
                 { ...makeEvent(), entity_id: 'ent_00000000000000000000000000' }];
  for (const event of typed) {
    const answer = await api.tryPostEvent(event);
    const held = answer.status === 202 && answer.json.status === 'quarantined';
    assert.ok(held || [400, 404, 422].includes(answer.status), `${JSON.stringify(event)}: ${answer.text}`);
  }
  assert.equal((await api.postEvent(makeEvent())).status, 'accepted');
});
