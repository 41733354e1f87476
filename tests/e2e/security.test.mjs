// What attackers try, against the real program.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Api, makeEvent, makeDocument } from './lib/api.mjs';
import { makeId } from './lib/ids.mjs';
import { temporaryFolder } from './lib/paths.mjs';
import { exchangeRaw } from './lib/raw.mjs';
import { Receiver } from './lib/receiver.mjs';
import { Server, startServer } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

const server = await startServer();
after(() => server.close());

async function receiverFor(t, options) {
  const receiver = await Receiver.start(options);
  t.after(() => receiver.close());
  return receiver;
}

test('addresses that lead into this machine or its network are refused when saved', async (t) => {
  const strict = await startServer({ settings: { 'egress.allow': '' } });
  t.after(() => strict.close());
  const api = await strict.workspace();
  const refused = [
    'http://127.0.0.1/', 'http://127.1/', 'http://0/', 'http://2130706433/', 'http://0x7f000001/',
    'http://017700000001/', 'http://127.0.0.1./', 'http://[127.0.0.1]/', 'http://localhost/',
    'http://LOCALHOST/', 'http://foo.localhost/', 'http://localhost./', 'http://[::1]/', 'http://[::]/',
    'http://[::ffff:127.0.0.1]/', 'http://[::ffff:7f00:1]/', 'http://[::127.0.0.1]/',
    'http://[64:ff9b::a9fe:a9fe]/', 'http://[64:ff9b:1::7f00:1]/', 'http://[2002:7f00:1::]/',
    'http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/', 'http://[fd00:ec2::254]/',
    'http://169.254.169.254/latest/meta-data/', 'http://100.100.100.200/', 'http://10.0.0.5/',
    'http://172.16.0.1/', 'http://172.31.255.255/', 'http://192.168.1.1/', 'http://0.0.0.0/',
    'http://255.255.255.255/', 'http://224.0.0.1/', 'http://240.0.0.1/', 'http://[fe80::1%25eth0]/',
    'http://[fe80::1]/', 'http://[ff02::1]/', 'http://[2001:db8::1]/', 'http://198.18.0.1/',
    'http://１２７.0.0.1/', 'http://127。0。0。1/', 'http://①②⑦.0.0.1/',
  ];
  for (const url of refused) {
    for (const scheme of [url, url.replace('http:', 'https:')]) {
      const answer = await api.tryWebhook(scheme);
      assert.equal(answer.status, 422, `${scheme}: ${answer.status} ${answer.text}`);
      assert.match(answer.expectProblem(422).errors[0].pointer, /url/, scheme);
    }
  }
  assert.deepEqual(await api.destinations(), []);
  // A well-known name of a metadata service: refused now, or when it has been resolved.
  const named = await api.tryWebhook('http://metadata.google.internal/');
  if (named.status === 201) {
    const shown = await api.destinationAction(named.json.id, 'test', { event_type: 'envelope.sent' });
    assert.match(JSON.stringify(shown), /resolve_failed|address_denied/);
  } else {
    named.expectProblem(422);
  }
});

test('an address that was allowed when it was saved is judged again when it is used', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const receiver = await receiverFor(t);
  const api = await own.workspace();
  await api.webhook(receiver.url, { schedule: ['0s'] });
  await own.stop();
  own.settings['egress.allow'] = '';
  await own.start();
  const event = await api.postEvent(makeEvent());
  const failed = await api.deliveryWhen({ event_id: event.id }, 'failed', (d) => d.state === 'failed');
  assert.equal(failed.attempts_log[0].outcome, 'address_denied');
  assert.equal(receiver.connections, 0);
});

test('a URL that is no plain web address is refused when saved', async () => {
  const api = await server.workspace();
  const refused = [
    'file:///etc/passwd', 'gopher://example.com/', 'ftp://example.com/', 'dict://example.com:11211/',
    'unix:/var/run/docker.sock', 'javascript:alert(1)', 'data:text/plain,x', '//example.com/', 'example.com',
    '/hook', '', 'http:', 'http://', 'https:///path', 'https://user:pass@example.com/', 'https://user@example.com/',
    'https://good.example\\@evil.example/', 'https://good.example\\.evil.example/', 'https://exam\tple.com/',
    'https://example.com/\n', 'https://example.com/a b', 'https://example.com/\u0000', 'https://exa%6dple.com@evil/',
    'https://example.com:22/', 'https://example.com:25/', 'https://example.com:6379/', 'https://example.com:0/',
    'https://example.com:65536/', 'https://example.com:-1/', 'https://example.com:80x/', 'https://[::1/', 'https://a..b/',
    `https://example.com/${'a'.repeat(8192)}`, `https://${'a'.repeat(300)}.com/`, 'https://example.com:5432/',
  ];
  for (const url of refused) {
    const answer = await api.tryWebhook(url);
    assert.ok([400, 422].includes(answer.status), `${JSON.stringify(url).slice(0, 100)}: ${answer.status} ${answer.text}`);
  }
  // One reading of what comes before the path: the part after # names no host.
  const fragment = await api.tryWebhook('https://good.example#@evil.example/');
  if (fragment.status === 201) assert.doesNotMatch(fragment.json.config.url, /@evil/);
  else fragment.expectProblem(422);
  // Our own address, although loopback is allowed here.
  (await api.tryWebhook(`${server.url}/v1/events`)).expectProblem(422);
  // Names in other scripts are shown as what they are.
  const idn = await api.tryWebhook('https://bücher.example/hook');
  if (idn.status === 201) assert.match((await api.destination(idn.json.id)).config.url, /xn--bcher-kva\.example/);
  else idn.expectProblem(422);
});

test('an encoded line break in a path stays in the path', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(`${receiver.url}%0d%0aX-Evil:%20y`);
  await api.postEvent(makeEvent());
  const request = await receiver.next();
  assert.equal(request.url, '/hook%0d%0aX-Evil:%20y');
  assert.equal(request.headers['x-evil'], undefined);
});

test('headers that would change the request are refused when saved', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const refused = [
    ['X-A', 'a\r\nX-Evil: 1'], ['X-A', 'a\nb'], ['X-A', 'a\0b'], ['X-A', 'é'], ['X A', 'b'], ['X-A:', 'b'], ['', 'b'],
    ['X\r\nY', 'b'], ['Host', 'evil.example'], ['Content-Length', '0'], ['content-length', '0'],
    ['Transfer-Encoding', 'chunked'], ['Connection', 'close'], ['Upgrade', 'h2c'], ['TE', 'trailers'],
    ['webhook-id', 'x'], ['Webhook-Signature', 'v1,x'], ['webhook-timestamp', '0'], ['Content-Type', 'text/plain'],
    ['Expect', '100-continue'], ['X-Long', 'x'.repeat(5000)], ['x'.repeat(200), 'y'],
  ];
  for (const [name, value] of refused)
    (await api.tryWebhook(receiver.url, { headers: { [name]: value } })).expectProblem(422);
  (await api.tryWebhook(receiver.url, { headers: { 'X-A': '1', 'x-a': '2' } })).expectProblem(422);
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`X-${n}`, 'v']));
  (await api.tryWebhook(receiver.url, { headers: many })).expectProblem(422);
  for (const header of ['Host', 'Content-Length', 'X Y', 'Authorization', 'webhook-signature', ''])
    (await api.tryWebhook(receiver.url, { compatibility_scheme: 'hex_body', compatibility_header: header }))
      .expectProblem(422);
  for (const signing_secret of ['short', 'whsec_!!!', 'whsec_QQ==', ' spaces at the ends of it ', 'x'.repeat(600),
                                'line\nbreak in the middle of it'])
    (await api.tryWebhook(receiver.url, { signing_secret })).expectProblem(422);
  assert.deepEqual(await api.destinations(), []);
});

test('an event type or id that could change what is signed is refused', async () => {
  const api = await server.workspace();
  for (const id of ['evt_1.2', 'evt_\r\nX: y', 'evt_\0', 'evt_a.b', '1.2.3', '', 'x'.repeat(300), 7]) {
    const answer = await api.tryPostEvent({ ...makeEvent(), id });
    assert.ok([400, 422].includes(answer.status), `${JSON.stringify(id)}: ${answer.status} ${answer.text}`);
  }
  for (const type of ['envelope.sent\r\nX: y', 'envelope.sent\0', '', 'x'.repeat(300), 7]) {
    const answer = await api.tryPostEvent({ ...makeEvent(), type });
    assert.ok([400, 422].includes(answer.status) || answer.json?.status === 'quarantined',
              `${JSON.stringify(type)}: ${answer.status} ${answer.text}`);
  }
});

test('requests whose end two programs could see differently are refused and the connection closed', async () => {
  const api = await server.workspace();
  const head = `Host: x\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n`;
  const next = 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Smuggled: 1\r\n\r\n';
  const post = (fields, body = '') => `POST /v1/events HTTP/1.1\r\n${head}${fields}\r\n${body}`;
  // Read while it comes, by another way than a body that is gathered first.
  const upload = body => `POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\n` +
    `Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
  const cases = {
    'a file whose chunks are not ended rightly': upload(`3\r\nabc\r\n0\r\n\rX${next}`),
    'a file with a trailer without a colon': upload(`3\r\nabc\r\n0\r\nX\r\n\r\n${next}`),
    'a file with a chunk that is longer than its size': upload(`2\r\nabc\r\n0\r\n\r\n${next}`),
    'chunks that are not ended rightly': post('Transfer-Encoding: chunked\r\n', `2\r\n{}\r\n0\r\n\rX${next}`),
    'length and chunks': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${next}`),
    'chunks and length': post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${next}`),
    'two lengths': post('Content-Length: 5\r\nContent-Length: 6\r\n', `{   }${next}`),
    'two equal lengths': post('Content-Length: 2\r\nContent-Length: 2\r\n', `{}${next}`),
    'a list of lengths': post('Content-Length: 2, 2\r\n', `{}${next}`),
    'a signed length': post('Content-Length: +2\r\n', `{}${next}`),
    'a negative length': post('Content-Length: -2\r\n', `{}${next}`),
    'a hexadecimal length': post('Content-Length: 0x2\r\n', `{}${next}`),
    'an endless length': post('Content-Length: 99999999999999999999999\r\n', `{}${next}`),
    'an unknown coding': post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${next}`),
    'two codings': post('Transfer-Encoding: gzip, chunked\r\n', `0\r\n\r\n${next}`),
    'chunked twice': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${next}`),
    'a space before the colon': post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${next}`),
    'a folded line': post('Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${next}`),
    'a bare line feed': `POST /v1/events HTTP/1.1\n${head}Content-Length: 2\r\n\r\n{}${next}`,
    'a bare line feed in the head': post('X-A: b\nContent-Length: 2\r\n', `{}${next}`),
    'a bare carriage return': post('X-A: b\rContent-Length: 40\r\nContent-Length: 2\r\n', `{}${next}`),
    'a NUL in a value': post('X-A: b\0c\r\nContent-Length: 2\r\n', `{}${next}`),
    'no colon': post('Content-Length 2\r\n', `{}${next}`),
    'an empty name': post(': 2\r\n', next),
    'a chunk size that is no number': post('Transfer-Encoding: chunked\r\n', `zz\r\n{}\r\n0\r\n\r\n${next}`),
    'a negative chunk size': post('Transfer-Encoding: chunked\r\n', `-2\r\n{}\r\n0\r\n\r\n${next}`),
    'a chunk that is longer than its size': post('Transfer-Encoding: chunked\r\n', `1\r\n{}\r\n0\r\n\r\n${next}`),
    'a chunk with a bare line feed': post('Transfer-Encoding: chunked\r\n', `2\n{}\r\n0\r\n\r\n${next}`),
    'a space before the first line': ` GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n${next}`,
    'two spaces in the first line': `GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n${next}`,
    'two hosts': `GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${next}`,
    'no host': `GET /healthz HTTP/1.1\r\n\r\n${next}`,
    'no version': `GET /healthz\r\n\r\n${next}`,
    'HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${next}`,
    'HTTP/1.2 of another kind': `GET /healthz HTTP/1.1x\r\nHost: x\r\n\r\n${next}`,
    'a TLS greeting': `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${'\x00'.repeat(64)}\r\n\r\n`,
  };
  for (const [what, bytes] of Object.entries(cases)) {
    const { statuses, closed, text } = await exchangeRaw(server.address, bytes);
    assert.ok(closed, `${what}: the connection must be closed`);
    assert.equal(statuses.length, 1, `${what}: one answer, nothing of what follows: ${text.slice(0, 600)}`);
    assert.ok([400, 414, 415, 431, 501, 505].includes(statuses[0]), `${what}: ${text.slice(0, 300)}`);
  }
  const long_head = await exchangeRaw(server.address, `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'y'.repeat(70_000)}\r\n\r\n`);
  assert.deepEqual([long_head.statuses, long_head.closed], [[431], true]);
  const long_line = await exchangeRaw(server.address, `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.ok([414, 431].includes(long_line.statuses[0]), long_line.text.slice(0, 200));
  const many = Array.from({ length: 5000 }, (_, n) => `X-${n}: 1\r\n`).join('');
  assert.deepEqual((await exchangeRaw(server.address, `GET / HTTP/1.1\r\nHost: x\r\n${many}\r\n`)).statuses, [431]);
  // And what is plain is served: two requests one after the other on one connection.
  const good = await exchangeRaw(server.address, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
                                 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  assert.deepEqual(good.statuses, [200, 200]);
  const chunked = await exchangeRaw(server.address, post(
    'Transfer-Encoding: chunked\r\nConnection: close\r\n',
    '2e\r\n{"type":"envelope.sent","data":{"envelope":{"i\r\na\r\nd":"one"}}\r\n1\r\n}\r\n0\r\n\r\n'));
  assert.deepEqual(chunked.statuses, [202], chunked.text);
});

test('a caller without a known, valid key learns nothing', async () => {
  const api = await server.workspace();
  const other = await server.owner.createApiKey(api.workspace_id, { name: 'short', role: 'viewer' });
  const revoked = new Api(server, other.key);
  (await revoked.get('/v1/destinations')).expect(200);
  (await api.request('DELETE', `/v1/api-keys/${other.id}`)).expect(200, 204);
  const changed = `${api.key.slice(0, -1)}${api.key.endsWith('0') ? '1' : '0'}`;
  const unknown = [undefined, '', 'x', changed, api.key.toLowerCase(), `${api.key} `.repeat(2), other.key,
                   `blt_${'0'.repeat(26)}_${'0'.repeat(43)}_000000`, 'x'.repeat(5000)];
  for (const key of unknown) {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const answer = await new Api(server).request('GET', '/v1/destinations', { headers });
    answer.expectProblem(401, 'unauthenticated');
    assert.doesNotMatch(answer.text, /revoked|role|admin/i);
  }
  for (const authorization of [`Basic ${Buffer.from(`x:${api.key}`).toString('base64')}`, api.key, 'Bearer', 'Bearer  '])
    (await new Api(server).request('GET', '/v1/destinations', { headers: { authorization } })).expectProblem(401);
  const soon = await server.owner.createApiKey(api.workspace_id, {
    name: 'short-lived', role: 'viewer', expires_at: new Date(Date.now() + 1000).toISOString() });
  await eventually('the key has expired', async () => (await api.with(soon.key).get('/v1/destinations')).status === 401);
});

const reads = ['envelopes:read', 'documents:read', 'events:read', 'sources:read', 'destinations:read', 'mappings:read', 'deliveries:read',
               'quarantine:read', 'alerts:read', 'exports:read', 'settings:read', 'ledger:read'];
const owner_only = ['ledger:fork', 'erasure:approve', 'encryption:manage', 'workspace:manage'];
const may = {
  owner: () => true,
  admin: (permission) => !owner_only.includes(permission),
  member: (permission) => [...reads, 'envelopes:write', 'documents:write', 'documents:send', 'events:write', 'payload:read',
                           'mappings:write', 'replay:own', 'alerts:write'].includes(permission),
  viewer: (permission) => reads.includes(permission),
  auditor: (permission) => permission === 'ledger:read',
};

/** Every operation of the description: { method, path, permission, installation, takes_json }. */
async function operations(api) {
  const { paths } = await api.openapi();
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).filter(([method]) => ['get', 'put', 'post', 'patch', 'delete'].includes(method))
      .map(([method, operation]) => ({
        method: method.toUpperCase(), path, operation, permission: operation['x-permission'],
        takes_json: operation.requestBody?.content?.['application/json'] !== undefined,
        open: Array.isArray(operation.security) && operation.security.length === 0,
      })));
}

const prefixes = { workspace: 'ws', entity: 'ent', envelope: 'env', recipient: 'rcp', file: 'file', document: 'doc', event: 'evt',
                   destination: 'dst', delivery: 'dlv', alert: 'alr', key: 'key', api_key: 'key', replay: 'rpl',
                   quarantine: 'qrn', id: 'env' };
const kindOf = (parameter, path) => {
  const name = parameter.replace(/_id$/, '');
  if (name !== 'id') return name;
  const collection = path.split(`/{${parameter}}`)[0].split('/').pop().replaceAll('-', '_');
  return { deliveries: 'delivery', quarantine: 'quarantine' }[collection] ?? collection.replace(/s$/, '');
};
/** The path with `id_of(kind)` in the place of each parameter. */
const filled = (path, id_of) => path.replaceAll(/\{([^}]+)\}/g, (_, name) => id_of(kindOf(name, path)));
const random_id = (kind) => makeId(prefixes[kind] ?? 'env');

test('each role may do what it may and nothing else, on every operation of the description', async () => {
  const admin = await server.workspace();
  const all = await operations(admin);
  const guarded = all.filter((o) => !o.open);
  assert.ok(guarded.length >= 40, `${guarded.length} operations`);
  for (const o of guarded) assert.ok(o.permission, `${o.method} ${o.path} names its permission (x-permission)`);
  // One address is open to a second kind of key, which it checks itself: see documents.test.mjs.
  assert.deepEqual(all.filter((o) => o.open && o.path.startsWith('/v1/')).map((o) => `${o.method} ${o.path}`),
                   ['GET /v1/documents/{document_id}/file']);
  await eventually('the first checkpoint', async () => (await admin.get('/v1/ledger/checkpoint')).status === 200);
  const keys = {};
  for (const role of Object.keys(may))
    keys[role] = (await server.owner.createApiKey(admin.workspace_id, { name: role, role })).key;
  for (const { method, path, permission, operation } of guarded) {
    const target = filled(path, random_id);
    const options = ['GET', 'DELETE'].includes(method) ? {} : { json: {} };
    (await new Api(server).request(method, target, options)).expectProblem(401);
    for (const [role, key] of Object.entries(keys)) {
      const answer = await new Api(server, key).request(method, target, options);
      const where = `${role}: ${method} ${path} (${permission}): ${answer.status} ${answer.text.slice(0, 300)}`;
      assert.notEqual(answer.status, 401, where);
      assert.ok(answer.status < 500, where);
      const for_installation = /installation/.test(JSON.stringify(answer.json?.detail ?? ''));
      if (may[role](permission)) assert.ok(answer.status !== 403 || for_installation, where);
      else assert.equal(answer.status, 403, where);
      if (answer.status === 403) answer.expectProblem(403, 'forbidden');
    }
    assert.ok(operation.operationId, path);
  }
});

test('what belongs to another workspace does not exist, on every operation of the description', async (t) => {
  const [mine, theirs] = [await server.workspace('Mine'), await server.workspace('Theirs')];
  const receiver = await receiverFor(t, { answer: { status: 410 } });
  const destination = await theirs.webhook(receiver.url, { schedule: ['0s'] });
  const file = await theirs.upload(Buffer.from('%PDF-1.4 theirs'));
  const envelope = await theirs.createEnvelope({
    title: 'Theirs', level: 'simple', recipients: [{ name: 'A', email: 'a@b.example', role: 'signer', order: 1 }],
    files: [{ file_id: file.id, kind: 'original' }] });
  const alert = await theirs.alertWhen('any', () => true);
  const event = (await theirs.events()).data[0];
  const delivery = await theirs.deliveryWhen({ event_id: event.id }, 'failed', (d) => d.state === 'failed');
  await theirs.postEvent({ type: 'envelope.sent', data: {} });
  const quarantined = (await theirs.quarantine())[0];
  const entity = await theirs.createEntity({ reference: 'T', name: 'Theirs' });
  const document = await theirs.createDocument(makeDocument(entity.id));
  const key = await server.owner.createApiKey(theirs.workspace_id, { name: 'k', role: 'viewer' });
  const their_ids = { document: document.id, destination: destination.id, file: file.id, envelope: envelope.id, event: event.id,
                      recipient: envelope.recipients[0].id, delivery: delivery.id, alert: alert.id, entity: entity.id,
                      quarantine: quarantined.id, key: key.id, api_key: key.id, workspace: theirs.workspace_id };
  const before = JSON.stringify([await theirs.envelope(envelope.id), await theirs.destination(destination.id)]);
  let compared = 0;
  for (const { method, path, takes_json, permission } of await operations(mine)) {
    if (!path.includes('{') || !permission || /^\/v1\/(workspaces|installation)/.test(path)) continue;
    const options = takes_json ? { json: {} } : {};
    const foreign = await mine.request(method, filled(path, (kind) => their_ids[kind] ?? random_id(kind)), options);
    const absent = await mine.request(method, filled(path, random_id), options);
    const where = `${method} ${path}: ${foreign.status} ${foreign.text.slice(0, 300)}`;
    assert.ok(foreign.status === 404 || (takes_json && [400, 422].includes(foreign.status)), where);
    assert.equal(foreign.status, absent.status, where);
    assert.equal(foreign.json.code, absent.json.code, where);
    assert.equal(foreign.json.detail?.replaceAll(/[a-z]+_[0-9A-Z]{26}/g, 'ID'),
                 absent.json.detail?.replaceAll(/[a-z]+_[0-9A-Z]{26}/g, 'ID'), where);
    compared += 1;
  }
  assert.ok(compared >= 20, `${compared}`);
  assert.equal(JSON.stringify([await theirs.envelope(envelope.id), await theirs.destination(destination.id)]), before);
  // Foreign ids in bodies.
  (await mine.tryCreateEnvelope({ title: 'X', level: 'simple', recipients: [], files: [{ file_id: file.id, kind: 'original' }] }))
    .expect(404, 422);
  (await mine.tryWebhook('https://example.com/', { entity_id: entity.id })).expect(404, 422);
  const answer = await mine.tryPostEvent(makeEvent({ entity_id: entity.id }));
  assert.ok([404, 422].includes(answer.status) || answer.json.status === 'quarantined', answer.text);
  assert.deepEqual((await mine.deliveries({ destination_id: destination.id })), []);
  const named = await mine.request('GET', '/v1/events', { headers: { 'blotter-workspace': theirs.workspace_id } });
  assert.ok(named.status >= 400 || named.json.data.length === 0, 'a header does not change the workspace of a key');
});

test('members that nobody asked for are refused or without effect', async () => {
  const api = await server.workspace();
  const stranger = await server.workspace();
  const extra = { workspace_id: stranger.workspace_id, tenant_id: 1, verified: true, role: 'owner', status: 'completed',
                  id: makeId('env'), no: 1 };
  const file = await api.upload(Buffer.from('%PDF-1.4'));
  const envelope = await api.tryCreateEnvelope({
    title: 'T', level: 'simple', recipients: [{ name: 'A', email: 'a@b.example', role: 'signer', order: 1 }],
    files: [{ file_id: file.id, kind: 'original' }], ...extra });
  if (envelope.status === 201) assert.deepEqual([envelope.json.status], ['draft']);
  else envelope.expectProblem(422);
  const destination = await api.tryCreateDestination({ ...api.webhookBody('https://example.com/'), state: 'disabled', ...extra });
  assert.ok([201, 422].includes(destination.status));
  assert.deepEqual((await stranger.events()).data, []);
  assert.deepEqual(await stranger.destinations(), []);
  // Nobody gives away more than they have.
  (await api.post('/v1/api-keys', { name: 'more', role: 'owner' })).expectProblem(403);
  const member = await server.owner.createApiKey(api.workspace_id, { name: 'm', role: 'member' });
  (await api.with(member.key).post('/v1/api-keys', { name: 'more', role: 'viewer' })).expectProblem(403);
  const narrow = (await api.post('/v1/api-keys', { name: 'narrow', role: 'admin', scopes: ['events:read'] })).expect(201);
  (await api.with(narrow.key).get('/v1/events')).expect(200);
  (await api.with(narrow.key).post('/v1/events', makeEvent())).expectProblem(403);
});

test('page cursors and sizes that were not given out are refused', async () => {
  const api = await server.workspace();
  const stranger = await server.workspace();
  for (let i = 0; i < 4; ++i) await api.postEvent(makeEvent());
  const { next_cursor } = await api.events({ limit: 2 });
  assert.ok(next_cursor);
  assert.equal((await api.events({ limit: 2, cursor: next_cursor })).data.length, 2);
  const changed = (next_cursor[0] === 'A' ? 'B' : 'A') + next_cursor.slice(1);
  const bad = ['limit=0', 'limit=-1', 'limit=1000000000', 'limit=1e3', 'limit=x', 'limit=', 'limit=2&limit=3', 'cursor=x',
               `cursor=${changed}`, `cursor=${next_cursor}A`, `cursor=${encodeURIComponent("' OR 1=1 --")}`, 'sort=id',
               'order=sideways', 'limit=%00', 'cursor=%ff'];
  for (const text of bad) {
    const answer = await api.get(`/v1/events?${text}`);
    assert.ok([400, 422].includes(answer.status), `${text}: ${answer.status} ${answer.text.slice(0, 200)}`);
    answer.expectProblem(answer.status);
  }
  const foreign = await stranger.get(`/v1/events?cursor=${next_cursor}`);
  assert.ok([400, 422].includes(foreign.status), foreign.text);
  const elsewhere = await api.get(`/v1/deliveries?cursor=${next_cursor}`);
  assert.ok([400, 422].includes(elsewhere.status), elsewhere.text);
});

test('text with meaning in SQL, HTML or a shell is kept as it is', async () => {
  const api = await server.workspace();
  const nasty = [`'; DROP TABLE events; --`, `" OR ""="`, `\\'; SELECT 1`, `<img src=x onerror=alert(1)>`,
                 '$(reboot)`id`', '%s%n%x', '{{7*7}}', 'a\u202eb\u2028c', '😀'.repeat(20), '=HYPERLINK("x")'];
  const file = await api.upload(Buffer.from('%PDF-1.4'));
  for (const text of nasty) {
    const envelope = await api.createEnvelope({
      title: text, external_id: text, level: 'simple', metadata: { [text]: text },
      recipients: [{ name: text, email: 'a@b.example', role: 'signer', order: 1 }],
      files: [{ file_id: file.id, kind: 'original' }] });
    const read = await api.envelope(envelope.id);
    assert.deepEqual([read.title, read.external_id, read.metadata, read.recipients[0].name],
                     [text, text, { [text]: text }, text]);
    const entity = await api.createEntity({ reference: text, name: text });
    assert.deepEqual([entity.reference, entity.name], [text, text]);
    const destination = await api.webhook('https://example.com/', { name: text });
    assert.equal((await api.destination(destination.id)).name, text);
    for (const path of [`/v1/envelopes/${encodeURIComponent(text)}`, `/v1/events/${encodeURIComponent(text)}`]) {
      const answer = await api.get(path);
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
    }
    const filtered = await api.get(`/v1/envelopes?status=${encodeURIComponent(text)}`);
    assert.ok([400, 422].includes(filtered.status), filtered.text);
  }
  for (const path of ['/v1/../../etc/passwd', '/v1/files/..%2f..%2fmaster.key/content', '/l/..%2f..%2fmaster.key',
                      '//etc/passwd', '/v1/envelopes/%2e%2e', '/.git/config', '/v1/%00']) {
    const { statuses } = await exchangeRaw(
      server.address, `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\nConnection: close\r\n\r\n`);
    assert.ok([400, 404].includes(statuses[0]), `${path}: ${statuses}`);
  }
});

test('a page in a browser cannot use the API of somebody who is signed in', async () => {
  const api = await server.workspace();
  const cross = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors',
                  cookie: `session=${api.key}; authorization=Bearer ${api.key}` };
  const anonymous = await new Api(server).post('/v1/events', makeEvent(), cross);
  assert.ok([401, 403].includes(anonymous.status), anonymous.text);
  const form = await new Api(server).request('POST', '/v1/events', {
    body: 'type=envelope.sent', headers: { ...cross, 'content-type': 'application/x-www-form-urlencoded' } });
  assert.ok([401, 403].includes(form.status), form.text);
  const preflight = await new Api(server).request('OPTIONS', '/v1/events', {
    headers: { ...cross, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' } });
  assert.ok(preflight.status >= 400 || preflight.headers.get('access-control-allow-origin') === null);
  for (const path of ['/v1/events', '/healthz', '/openapi.json', '/l/x']) {
    const answer = await api.request('GET', path, { headers: { origin: 'https://evil.example' } });
    assert.equal(answer.headers.get('access-control-allow-origin'), null, path);
    assert.equal(answer.headers.get('set-cookie'), null, path);
  }
});

/** Every file of the folder and below, with its content. */
function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path)]);
}

test('secrets and personal data are in no log, no page, no error and no file in the clear', async (t) => {
  const own = await startServer({ settings: { 'log.level': 'debug' } });
  t.after(() => own.close());
  const api = await own.workspace();
  const receiver = await receiverFor(t);
  // One that repeats what it got.
  receiver.script.push((seen) => ({ status: 503, body: { headers: seen.headers } }), { status: 500 });
  const canaries = {
    signing_secret: 'canary-signing-secret-5f2a', bearer_key: 'canary-bearer-key-91bc', header: 'canary-header-value-77d0',
    metadata: 'canary-metadata-value-3e4c', person: 'canary-person-name-c0de', old_secret: 'canary-rotated-secret-aa10' };
  const destination = await api.webhook(receiver.url, {
    signing_secret: canaries.old_secret, bearer_key: canaries.bearer_key, schedule: ['0s', '1s', '2s'],
    headers: { 'X-Api-Token': canaries.header } });
  await api.destinationAction(destination.id, 'rotate-secret', { overlap: '1h', signing_secret: canaries.signing_secret });
  const event = makeEvent({ envelope: { title: canaries.person, metadata: { note: canaries.metadata } } });
  const accepted = await api.postEvent(event, { 'idempotency-key': 'canary-test' });
  await api.delivered({ event_id: accepted.id });
  const file = await api.upload(Buffer.from('%PDF-1.4 original'));
  await api.createEnvelope({ title: 'T', level: 'simple', metadata: { note: canaries.metadata },
                             recipients: [{ name: canaries.person, email: 'p@q.example', role: 'signer', order: 1 }],
                             files: [{ file_id: file.id, kind: 'original' }] });
  await api.destinationAction(destination.id, 'test', { event_type: 'envelope.completed' });
  await api.tryWebhook('https://example.com/', { signing_secret: 'whsec_canary-signing-secret-5f2a' });
  const pages = [];
  const names = canaries.signing_secret;
  for (const path of ['/metrics', '/healthz', '/readyz', '/openapi.json', '/v1/destinations', '/v1/alerts', '/v1/deliveries',
                      `/v1/destinations/${destination.id}`, `/v1/nowhere?token=${names}`])
    pages.push([path, (await api.get(path)).text]);
  for (const delivery of await api.deliveries({}))
    pages.push([delivery.id, (await api.get(`/v1/deliveries/${delivery.id}`)).text]);
  for (const part of ['environ', 'cmdline']) {
    try {
      pages.push([part, readFileSync(`/proc/${own.child.pid}/${part}`, 'latin1')]);
    } catch (error) {
      assert.equal(error.code, 'EACCES', `${part}: closed to everybody but root, or read above`);
    }
  }
  const secrets = [canaries.signing_secret, canaries.old_secret, canaries.bearer_key, canaries.header, api.key, own.owner_key];
  for (const [where, text] of pages)
    for (const secret of secrets)
      assert.ok(!text.includes(secret), `${where} shows ${secret.slice(0, 24)}…`);
  await own.stop();
  const printed_key = own.owner_key;
  for (const secret of secrets.filter((s) => s !== printed_key))
    assert.ok(!own.output.includes(secret), `the log shows ${secret.slice(0, 24)}…`);
  for (const words of [canaries.metadata, canaries.person])
    assert.ok(!own.output.includes(words), `the log shows ${words}`);
  const files = filesUnder(own.data_dir).filter(([path]) => !/owner\.key$/.test(path));
  assert.ok(files.length >= 2);
  for (const [path, bytes] of files) {
    for (const canary of [...Object.values(canaries), api.key, own.owner_key])
      assert.ok(!bytes.includes(canary), `${path} holds ${canary.slice(0, 24)}…`);
    assert.equal(statSync(path).mode & 0o077, 0, `${path} is for its owner only`);
  }
});

test('a key file that others could read, that is missing or is another one stops the start', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const api = await own.workspace();
  await api.webhook('https://example.com/');
  await own.stop();
  const key_file = join(own.data_dir, 'master.key');
  const key = readFileSync(key_file);
  const refused = async (words) => {
    const { code, output } = await own.startRefused();
    assert.notEqual(code, 0);
    assert.match(output, words);
    assert.ok(!output.includes(key.toString().trim()), 'the message must not show the key');
  };
  chmodSync(key_file, 0o644);
  await refused(/master\.key.*(0?600|owner|others|permission|mode)/is);
  chmodSync(key_file, 0o600);
  rmSync(key_file);
  await refused(/key/i);
  const elsewhere = new Server({ data_dir: join(temporaryFolder(), 'data') });
  await elsewhere.start();
  await elsewhere.stop();
  writeFileSync(key_file, readFileSync(join(elsewhere.data_dir, 'master.key')), { mode: 0o600 });
  await refused(/key/i);
  writeFileSync(key_file, 'not a key\n', { mode: 0o600 });
  await refused(/key/i);
  writeFileSync(key_file, key, { mode: 0o600 });
  await own.start();
  assert.equal((await api.destinations()).length, 1);
});

test('a denied address is an entry of the ledger', async (t) => {
  const own = await startServer({ settings: { 'egress.allow': '' } });
  t.after(() => own.close());
  const api = await own.workspace();
  (await api.tryWebhook('http://169.254.169.254/latest/meta-data/')).expectProblem(422);
  await own.stop();
  const folder = join(temporaryFolder(), 'export');
  const exported = await own.cli(['ledger', 'export', folder]);
  assert.equal(exported.code, 0, exported.output);
  const entries = filesUnder(folder).filter(([path]) => path.includes('/entries/')).map(([, bytes]) => bytes.toString('latin1'));
  assert.ok(entries.some((text) => text.includes('security.denied')), 'security.denied is in the ledger');
});

test('a body without end is cut off at the limit, one that announces its size before it is sent', async () => {
  const api = await server.workspace();
  const endless = await exchangeRaw(server.address,
    `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n` +
    'Transfer-Encoding: chunked\r\n\r\n', ...Array.from({ length: 40 }, () => `10000\r\n${' '.repeat(65536)}\r\n`));
  assert.deepEqual([endless.statuses, endless.closed], [[413], true]);
  const declared = await exchangeRaw(server.address,
    `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n` +
    'Content-Length: 104857600\r\n\r\n');
  assert.deepEqual([declared.statuses, declared.closed], [[413], true]);
});
