// The tools of these tests, checked without the server: a test is worth what its tools are worth.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { base32, makeEventId } from './lib/ids.mjs';
import { temporaryFolder } from './lib/paths.mjs';
import { makePdf, sha256 } from './lib/pdf.mjs';
import { Child, check, run } from './lib/processes.mjs';
import { parseMetrics, valueOf } from './lib/prometheus.mjs';
import { Receiver } from './lib/receiver.mjs';
import { parseLine, Server } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';
import { hmacHex, publicKeyOfSeed, verifyEd25519, verifyWebhook } from './lib/webhooks.mjs';

test('the receiver keeps requests as they came and answers by its script first', async () => {
  const receiver = await Receiver.start({ answer: { status: 204 } });
  try {
    receiver.script.push({ status: 503, headers: { 'retry-after': '3' }, body: 'later' });
    const first = await fetch(receiver.url, { method: 'POST', body: '{"a" : 1}',
                                              headers: { 'x-some': 'value' } });
    assert.equal(first.status, 503);
    assert.equal(first.headers.get('retry-after'), '3');
    assert.equal(await first.text(), 'later');
    assert.equal((await fetch(receiver.url, { method: 'POST' })).status, 204);
    const [request] = await receiver.waitFor(2);
    assert.equal(request.body.toString(), '{"a" : 1}');
    assert.deepEqual(request.json, { a: 1 });
    assert.equal(request.headers['x-some'], 'value');
    await assert.rejects(receiver.waitFor(3, () => true, 50), /3 requests/);
  } finally {
    await receiver.close();
  }
  await assert.rejects(fetch(receiver.scheme + '://127.0.0.1:1/'));
});

test('a made PDF is a PDF to programs that read them', async () => {
  const file = join(temporaryFolder(), 'made.pdf');
  writeFileSync(file, makePdf('Contrat fournisseur (F-2891)', 'Montant HT: 12 500'));
  await check('qpdf', ['--check', file]);
  assert.match(await check('pdftotext', ['-layout', file, '-']),
               /Contrat fournisseur \(F-2891\)\s+Montant HT: 12 500/);
  assert.equal(sha256(Buffer.from('abc')),
               'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

// RFC 8032 section 7.1, test 1; the HMAC key and message are of RFC 4231 test case 2.
test('signatures are computed as published', () => {
  assert.equal(hmacHex('Jefe', 'what do ya want ', 'for nothing?'),
               '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const raw = publicKeyOfSeed(seed).export({ format: 'der', type: 'spki' }).subarray(-32);
  assert.equal(raw.toString('hex'),
               'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  const message = { body: Buffer.from('{}'),
                    headers: { 'webhook-id': 'a', 'webhook-timestamp': '1',
                               'webhook-signature': `v1a,${Buffer.alloc(64).toString('base64')}` } };
  assert.equal(verifyEd25519(publicKeyOfSeed(seed), message), false);
});

test('the library takes a good webhook and refuses a changed one', () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef');
  const secret = `whsec_${key.toString('base64')}`;
  const at = Math.floor(Date.now() / 1000);
  const body = Buffer.from('{"type":"envelope.sent"}');
  const tag = Buffer.from(hmacHex(key, `evt_1.${at}.`, body), 'hex').toString('base64');
  const headers = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(at),
                    'webhook-signature': `v1a,abcd v1,${tag}` };
  assert.deepEqual(verifyWebhook(secret, { body, headers }), { type: 'envelope.sent' });
  assert.deepEqual(verifyWebhook(key.toString(), { body, headers }), { type: 'envelope.sent' });
  assert.throws(() => verifyWebhook(secret, { body: Buffer.from('{}'), headers }), /No matching/);
});

test('ids are 26 digits of base32 in the order of their bytes', () => {
  assert.equal(base32(Buffer.alloc(16)), '0'.repeat(26));
  assert.equal(base32(Buffer.alloc(16, 0xff)), '7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
  assert.match(makeEventId(), /^evt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
});

test('the metrics reader takes the format and nothing else', () => {
  const good = parseMetrics('# HELP a_total Things\n# TYPE a_total counter\n' +
                            'a_total{kind="x,\\"y"} 3\n# TYPE t histogram\n' +
                            't_bucket{le="0.1"} 1\nt_bucket{le="+Inf"} 2\nt_sum 1.5\nt_count 2\n');
  assert.equal(valueOf(good, 'a_total', { kind: 'x,\\"y' }), 3);
  for (const bad of [
    'a_total 3\n',                                                    // no TYPE
    '# TYPE a counter\na 1\na 2\n',                                   // twice
    '# TYPE a counter\na one\n',
    '# TYPE a counter\na{b=c} 1\n',
    '# TYPE a counter\na 1',                                          // no end of line
    '# TYPE t histogram\nt_bucket{le="1"} 2\nt_bucket{le="+Inf"} 1\nt_sum 1\nt_count 1\n',
    '# TYPE t histogram\nt_bucket{le="1"} 1\nt_bucket{le="+Inf"} 1\nt_sum 1\nt_count 2\n',
  ]) assert.throws(() => parseMetrics(bad), undefined, bad);
});

test('a child process is waited for, read, and ended', async () => {
  const child = new Child(process.execPath, ['-e', 'console.log("ready"); setInterval(() => {}, 1e3)']);
  assert.equal(await child.until((c) => (c.stdout.includes('ready') ? 'seen' : undefined), 'ready'),
               'seen');
  assert.equal((await child.stop('SIGTERM')).signal, 'SIGTERM');
  const failed = await run(process.execPath, ['-e', 'console.error("no"); process.exit(3)']);
  assert.deepEqual([failed.code, failed.stderr], [3, 'no\n']);
  await assert.rejects(check(process.execPath, ['-e', 'process.exit(4)']), /exit 4/);
  await assert.rejects(run('/nonexistent/program'), /cannot be started/);
  await assert.rejects(run(process.execPath, ['-e', 'setInterval(() => {}, 1e3)'], { timeout_ms: 200 }),
                       /took too long/);
  assert.deepEqual([parseLine('{"what":"a"}'), parseLine('plain'), parseLine('{cut')],
                   [{ what: 'a' }, undefined, undefined]);
  await assert.rejects(eventually('a miracle', () => false, 30), /a miracle/);
});

/** A program that serves nothing, but says that it listens, and ends in its own way. */
function standIn(t, ending) {
  const file = join(temporaryFolder(), 'stand-in');
  writeFileSync(file, `#!${process.execPath}
process.on('SIGTERM', () => { ${ending} });
console.log('{"what":"server.listening","address":"127.0.0.1:1"}');
setInterval(() => {}, 1e3);
`);
  chmodSync(file, 0o755);
  const before = process.env.BLOTTER_PROGRAM;
  process.env.BLOTTER_PROGRAM = file;
  t.after(() => {
    if (before === undefined) delete process.env.BLOTTER_PROGRAM;
    else process.env.BLOTTER_PROGRAM = before;
  });
}

test('a server that does not end well after its test fails the test', async (t) => {
  for (const [ending, why] of [
    ['process.exit(0)', undefined],
    ['process.exit(3)', /did not stop cleanly/],
    ['console.error("==1==ERROR: LeakSanitizer: detected memory leaks"); process.exit(0)', /LeakSanitizer/],
    ['console.error("src/a.cpp:1:2: runtime error: signed integer overflow"); process.exit(0)',
     /runtime error/],
  ]) {
    standIn(t, ending);
    const server = await new Server().start();
    if (why) await assert.rejects(server.close(), why);
    else await server.close();
  }
  await assert.rejects(run(process.execPath, ['-e', 'console.log("x: runtime error: y")']),
                       /runtime error/);
});
