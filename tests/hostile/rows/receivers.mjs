// Receivers that answer wrongly, slowly, endlessly or not at all.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { makeEvent } from '../../e2e/lib/api.mjs';
import { makeEventId } from '../../e2e/lib/ids.mjs';
import { eventually, pause } from '../../e2e/lib/wait.mjs';
import { FakeSlack } from '../../e2e/fakes/slack.mjs';
import { SlackAdmin, slackSettings } from '../../e2e/lib/slack.mjs';
import { blackHoles } from '../lib/black_holes.mjs';
import { drip, flood, say, sayAndEnd, sayAndReset } from '../lib/scripted.mjs';
import { released } from '../world.mjs';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';

/** One attempt to a receiver that does this; what is expected; then everything is let go of. */
const attempt = (script, expected, options = {}) => async (world) => {
  const receiver = await world.scripted(script, options);
  const { release = 'yes', ...what } = expected;
  const done = await world.expectAttempt(receiver.url, what);
  assert.ok(done.delivery.attempts === 1 && receiver.connections <= 1, `${receiver.connections} connections`);
  assert.ok(JSON.stringify(done.attempt).length < 64 << 10, 'what is kept is bounded');
  if (release === 'yes') await released(receiver);
  return { ...done, receiver };
};

const redirect = (status, location) => async (world) => {
  const trap = await world.receiver();
  const place = location === 'trap' ? trap.url : location;
  const headers = place ? `location: ${place}\r\n` : '';
  const mark = world.connects().length;
  const receiver = await world.scripted(say(`HTTP/1.1 ${status} Moved\r\n${headers}content-length: 0\r\n\r\n`));
  const done = await world.expectAttempt(receiver.url, { outcome: 'redirect' });
  assert.equal(done.attempt.status, status);
  const to = world.connects(mark).filter((line) => !line.endsWith(` ${world.names.address.split(':')[1]}`));
  assert.deepEqual(to, [`127.0.0.1 ${receiver.port}`], 'one connection and no other');
  assert.equal(trap.connections, 0);
};

const manyInterim = (status) => attempt(
  (socket) => socket.write(`HTTP/1.1 ${status} Wait\r\n\r\n`.repeat(1000) + ok), { outcome: 'too_many_interim' });

/** Listeners whose process sleeps and whose queues are full: nobody is accepted any more. */
async function neverAccepting(world) {
  const port = await blackHoles(world, ['127.0.0.1']);
  await world.expectAttempt(`http://127.0.0.1:${port}/`, { outcome: 'connect_timeout', timeout_ms: 5000 });
}

async function refusing(world) {
  const receiver = await world.receiver();
  const { url } = receiver;
  await receiver.close();
  await world.expectAttempt(url, { outcome: 'connect_refused|connect_failed', says: /refused/ });
}

/** Fails once in that way, then succeeds: a second attempt with the same id and body. */
const retried = (script) => async (world) => {
  const receiver = await world.scripted((socket, self) => (self.requests === 1 ? script(socket) : socket.write(ok)));
  const done = await world.expectAttempt(receiver.url, { state: 'delivered', schedule: ['0s', '1s'] });
  assert.equal(done.delivery.attempts, 2);
  assert.deepEqual(receiver.ids, [done.event.id, done.event.id]);
};

async function hugeBody(world) {
  const piece = Buffer.alloc(1 << 20, 'x');
  const receiver = await world.scripted(flood('HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n', piece, 10 * 2 ** 30));
  const grown = await world.growth(async () => {
    const done = await world.expectAttempt(receiver.url, { state: 'delivered' });
    assert.equal(done.attempt.answer_cut, true);
    await released(receiver);
  });
  assert.ok(grown < 16 << 20, `memory grew by ${grown}`);
  assert.ok(receiver.sent < 64 << 20, `${receiver.sent} bytes were sent before the end`);
}

async function bomb(world) {
  const packed = gzipSync(Buffer.alloc(8 << 20, 0));
  const receiver = await world.scripted((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: application/json\r\ncontent-length: ${packed.length}\r\n\r\n`);
    socket.write(packed);
  });
  const grown = await world.growth(async () => {
    const { attempt: kept } = await world.expectAttempt(receiver.url, { state: 'delivered' });
    assert.ok(JSON.stringify(kept).length < 64 << 10);
  });
  assert.ok(grown < 8 << 20, `memory grew by ${grown}`);
}

async function keptText(world) {
  const body = Buffer.from('<script>alert(1)</script>\x1b[31m\xff\x00\r\n{"level":"error"}\n', 'latin1');
  const receiver = await world.receiver({ answer: { status: 400, headers: { 'content-type': 'text/html' }, body } });
  const { attempt: kept, api, delivery } = await world.expectAttempt(receiver.url, { outcome: 'refused' });
  const bytes = kept.answer_base64 ? Buffer.from(kept.answer_base64, 'base64') : Buffer.from(kept.answer, 'utf8');
  assert.ok(bytes.equals(body), 'the bytes are kept as they came');
  assert.match((await api.get(`/v1/deliveries/${delivery.id}`)).headers.get('content-type'), /^application\/json/);
  for (const line of world.server.output.split('\n')) assert.ok(!/[\x00-\x08\x0b-\x1f\x7f]/.test(line), line);
}

async function noState(world) {
  const receiver = await world.receiver({ answer: { status: 200, headers: {
    'set-cookie': 'a=b', 'alt-svc': 'h2="127.0.0.2:443"', location: 'http://127.0.0.2/', 'strict-transport-security': 'max-age=9' } } });
  const api = await world.workspace();
  await api.webhook(receiver.url, { schedule: ['0s'] });
  for (let i = 0; i < 2; ++i) await api.delivered({ event_id: (await api.postEvent(makeEvent())).id });
  assert.equal(receiver.count, 2);
  assert.equal(receiver.requests[1].headers.cookie, undefined);
  assert.equal(receiver.requests[1].url, '/hook');
}

/** Bytes behind the answer: the next request goes over another connection. */
const notReused = (answer) => async (world) => {
  const receiver = await world.scripted(say(answer));
  const api = await world.workspace();
  await api.webhook(receiver.url, { schedule: ['0s'] });
  for (let i = 0; i < 2; ++i) await api.delivered({ event_id: (await api.postEvent(makeEvent())).id });
  assert.deepEqual([receiver.requests, receiver.connections], [2, 2]);
};

/** Retry-After of that value: the next attempt is within the step and twice the step. */
const retryAfter = (...values) => async (world) => {
  for (const value of values) {
    for (const status of ['429 Slow', '503 Away']) {
      const receiver = await world.scripted(say(`HTTP/1.1 ${status}\r\nretry-after: ${value}\r\ncontent-length: 0\r\n\r\n`));
      const api = await world.workspace();
      await api.webhook(receiver.url, { schedule: ['0s', '60s', '1h'] });
      const { id } = await api.postEvent(makeEvent());
      const waiting = await api.deliveryWhen({ event_id: id }, 'retrying', (d) => d.state === 'retrying' && d.attempts === 1);
      const step = (Date.parse(waiting.next_attempt_at) - Date.parse(waiting.first_attempt_at)) / 1000;
      assert.ok(step >= 60 && step <= 125, `${status}, Retry-After ${value}: next attempt after ${step} s`);
    }
  }
};

async function gone(world) {
  const receiver = await world.scripted(say('HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n'));
  const api = await world.workspace();
  const destination = await api.webhook(receiver.url, { schedule: ['0s', '1s', '2s'] });
  await api.postEvent(makeEvent());
  await eventually('it is disabled', async () => (await api.destination(destination.id)).state === 'disabled');
  await api.alertWhen('the receiver is gone', (a) => JSON.stringify(a).includes(destination.id));
  const later = await api.postEvent(makeEvent());
  await api.deliveryWhen({ event_id: later.id }, 'held', (d) => d.state === 'held');
  await pause(1500);
  assert.equal(receiver.requests, 1, 'nothing is sent to it any more');
}

async function crashAfterAnswer(world) {
  const own = await world.start();
  const api = await world.workspace(own);
  let killed;
  const receiver = await world.scripted((socket, self) => {
    socket.write(ok);
    if (self.requests === 1) killed = own.kill();
  });
  await api.webhook(receiver.url, { schedule: ['0s', '1s', '2s'] });
  // The request may be there before the answer to the event: then nobody gets that answer.
  const id = makeEventId();
  await api.postEvent(makeEvent({ id })).catch(() => {});
  await eventually('the request came', () => killed !== undefined);
  await killed;
  await own.start();
  const done = await api.delivered({ event_id: id });
  assert.ok(receiver.ids.every((seen) => seen === id) && receiver.requests <= 2, receiver.ids.join());
  assert.ok(done.attempts >= 1);
  assert.equal((await own.stop(), await own.cli(['ledger', 'verify'])).code, 0);
}

async function deduplicating(world) {
  // A receiver that acts once per id, and loses its first answers: one effect in the end.
  const effects = new Map();
  const receiver = await world.receiver({ answer: (request, response) => {
    const id = request.headers['webhook-id'];
    effects.set(id, (effects.get(id) ?? 0) + (effects.has(id) ? 0 : 1));
    if (receiver.requests.filter((r) => r.headers['webhook-id'] === id).length < 3) return void response.socket.resetAndDestroy();
    return { status: 200 };
  } });
  const { event } = await world.expectAttempt(receiver.url, { state: 'delivered', schedule: ['0s', '1s', '2s'] });
  assert.deepEqual([...effects], [[event.id, 1]]);
  assert.equal(receiver.count, 3);
}

async function referenceId(world) {
  for (const reference of ['a\r\nb', '<img onerror=1>', 'x'.repeat(1 << 20)]) {
    const receiver = await world.receiver({ answer: { status: 200, headers: { 'content-type': 'application/json' },
                                                      body: { accountingReferenceId: reference } } });
    const { delivery } = await world.expectAttempt(receiver.url, { state: 'delivered' });
    const kept = delivery.reference ?? '';
    assert.ok(kept.length <= 200 && !/[\x00-\x1f]/.test(kept), JSON.stringify(kept).slice(0, 300));
  }
}

async function encodedBreak(world) {
  const receiver = await world.receiver();
  await world.expectAttempt(`${receiver.url}%0d%0aX-Evil:%20y`, { state: 'delivered' });
  assert.equal(receiver.requests[0].url, '/hook%0d%0aX-Evil:%20y');
  assert.equal(receiver.requests[0].headers['x-evil'], undefined);
}

/** Slack takes a message as it stands: a name must not call a channel together or hide a link. */
async function mentions(world) {
  const slack = await FakeSlack.start();
  world.later(() => slack.close());
  slack.addChannel('C0HOSTILE', 'hostile');
  const { settings, env } = slackSettings(slack);
  const server = await world.start(settings, env);
  const admin = await SlackAdmin.connected(server, slack);
  await admin.destination({ channel: 'C0HOSTILE' });
  const names = ['<!channel>', '<!here> <!everyone>', '@everyone @channel', '<@U012AB3CD>', '<https://evil.example|Contract.pdf>', 'a & b < c > d', '*bold* `code`'];
  for (const title of names) await admin.api.postEvent(makeEvent({ envelope: { title } }));
  const posted = await eventually('every message', () => (slack.posted('C0HOSTILE').length === names.length ? slack.posted('C0HOSTILE') : undefined));
  for (const message of posted) {
    const text = JSON.stringify(message);
    assert.doesNotMatch(message.text, /<[!@#]|<https:\/\/evil/, text);
    assert.doesNotMatch(text, /"type":"(broadcast|user|usergroup|channel)"|"(url|link)":"https:\/\/evil/, text);
    assert.notEqual(message.link_names, true);
  }
  for (const name of names) assert.ok(posted.some((m) => JSON.stringify(m.attachments).includes(name)), `${name} is shown as it is written`);
}

const head = (fields = '') => `HTTP/1.1 200 OK\r\n${fields}`;

export const rows = [
  { at: 25, name: '302 to the metadata service is a failure and nothing else is connected to', run: redirect(302, 'http://169.254.169.254/') },
  { at: 25, name: '302 to another receiver is not followed', run: redirect(302, 'trap') },
  { at: 26, name: '307 to itself is one attempt', run: redirect(307, '/hook') },
  { at: 26, name: '302 without Location is one attempt', run: redirect(302) },
  { at: 34, name: 'an encoded line break in a path stays in the path', run: encodedBreak },
  { at: 38, name: 'a body of 10 GiB: the head decides, the rest is not read, memory stays flat', run: hugeBody },
  { at: 39, name: 'a body at one byte a second ends with the total time, and its place is free', run: attempt(drip(head('content-length: 100000\r\n\r\n'), 'x', 1000), { state: 'delivered' }) },
  { at: 40, name: 'a head at one byte a second ends with the total time, and its place is free', run: attempt(drip('H', 'TTP/1.1 200 OK', 1000), { outcome: 'answer_timeout' }) },
  { at: 42, name: 'a gzip bomb that nobody asked for is not inflated', run: bomb },
  { at: 43, name: '1,000 × 100 Continue', run: manyInterim(100) },
  { at: 43, name: '1,000 × 103 Early Hints', run: manyInterim(103) },
  { at: 44, name: '101 Switching Protocols', run: attempt(say('HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'), { outcome: 'protocol_error' }) },
  { at: 44, name: 'HTTP/0.9: no head at all', run: attempt(sayAndEnd('<html>hello</html>'), { outcome: 'protocol_error' }) },
  { at: 44, name: 'status 999', run: attempt(say('HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n'), { outcome: 'bad_status|protocol_error' }) },
  { at: 44, name: 'status -1', run: attempt(say('HTTP/1.1 -1 What\r\ncontent-length: 0\r\n\r\n'), { outcome: 'protocol_error' }) },
  { at: 44, name: 'status 2x0', run: attempt(say('HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n'), { outcome: 'protocol_error' }) },
  { at: 44, name: 'a NUL in the reason', run: attempt(say('HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n'), { outcome: 'protocol_error' }) },
  { at: 45, name: 'a header line of 1 MiB', run: attempt(say(head(`x-long: ${'y'.repeat(1 << 20)}\r\n\r\n`)), { outcome: 'header_too_large' }) },
  { at: 45, name: '100,000 headers', run: attempt(say(head(`${'x: y\r\n'.repeat(100_000)}\r\n`)), { outcome: 'header_too_large' }) },
  { at: 46, name: 'script, escapes and broken UTF-8 in an answer are kept as bytes and shown as text', run: keptText },
  { at: 47, name: 'Set-Cookie, Alt-Svc and Location leave nothing behind', run: noState },
  { at: 48, name: '204 with a body: the connection is not used again', run: notReused('HTTP/1.1 204 No Content\r\n\r\nbody') },
  { at: 48, name: 'a second answer that nobody asked for: the connection is not used again', run: notReused(ok + ok) },
  { at: 49, name: 'Retry-After 0, -1 and words: the schedule counts', run: retryAfter('0', '-1', 'soon', '1e9') },
  { at: 49, name: 'Retry-After beyond measure: at most twice the step', run: retryAfter('99999999999', '1000000000', '99999999999999999999999') },
  { at: 49, name: 'Retry-After in 1970 and in 9999', run: retryAfter('Thu, 01 Jan 1970 00:00:00 GMT', 'Fri, 31 Dec 9999 23:59:59 GMT') },
  { at: 50, name: '410 disables the destination with an alert, and what follows is held', run: gone },
  { at: 56, name: 'a receiver that closes after the request gets the same id again', run: retried((socket) => socket.end()) },
  { at: 56, name: 'a receiver that resets after the request gets the same id again', run: retried((socket) => socket.resetAndDestroy()) },
  { at: 57, name: 'a crash between the 200 and the commit: the same id again, the ledger sound', run: crashAfterAnswer },
  { at: 70, name: 'a reference id with a line break, HTML, or of 1 MiB is cut and harmless', run: referenceId },
  { at: 71, name: 'mentions and markup in the name of a document are plain characters in Slack', run: mentions },
  { at: '1.5', name: 'nobody listens', run: refusing },
  { at: '1.5', name: 'a reset as soon as connected', run: attempt(undefined, { outcome: 'connection_closed|connect_failed' }, { on_connection: (socket) => { socket.resetAndDestroy(); return 'done'; } }) },
  { at: '1.5', name: 'a listener that accepts nobody', run: neverAccepting },
  { at: '1.5', name: 'accepted and never read', run: attempt(undefined, { outcome: 'answer_timeout', release: 'no' }, { on_connection: (socket) => { socket.pause(); return 'done'; } }) },
  { at: '1.5', name: 'accepted, read and never answered', run: attempt(() => {}, { outcome: 'answer_timeout' }) },
  { at: '1.5', name: 'a head and a body that never begins', run: attempt(say(head('content-length: 10\r\n\r\n')), { state: 'delivered' }) },
  { at: '1.5', name: 'chunks that never end', run: attempt(drip(head('transfer-encoding: chunked\r\n\r\n'), ['1\r\nx\r\n'], 50), { state: 'delivered' }) },
  { at: '1.5', name: 'a length that is too long', run: attempt(sayAndEnd(head('content-length: 100\r\n\r\nshort')), { state: 'delivered' }) },
  { at: '1.5', name: 'a length that is too short', run: notReused(head('content-length: 2\r\n\r\nlonger')) },
  { at: '1.5', name: 'two lengths', run: attempt(say(head('content-length: 2\r\ncontent-length: 3\r\n\r\nab')), { outcome: 'protocol_error' }) },
  { at: '1.5', name: 'a length beside chunks', run: attempt(say(head('content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')), { outcome: 'protocol_error' }) },
  ...['zz', '-1', '0x5', 'FFFFFFFFFFFFFFFFF', `5;${'e'.repeat(5000)}`, ''].map((size) => (
    { at: '1.5', name: `a chunk of the size ${JSON.stringify(size.slice(0, 20))}`, run: attempt(say(head(`transfer-encoding: chunked\r\n\r\n${size}\r\nhello\r\n0\r\n\r\n`)), { state: 'delivered' }) })),
  { at: '1.5', name: 'a bare line feed', run: attempt(say('HTTP/1.1 200 OK\ncontent-length: 0\n\n'), { outcome: 'protocol_error' }) },
  { at: '1.5', name: 'a NUL in a header', run: attempt(say(head('x: a\0b\r\ncontent-length: 0\r\n\r\n')), { outcome: 'protocol_error' }) },
  { at: '1.5', name: 'a folded header', run: attempt(say(head('x: a\r\n b\r\ncontent-length: 0\r\n\r\n')), { outcome: 'protocol_error' }) },
  { at: '1.5', name: 'Latin-1 in a header value is let pass', run: attempt(say(head('x-who: Ren\xe9\r\ncontent-length: 0\r\n\r\n')), { state: 'delivered', release: 'no' }) },
  { at: '1.5', name: 'Latin-1 in a header name', run: attempt(say(head('x-\xe9: a\r\ncontent-length: 0\r\n\r\n')), { outcome: 'protocol_error' }) },
  { at: '1.5', name: '200, then a reset', run: attempt(sayAndReset(ok), { state: 'delivered' }) },
  { at: '1.5', name: '200 with half a body, then a reset', run: attempt(sayAndReset(head('content-length: 10\r\n\r\nhalf')), { state: 'delivered' }) },
  { at: '1.5', name: 'half a status line, then the end', run: attempt(sayAndEnd('HTTP/1.1 20'), { outcome: 'connection_closed' }) },
  { at: '1.5', name: 'the connection is kept open for ever after the answer, and used again', run: async (world) => {
    const receiver = await world.scripted(say(ok));
    const api = await world.workspace();
    await api.webhook(receiver.url, { schedule: ['0s'] });
    for (let i = 0; i < 3; ++i) await api.delivered({ event_id: (await api.postEvent(makeEvent())).id });
    assert.deepEqual([receiver.requests, receiver.connections], [3, 1]);
  } },
  { at: '1.5', name: 'a receiver that closes its half before it answers', run: attempt(undefined, { outcome: 'connection_closed', release: 'no' }, { on_connection: (socket) => { socket.end(); return 'done'; } }) },
  { at: '1.5', name: 'a receiver that acts once per id sees one effect of three attempts', run: deduplicating },
];
