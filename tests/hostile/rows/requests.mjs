// What callers of the API send.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { Api, makeEvent } from '../../e2e/lib/api.mjs';
import { makeId } from '../../e2e/lib/ids.mjs';
import { exchangeRaw } from '../../e2e/lib/raw.mjs';

const json_type = { 'content-type': 'application/json' };
const around = (metadata) => `{"type":"envelope.sent","data":{"envelope":{"id":"e","metadata":${metadata}}}}`;
const post = (api, body, headers = json_type) => api.request('POST', '/v1/events', { body, headers });
const nextRequest = 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Smuggled: 1\r\n\r\n';

async function headersAtSave(world) {
  const api = await world.workspace();
  for (const [name, value] of [['X-A', 'a\r\nX-Evil: 1'], ['X-A', 'a\nb'], ['X-A', 'a\0b'], ['X A', 'b'], ['X-A:', 'b'], ['', 'b'], ['X\r\nY', 'b']])
    (await api.tryWebhook('https://example.com/', { headers: { [name]: value } })).expectProblem(422);
  assert.deepEqual(await api.destinations(), []);
}

async function reservedHeaders(world) {
  const api = await world.workspace();
  for (const name of ['Host', 'Content-Length', 'content-length', 'Transfer-Encoding', 'Connection', 'Upgrade', 'TE', 'Expect', 'Content-Type',
                      'webhook-id', 'Webhook-Signature', 'webhook-timestamp'])
    (await api.tryWebhook('https://example.com/', { headers: { [name]: 'x' } })).expectProblem(422);
  assert.deepEqual(await api.destinations(), []);
}

async function signedWords(world) {
  const api = await world.workspace();
  for (const id of ['evt_1.2', 'evt_\r\nX: y', 'evt_\0', '1.2.3', '', 'x'.repeat(300), 7])
    assert.ok([400, 422].includes((await api.tryPostEvent({ ...makeEvent(), id })).status), JSON.stringify(id));
  for (const type of ['envelope.sent\r\nX: y', 'envelope.sent\0', '', 7]) {
    const answer = await api.tryPostEvent({ ...makeEvent(), type });
    assert.ok([400, 422].includes(answer.status) || answer.json?.status === 'quarantined', JSON.stringify(type));
  }
}

async function largeBodies(world) {
  const api = await world.workspace();
  const head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n`;
  const grown = await world.growth(async () => {
    const declared = await exchangeRaw(world.server.address, `${head}Content-Length: 104857600\r\n\r\n`);
    assert.deepEqual([declared.statuses, declared.closed], [[413], true]);
    const endless = await exchangeRaw(world.server.address, `${head}Transfer-Encoding: chunked\r\n\r\n`,
                                      ...Array.from({ length: 40 }, () => `10000\r\n${' '.repeat(65536)}\r\n`));
    assert.deepEqual([endless.statuses, endless.closed], [[413], true]);
    const none = await exchangeRaw(world.server.address, `${head}Content-Length: 0\r\n\r\n{}${nextRequest}`);
    assert.ok(none.closed && [400, 422].includes(none.statuses[0]) && none.statuses[1] === 400 && none.statuses.length === 2, none.text.slice(0, 600));
  });
  assert.ok(grown < 16 << 20, `memory grew by ${grown}`);
}

async function codedBodies(world) {
  const api = await world.workspace();
  for (const [coding, body] of [['gzip', gzipSync(Buffer.alloc(64 << 20))], ['deflate', Buffer.from('x')], ['gzip, gzip', gzipSync(gzipSync('{}'))], ['br', Buffer.from('x')]])
    (await post(api, body, { ...json_type, 'content-encoding': coding })).expectProblem(415);
}

async function smuggling(world) {
  const api = await world.workspace();
  const head = `Host: x\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n`;
  const event = (fields, body = '') => `POST /v1/events HTTP/1.1\r\n${head}${fields}\r\n${body}`;
  const cases = {
    'length and chunks': event('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${nextRequest}`),
    'two lengths': event('Content-Length: 5\r\nContent-Length: 6\r\n', `{   }${nextRequest}`),
    'a list of lengths': event('Content-Length: 2, 2\r\n', `{}${nextRequest}`),
    'a signed length': event('Content-Length: +2\r\n', `{}${nextRequest}`),
    'an endless length': event('Content-Length: 99999999999999999999999\r\n', `{}${nextRequest}`),
    'an unknown coding': event('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${nextRequest}`),
    'a space before the colon': event('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${nextRequest}`),
    'a folded line': event('Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${nextRequest}`),
    'a bare line feed': event('X-A: b\nContent-Length: 2\r\n', `{}${nextRequest}`),
    'a bare carriage return': event('X-A: b\rContent-Length: 40\r\nContent-Length: 2\r\n', `{}${nextRequest}`),
    'a NUL in a value': event('X-A: b\0c\r\nContent-Length: 2\r\n', `{}${nextRequest}`),
    'a bad chunk size': event('Transfer-Encoding: chunked\r\n', `zz\r\n{}\r\n0\r\n\r\n${nextRequest}`),
    'a chunk longer than its size': event('Transfer-Encoding: chunked\r\n', `1\r\n{}\r\n0\r\n\r\n${nextRequest}`),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    const { statuses, closed, text } = await exchangeRaw(world.server.address, bytes);
    assert.ok(closed && statuses.length === 1 && [400, 415, 501].includes(statuses[0]), `${what}: ${text.slice(0, 400)}`);
  }
}

async function unreadableJson(world) {
  const api = await world.workspace();
  const bodies = {
    'a depth of 100,000': around('['.repeat(100_000) + ']'.repeat(100_000)), 'a number beyond measure': around('{"a":1e999}'),
    'a lone surrogate': around('{"a":"\\ud800"}'), 'a doubled member': around('{"amount":1,"amount":2}'), 'NaN': around('{"a":NaN}'),
    'bytes that are no UTF-8': Buffer.from(around('{"a":"\xff"}'), 'latin1'), 'a NUL': around('{"a":"\0"}'), 'two documents': `${around('{}')}{}`,
  };
  const grown = await world.growth(async () => {
    for (const [what, body] of Object.entries(bodies)) {
      const answer = await post(api, body);
      assert.equal(answer.status, 400, `${what}: ${answer.status}`);
      answer.expectProblem(400, 'malformed');
    }
    const members = `{${Array.from({ length: 1_000_000 }, (_, n) => `"${n}":0`).join()}}`;
    assert.ok([400, 413].includes((await post(api, around(members))).status), '1,000,000 members');
    assert.ok([400, 413].includes((await post(api, around(`{${Array.from({ length: 100_000 }, (_, n) => `"${n}":0`).join()}}`))).status), '100,000 members');
  });
  assert.ok(grown < 64 << 20, `memory grew by ${grown}`);
}

async function amounts(world) {
  const api = await world.workspace();
  const receiver = await world.receiver();
  await api.webhook(receiver.url);
  await api.putSettings({ metadata_schema: { type: 'object', required: ['montant_ht'],
                                             properties: { montant_ht: { type: 'number', minimum: 0, maximum: 1_000_000_000 } } } });
  for (const amount of ['null', '-1', '"12,500"', '1e308', 'true', '[1]'])
    assert.equal((await post(api, around(`{"montant_ht":${amount}}`))).expect(202).status, 'quarantined', amount);
  await api.alertWhen('the amount', (a) => /quarantine/.test(JSON.stringify(a)));
  const good = (await post(api, around('{"montant_ht":12500.10}'))).expect(202);
  await receiver.waitFor(1);
  assert.deepEqual(receiver.requests.map((r) => r.headers['webhook-id']), [good.id]);
}

async function otherFormats(world) {
  const api = await world.workspace();
  const xml = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>';
  (await post(api, xml)).expectProblem(400);
  (await post(api, xml, { 'content-type': 'application/xml' })).expectProblem(415);
  (await post(api, Buffer.from(around('{}')), {})).expectProblem(415);
}

/** Every operation with a parameter in its path, with the id of something that is not there. */
async function operations(api) {
  const { paths } = await api.openapi();
  return Object.entries(paths).flatMap(([path, item]) => Object.entries(item)
    .filter(([method]) => ['get', 'put', 'post', 'patch', 'delete'].includes(method))
    .map(([method, operation]) => ({ method: method.toUpperCase(), path, permission: operation['x-permission'],
                                     takes_json: operation.requestBody?.content?.['application/json'] !== undefined })));
}

async function foreignIds(world) {
  const [mine, theirs] = [await world.workspace(), await world.workspace()];
  const destination = await theirs.webhook('https://example.com/');
  const entity = await theirs.createEntity({ reference: 'r', name: 'n' });
  const file = await theirs.upload(Buffer.from('%PDF-1.4'));
  const envelope = await theirs.createEnvelope({ title: 'T', level: 'simple', files: [{ file_id: file.id, kind: 'original' }],
                                                 recipients: [{ name: 'A', email: 'a@b.example', role: 'signer', order: 1 }] });
  const event = await theirs.postEvent(makeEvent());
  const [delivery] = await theirs.eventDeliveries(event.id);
  const ids = { destinations: destination.id, entities: entity.id, files: file.id, envelopes: envelope.id, events: event.id, deliveries: delivery.id };
  const absent = { destinations: 'dst', entities: 'ent', files: 'file', envelopes: 'env', events: 'evt', deliveries: 'dlv' };
  let compared = 0;
  for (const { method, path, takes_json } of await operations(mine)) {
    const collection = /^\/v1\/(\w+)\/\{/.exec(path)?.[1];
    if (!ids[collection]) continue;
    const rest = (id) => path.replace(/\{[^}]+\}/, id).replaceAll(/\{[^}]+\}/g, 'x');
    const options = takes_json ? { json: {} } : {};
    const [foreign, none] = [await mine.request(method, rest(ids[collection]), options), await mine.request(method, rest(makeId(absent[collection])), options)];
    const where = `${method} ${path}: ${foreign.status} and ${none.status}`;
    assert.ok(foreign.status === 404 || (foreign.status >= 400 && foreign.status < 500), where);
    assert.deepEqual([foreign.status, foreign.json.code], [none.status, none.json.code], where);
    compared += 1;
  }
  assert.ok(compared >= 20, `${compared} operations`);
}

async function viewerWrites(world) {
  const api = await world.workspace();
  const { key } = await world.server.owner.createApiKey(api.workspace_id, { name: 'v', role: 'viewer' });
  const viewer = api.with(key);
  let refused = 0;
  for (const { method, path, permission } of await operations(api)) {
    if (!permission || /:read$/.test(permission)) continue;
    const target = path.replaceAll(/\{[^}]+\}/g, () => makeId('env'));
    const answer = await viewer.request(method, target, ['GET', 'DELETE'].includes(method) ? {} : { json: {} });
    assert.equal(answer.status, 403, `${method} ${path} (${permission}): ${answer.status}`);
    refused += 1;
  }
  assert.ok(refused >= 20, `${refused} operations`);
}

async function massAssignment(world) {
  const [api, stranger] = [await world.workspace(), await world.workspace()];
  const extra = { workspace_id: stranger.workspace_id, tenant_id: 1, verified: true, role: 'owner', no: 1 };
  const made = await api.tryCreateDestination({ ...api.webhookBody('https://example.com/'), ...extra });
  assert.ok([201, 422].includes(made.status), made.text);
  const key = await api.post('/v1/api-keys', { name: 'k', role: 'owner', verified: true });
  assert.ok([403, 422].includes(key.status), key.text);
  assert.deepEqual(await stranger.destinations(), []);
}

async function cursors(world) {
  const [api, stranger] = [await world.workspace(), await world.workspace()];
  for (let i = 0; i < 3; ++i) await api.postEvent(makeEvent());
  const { next_cursor } = await api.events({ limit: 2 });
  const changed = (next_cursor[0] === 'A' ? 'B' : 'A') + next_cursor.slice(1);
  for (const text of ['limit=0', 'limit=-1', 'limit=1000000000', 'limit=1e3', 'limit=2&limit=3', `cursor=${changed}`, 'cursor=x', 'sort=id', 'cursor=%ff'])
    assert.ok([400, 422].includes((await api.get(`/v1/events?${text}`)).status), text);
  assert.ok([400, 422].includes((await stranger.get(`/v1/events?cursor=${next_cursor}`)).status), 'a cursor of somebody else');
}

async function metacharacters(world) {
  const api = await world.workspace();
  for (const text of ["'; DROP TABLE event; --", '" OR ""="', "\\'; SELECT 1", '$(reboot)`id`', '%s%n', '<img src=x onerror=alert(1)>', '=HYPERLINK("x")']) {
    const entity = await api.createEntity({ reference: text, name: text });
    assert.deepEqual([entity.reference, entity.name], [text, text]);
    assert.equal((await api.destination((await api.webhook('https://example.com/', { name: text })).id)).name, text);
    assert.ok([400, 404].includes((await api.get(`/v1/envelopes/${encodeURIComponent(text)}`)).status));
  }
}

async function crossSite(world) {
  const api = await world.workspace();
  const cross = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', cookie: `session=${api.key}; authorization=Bearer ${api.key}` };
  const anonymous = new Api(world.server);
  for (const headers of [cross, { ...cross, 'content-type': 'text/plain' }])
    assert.ok([401, 403].includes((await anonymous.request('POST', '/v1/events', { body: '{}', headers })).status));
  const preflight = await anonymous.request('OPTIONS', '/v1/events', { headers: { ...cross, 'access-control-request-method': 'POST' } });
  assert.equal(preflight.headers.get('access-control-allow-origin'), null);
}

async function traversal(world) {
  const api = await world.workspace();
  for (const path of ['/v1/../../etc/passwd', '/v1/files/..%2f..%2fmaster.key/content', '/l/..%2f..%2fmaster.key', '//etc/passwd', '/v1/ledger/tile/..%2f..%2fblotter.db',
                      '/v1/ledger/../../master.key', '/v1/envelopes/%2e%2e', '/.git/config', '/v1/%00', '/..', '/%2e%2e/%2e%2e/etc/passwd']) {
    const { statuses } = await exchangeRaw(world.server.address, `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\nConnection: close\r\n\r\n`);
    assert.ok([400, 404].includes(statuses[0]), `${path}: ${statuses}`);
  }
}

export const rows = [
  { at: 35, name: 'a custom header with a line break or no token for a name', run: headersAtSave },
  { at: 36, name: 'a custom header that is Blotter\'s own', run: reservedHeaders },
  { at: 37, name: 'an event id or type that could change what is signed', run: signedWords },
  { at: 63, name: 'a body of 100 MiB, one without end, one of no length with bytes', run: largeBodies },
  { at: 64, name: 'a gzip bomb, deflate, gzip in gzip', run: codedBodies },
  { at: 65, name: 'requests whose end two programs see differently', run: smuggling },
  { at: 66, name: 'JSON that is too deep, too wide, too large or ambiguous', run: unreadableJson },
  { at: 67, name: 'an amount that is null, negative, text or absurd is quarantined and not delivered', run: amounts },
  { at: 68, name: 'XML as JSON, and no content type', run: otherFormats },
  { at: 73, name: 'ids of another workspace are answered as ids of nothing', run: foreignIds },
  { at: 74, name: 'a viewer on every operation that writes', run: viewerWrites },
  { at: 75, name: 'members that nobody asked for', run: massAssignment },
  { at: 76, name: 'cursors and page sizes that were not given out', run: cursors },
  { at: 77, name: 'SQL and shell metacharacters are kept as they are', run: metacharacters },
  { at: 78, name: 'a page of another site cannot use the API: no cookie counts, no origin is let in', run: crossSite },
  { at: 90, name: 'paths that climb', run: traversal },
];
