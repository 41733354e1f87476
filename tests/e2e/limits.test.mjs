// Everything is bounded: past each bound the answer says so, and the server goes on for the others.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, test } from 'node:test';
import { Api, makeEvent } from './lib/api.mjs';
import { exchangeRaw } from './lib/raw.mjs';
import { startServer } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

test('a key that asks too often is told when to come back, and other keys are served', async (t) => {
  const server = await startServer({ settings: { 'api.requests_per_second': '5', 'api.requests_burst': '10', 'threads.loops': '3' } });
  t.after(() => server.close());
  const [hasty, calm] = [await server.workspace(), await server.workspace()];
  const answers = await Promise.all(Array.from({ length: 40 }, () => hasty.get('/v1/events')));
  const refused = answers.filter((answer) => answer.status === 429);
  assert.ok(refused.length >= 20, `${refused.length} of 40 refused`);
  refused[0].expectProblem(429, 'too_many_requests');
  assert.match(refused[0].headers.get('retry-after'), /^\d+$/);
  (await calm.get('/v1/events')).expect(200);
  await eventually('the hasty one is served again', async () => (await hasty.get('/v1/events')).status === 200);
});

test('guessing keys is slowed down', async (t) => {
  const server = await startServer({ settings: { 'api.refusals_per_minute': '20', 'threads.loops': '3' } });
  t.after(() => server.close());
  const api = await server.workspace();
  // At the same time, so over several connections and with that over several loops.
  const statuses = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const key = `blt_${'0'.repeat(26)}_${String(i).padStart(43, '0')}_000000`;
    return (await new Api(server, key).get('/v1/events')).status;
  }));
  assert.equal(statuses.filter((s) => s === 401).length, 20, statuses.join());
  assert.equal(statuses.filter((s) => s === 429).length, 40, statuses.join());
  (await api.get('/v1/events')).expect(200);  // who has a good key is not kept out by others at the same address
});

test('a request that comes too slowly is ended', async (t) => {
  const server = await startServer({ settings: { 'request.timeout': '1s', 'request.idle_timeout': '1s' } });
  t.after(() => server.close());
  const api = await server.workspace();
  const head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: application/json\r\n`;
  // One that sends on is told; one that has fallen silent finds the connection closed.
  const started = Date.now();
  const slow_head = await exchangeRaw(server.address, head, ...Array.from({ length: 60 }, (_, n) => `X-${n}: y\r\n`));
  assert.deepEqual([slow_head.statuses, slow_head.closed], [[408], true]);
  const slow_body = await exchangeRaw(server.address, `${head}Content-Length: 1000\r\n\r\n`,
                                      ...Array.from({ length: 60 }, () => ' '));
  assert.deepEqual([slow_body.statuses, slow_body.closed], [[408], true]);
  const silent = await exchangeRaw(server.address, `${head}Content-Length: 1000\r\n\r\n`);
  assert.ok(silent.closed);
  assert.ok(Date.now() - started >= 3000);
  const idle = await exchangeRaw(server.address, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.deepEqual([idle.statuses, idle.closed], [[200], true]);
  assert.equal((await api.postEvent(makeEvent())).status, 'accepted');
});

test('more connections than allowed are closed at once, those that are there are served', async (t) => {
  const server = await startServer({ settings: { 'listen.connections_max': '8', 'threads.loops': '1' } });
  t.after(() => server.close());
  const [host, port] = server.address.split(':');
  const sockets = [];
  const open = () => new Promise((resolve) => {
    const socket = net.connect({ host, port: Number(port) });
    socket.on('error', () => {});
    socket.on('connect', () => resolve(socket));
    sockets.push(socket);
    socket.resume();
  });
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (let i = 0; i < 30; ++i) await open();
  await eventually('those past the limit are closed', () => sockets.filter((s) => !s.closed && !s.readableEnded).length <= 8);
  sockets.forEach((socket) => socket.destroy());
  const answer = await eventually('there is room again', () => new Api(server).get('/healthz').catch(() => undefined));
  assert.equal(answer.status, 200);
});

test('a caller past the bounds of one list, text or file is told which', async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const api = await server.workspace();
  const file = await api.upload(Buffer.from('%PDF-1.4'));
  const person = (n) => ({ name: `Person ${n}`, email: `p${n}@example.com`, role: 'signer', order: 1 });
  const envelope = (change) => api.tryCreateEnvelope({
    title: 'T', level: 'simple', recipients: [person(0)], files: [{ file_id: file.id, kind: 'original' }], ...change });
  (await envelope({ recipients: Array.from({ length: 101 }, (_, n) => person(n)) })).expectProblem(422);
  (await envelope({ files: Array.from({ length: 51 }, () => ({ file_id: file.id, kind: 'original' })) })).expectProblem(422);
  (await envelope({ title: 'x'.repeat(401) })).expectProblem(422);
  (await envelope({ metadata: { a: 'x'.repeat(65 * 1024) } })).expectProblem(422);
  (await envelope({ recipients: Array.from({ length: 100 }, (_, n) => person(n)) })).expect(201);
});
