// What can be wrong with the other side's TLS.
import assert from 'node:assert/strict';
import net from 'node:net';
import { makeEvent } from '../../e2e/lib/api.mjs';
import { Child } from '../../e2e/lib/processes.mjs';
import { Certificates } from '../lib/certificates.mjs';
import { say } from '../lib/scripted.mjs';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
let made;
const certificates = () => (made ??= Certificates.make());

/** One attempt to a TLS receiver with that certificate; the outcome has a name of its own. */
const handshake = (outcome, how = {}, destination = {}) => async (world) => {
  const all = await certificates();
  const leaf = how.self ? await all.selfSigned() : await all.issue(how.leaf);
  const receiver = await world.scripted(say(ok), { with_tls: { ...leaf, ...how.server } });
  const state = outcome === 'delivered' ? 'delivered' : 'failed';
  const ca_pem = how.trusted === 'no' ? undefined : all.ca_pem;
  const done = await world.expectAttempt(receiver.url, { state, outcome, ca_pem, ...destination });
  assert.equal(receiver.requests, state === 'delivered' ? 1 : 0, 'nothing was sent');
  return done;
};


const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});

const oldProtocol = (...args) => async (world) => {
  const all = await certificates();
  const leaf = await all.issue({ key: ['-newkey', 'rsa:2048', '-nodes'] });
  const port = await freePort();
  const child = new Child('openssl', ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', leaf.cert_file, '-key', leaf.key_file, '-www', ...args]);
  world.later(() => child.stop('SIGKILL'));
  await child.until((c) => (/ACCEPT/.test(c.output) ? true : undefined), 'ACCEPT');
  for (const tls_min of ['1.3', '1.2'])
    await world.expectAttempt(`https://127.0.0.1:${port}/`, { outcome: 'tls_version|tls_failed', ca_pem: all.ca_pem, tls_min });
};

async function downgradeIsChosen(world) {
  const all = await certificates();
  const receiver = await world.scripted(say(ok), { with_tls: { ...(await all.issue()), maxVersion: 'TLSv1.2' } });
  await world.expectAttempt(receiver.url, { outcome: 'tls_version', ca_pem: all.ca_pem });
  const done = await world.expectAttempt(receiver.url, { state: 'delivered', ca_pem: all.ca_pem, tls_min: '1.2' });
  assert.equal(done.attempt.tls_version, 'TLSv1.2');
  assert.equal(receiver.requests, 1);
}

async function changedCertificate(world) {
  const all = await certificates();
  const receiver = await world.scripted((socket) => socket.end(ok.replace('content-length', 'connection: close\r\ncontent-length')), { with_tls: await all.issue() });
  const api = await world.workspace();
  await api.webhook(receiver.url, { schedule: ['0s'], ca_pem: all.ca_pem });
  const first = await api.delivered({ event_id: (await api.postEvent(makeEvent())).id });
  receiver.server.setSecureContext(await all.issue());
  const second = await api.delivered({ event_id: (await api.postEvent(makeEvent())).id });
  assert.notEqual(first.attempts_log[0].peer_certificate_sha256, second.attempts_log[0].peer_certificate_sha256, 'each attempt names what it saw');
  receiver.server.setSecureContext(await all.selfSigned());
  const { id } = await api.postEvent(makeEvent());
  const failed = await api.deliveryWhen({ event_id: id }, 'failed', (d) => d.state === 'failed');
  assert.equal(failed.attempts_log[0].outcome, 'certificate_untrusted');
  assert.equal(receiver.requests, 2);
}

/** After the request has come over TLS 1.2 the server asks for another handshake. */
async function renegotiation(world) {
  const all = await certificates();
  const receiver = await world.scripted((socket) => {
    socket.renegotiate({ rejectUnauthorized: false }, () => {});
  }, { with_tls: { ...(await all.issue()), maxVersion: 'TLSv1.2' } });
  const done = await world.expectAttempt(receiver.url, { ca_pem: all.ca_pem, tls_min: '1.2' });
  assert.match(done.attempt.outcome, /^(connection_closed|protocol_error|answer_timeout|tls_failed)$/);
  assert.equal(receiver.connections, 1);
}

/** A handshake message that says it has 16 MiB, sent for as long as somebody reads. */
async function hugeHandshake(world) {
  const receiver = await world.scripted(undefined, { on_connection: (socket) => {
    socket.once('data', () => {
      const record = Buffer.concat([Buffer.from([0x16, 3, 3, 0x40, 0]), Buffer.alloc(0x4000, 0)]);
      Buffer.from([2, 0xff, 0xff, 0xff]).copy(record, 5);
      const more = () => { while (!socket.destroyed && socket.write(record)); };
      socket.on('drain', more);
      more();
    });
    return 'done';
  } });
  const grown = await world.growth(() => world.expectAttempt(receiver.url.replace('http:', 'https:'), { outcome: 'tls_failed' }));
  assert.ok(grown < 8 << 20, `memory grew by ${grown}`);
}

async function silentHandshake(world) {
  const receiver = await world.scripted(undefined, { on_connection: () => 'done' });
  const url = receiver.url.replace('http:', 'https:');
  await world.expectAttempt(url, { outcome: 'tls_timeout|answer_timeout', timeout_ms: 8000 });
}

async function slowHandshake(world) {
  const receiver = await world.scripted(undefined, { on_connection: (socket) => {
    const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(Buffer.from([0x16]))), 500);
    return 'done';
  } });
  await world.expectAttempt(receiver.url.replace('http:', 'https:'), { outcome: 'tls_timeout|tls_failed|answer_timeout', timeout_ms: 8000 });
}

/** The connection ends without the TLS end: what was announced is missing. */
async function truncated(world) {
  const all = await certificates();
  const receiver = await world.scripted((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n{"id":"half', () => setTimeout(() => socket._parent?.destroy() ?? socket.destroy(), 20));
  }, { with_tls: await all.issue() });
  const done = await world.expectAttempt(receiver.url, { state: 'delivered', ca_pem: all.ca_pem });
  assert.equal(done.delivery.reference ?? null, null, 'nothing is read out of half an answer');
}

async function longChain(world) {
  const all = await certificates();
  const leaf = await all.issue();
  const filler = (await all.selfSigned()).cert;
  const cert = Buffer.concat([leaf.cert, ...Array.from({ length: Math.ceil(140_000 / 500) }, () => filler)]);
  const receiver = await world.scripted(say(ok), { with_tls: { ...leaf, cert } });
  const grown = await world.growth(() => world.expectAttempt(receiver.url, { outcome: 'tls_failed', ca_pem: all.ca_pem }));
  assert.ok(grown < 8 << 20, `memory grew by ${grown}`);
  assert.equal(receiver.requests, 0);
}

async function plainOnTls(world) {
  const receiver = await world.scripted(say(ok));
  await world.expectAttempt(receiver.url.replace('http:', 'https:'), { outcome: 'tls_failed|tls_timeout' });
}

/** A NUL inside the name: "127.0.0.1\0.evil.example" must not be read as what stands before it. */
const nulInName = { names: 'DNS:receiver.example', subject: '/CN=127.0.0.1' };

export const rows = [
  { at: 51, name: 'TLS 1.2 only: refused with its name, delivered after the explicit choice', run: downgradeIsChosen },
  { at: 52, name: 'TLS 1.0', run: oldProtocol('-tls1', '-cipher', 'ALL:@SECLEVEL=0') },
  { at: 52, name: 'TLS 1.2 with a cipher without forward secrecy or authentication', run: oldProtocol('-tls1_2', '-cipher', 'aNULL:eNULL:@SECLEVEL=0') },
  { at: 52, name: 'an expired certificate', run: handshake('certificate_expired', { leaf: { from: '20200101', to: '20210101' } }) },
  { at: 52, name: 'a certificate from the future', run: handshake('certificate_not_yet_valid', { leaf: { from: '20450101', to: '20460101' } }) },
  { at: 52, name: 'a self-signed certificate', run: handshake('certificate_untrusted', { self: true }) },
  { at: 52, name: 'a certificate from an authority that nobody trusts', run: handshake('certificate_untrusted', { trusted: 'no' }) },
  { at: 52, name: 'a certificate for another host', run: handshake('certificate_wrong_host', { leaf: { names: 'DNS:other.example' } }) },
  { at: 52, name: 'a key of 1024 bits', run: handshake('tls_failed', { leaf: { key: ['-newkey', 'rsa:1024', '-nodes'] }, server: { ciphers: 'DEFAULT:@SECLEVEL=0' } }) },
  { at: 52, name: 'a certificate that is not for servers', run: handshake('tls_failed|certificate_untrusted', { leaf: { more: 'extendedKeyUsage=clientAuth\n' } }) },
  { at: 53, name: 'a certificate for *.com', run: async (world) => {
    const all = await certificates();
    world.names.zone['receiver.com'] = (type) => (type === 1 ? [{ type: 1, data: '127.0.0.1' }] : []);
    const receiver = await world.scripted(say(ok), { with_tls: await all.issue({ names: 'DNS:*.com' }) });
    await world.expectAttempt(`https://receiver.com:${receiver.port}/`, { outcome: 'certificate_wrong_host', ca_pem: all.ca_pem });
    assert.equal(receiver.requests, 0);
  } },
  { at: 53, name: 'the address in the common name only', run: handshake('certificate_wrong_host', { leaf: nulInName }) },
  { at: 53, name: 'a NUL in the name of the certificate', run: async (world) => {
    const all = await certificates();
    world.names.zone['good.example'] = (type) => (type === 1 ? [{ type: 1, data: '127.0.0.1' }] : []);
    // 2.5.29.17 by hand: one DNS name "good.example\0.evil.example".
    const name = Buffer.from('good.example\0.evil.example', 'latin1');
    const der = Buffer.concat([Buffer.from([0x30, name.length + 2, 0x82, name.length]), name]).toString('hex').replace(/../g, '$&:').slice(0, -1);
    const leaf = await all.issue({ names: '', more: `2.5.29.17=DER:${der}\n`, subject: '/CN=Nobody' });
    const receiver = await world.scripted(say(ok), { with_tls: leaf });
    await world.expectAttempt(`https://good.example:${receiver.port}/`, { outcome: 'certificate_wrong_host|tls_failed', ca_pem: all.ca_pem });
    assert.equal(receiver.requests, 0);
  } },
  { at: 53, name: 'a chain of more than 100 KiB', run: longChain },
  { at: 54, name: 'a handshake message of 16 MiB', run: hugeHandshake },
  { at: 54, name: 'a server that renegotiates', run: renegotiation },
  { at: '1.5', name: 'a handshake that never begins', run: silentHandshake },
  { at: '1.5', name: 'a handshake at two bytes a second', run: slowHandshake },
  { at: '1.5', name: 'plain HTTP where TLS is expected', run: plainOnTls },
  { at: '1.5', name: '200 and then the end without the end of TLS', run: truncated },
  { at: '1.5', name: 'the certificate changes between deliveries, for a good one and for a bad one', run: changedCertificate },
];
