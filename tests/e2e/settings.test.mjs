// Settings whose effect is seen from outside: the defaults of delivery, the least free space,
// extra authorities, a renewed certificate.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { makeEvent } from './lib/api.mjs';
import { temporaryFolder } from './lib/paths.mjs';
import { makePdf } from './lib/pdf.mjs';
import { parseMetrics, valueOf } from './lib/prometheus.mjs';
import { Receiver } from './lib/receiver.mjs';
import { Server, startServer } from './lib/server.mjs';
import { makeAuthority } from './lib/tls.mjs';
import { eventually } from './lib/wait.mjs';

async function started(t, settings) {
  const server = await startServer({ settings });
  t.after(() => server.close());
  return server;
}

async function receiving(t, options) {
  const receiver = await Receiver.start(options);
  t.after(() => receiver.close());
  return receiver;
}

test('a destination without figures of its own gets those of the settings', async (t) => {
  const server = await started(t, {
    'delivery.schedule': '0s, 2s', 'delivery.timeout': '1s', 'delivery.connect_timeout': '1s',
    'delivery.concurrency': '3', 'delivery.requests_per_second': '7', 'delivery.jitter_percent': '0',
  });
  const slow = await receiving(t, { answer: { status: 200, after_ms: 10_000 } });
  const api = await server.workspace();
  const made = await api.webhook(slow.url);
  const defaults = { concurrency: 3, rate_per_second: 7, rate_burst: 7, timeout_ms: 1000,
                     schedule: ['0s', '2s'], order: 'none' };
  assert.deepEqual(made.limits_in_force, defaults);
  assert.deepEqual([made.config.concurrency, made.config.timeout_ms, made.config.schedule], [null, null, []]);

  await api.postEvent(makeEvent());
  const failed = await api.deliveryWhen({ destination_id: made.id }, 'failed', (d) => d.state === 'failed');
  assert.equal(failed.attempts, 2);
  for (const attempt of failed.attempts_log) {
    assert.equal(attempt.outcome, 'answer_timeout');
    assert.ok(attempt.took_ms >= 1000 && attempt.took_ms < 9000, `${attempt.took_ms} ms`);
  }
  const [first, second] = failed.attempts_log.map((attempt) => Date.parse(attempt.started_at));
  assert.ok(second - first >= 2000, `${second - first} ms: never early`);

  const own = await api.patchDestination(made.id, { config: { timeout_ms: 5000, rate_per_second: 0 } });
  assert.deepEqual(own.limits_in_force, { ...defaults, timeout_ms: 5000, rate_per_second: 0, rate_burst: 0 });
  const back = await api.patchDestination(made.id, { config: { timeout_ms: null, rate_per_second: null } });
  assert.deepEqual(back.limits_in_force, defaults);

  // What is in force is a matter of the settings of the day, not of the day it was made.
  server.settings['delivery.concurrency'] = '4';
  await server.restart();
  assert.deepEqual((await api.destination(made.id)).limits_in_force, { ...defaults, concurrency: 4 });
});

test('with too little free space nothing is taken in, and everything else goes on', async (t) => {
  const server = new Server({});
  t.after(() => server.close());
  await server.start();
  const api = await server.workspace();
  const receiver = await receiving(t);
  const { id } = await api.webhook(receiver.url, { name: 'before' });
  await api.postEvent(makeEvent());
  await receiver.waitFor(1);
  server.settings['data.free_bytes_min'] = '1024TiB';
  await server.restart();

  const refused = [
    await api.tryPostEvent(makeEvent()),
    await api.tryPostBatch([makeEvent()]),
    await api.tryCreateEnvelope({ title: 'x' }),
    await api.tryUpload(makePdf('x')),
  ];
  for (const answer of refused) {
    assert.equal(answer.status, 507, answer.text);
    assert.equal(answer.json.code, 'storage_full');
    assert.match(answer.json.detail, /data\.free_bytes_min/);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
  }
  // Delivering, looking and mending go on.
  assert.equal((await api.destinations()).length, 1);
  const [delivery] = await api.deliveries({ destination_id: id });
  await api.replayDelivery(delivery.id);
  await receiver.waitFor(2);
  const figures = parseMetrics((await api.get('/metrics')).text);
  assert.ok(valueOf(figures, 'blotter_events_refused_total', { reason: 'storage_full' }) >= 2);
  assert.ok(valueOf(figures, 'blotter_disk_free_bytes') > 0);
  assert.ok(server.log.some((line) => line.what === 'disk.short'));

  server.settings['data.free_bytes_min'] = '1MiB';
  await server.restart();
  await api.postEvent(makeEvent());
  await receiver.waitFor(3);
});

test('an authority of the settings is trusted for every destination', async (t) => {
  const authority = await makeAuthority();
  const receiver = await receiving(t, { tls: await authority.issue('IP:127.0.0.1') });
  const outcome = async (settings) => {
    const server = await started(t, settings);
    const api = await server.workspace();
    const { id } = await api.webhook(receiver.url, { schedule: ['0s'] });
    await api.postEvent(makeEvent());
    const done = await api.deliveryWhen({ destination_id: id }, 'over', (d) => ['delivered', 'failed'].includes(d.state));
    return done.attempts_log[0].outcome;
  };
  assert.equal(await outcome({}), 'certificate_untrusted');
  assert.equal(await outcome({ 'egress.extra_ca_file': authority.ca_file }), 'delivered');

  const broken = join(temporaryFolder(), 'broken.pem');
  writeFileSync(broken, 'no certificate\n');
  const server = new Server({ settings: { 'egress.extra_ca_file': broken } });
  t.after(() => server.close().catch(() => {}));
  const { code, output } = await server.startRefused();
  assert.equal(code, 1);
  assert.match(output, /egress\.extra_ca_file/);
  const doctor = await server.cli(['doctor', `--egress.extra_ca_file=${broken}`]);
  assert.match(doctor.output, /egress\.extra_ca_file/);
});

test('a renewed certificate is taken at SIGHUP, and a broken one is not', async (t) => {
  const authority = await makeAuthority();
  const folder = temporaryFolder();
  const chain = join(folder, 'chain.pem');
  const key = join(folder, 'key.pem');
  const install = async () => {
    const made = await authority.issue('IP:127.0.0.1');
    writeFileSync(chain, made.cert);
    writeFileSync(key, made.key);
  };
  await install();
  const server = await started(t, { 'listen.tls_certificate': chain, 'listen.tls_key': key });
  const serial = () => new Promise((resolve, reject) => {
    const [host, port] = server.address.split(':');
    const socket = tls.connect({ host, port, ca: authority.ca_pem }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
  const lines = (what) => server.log.filter((line) => line.what === what).length;
  const first = await serial();

  writeFileSync(chain, 'broken\n');
  server.child.process.kill('SIGHUP');
  await eventually('the broken one is noticed', () => lines('tls.reload_failed') > 0);
  assert.equal(await serial(), first, 'the old one stays');
  const doctor = await server.cli(['doctor', `--listen.tls_certificate=${chain}`, `--listen.tls_key=${key}`]);
  assert.match(doctor.output, /chain\.pem/);

  await install();
  server.child.process.kill('SIGHUP');
  await eventually('the new one is taken', () => lines('tls.reloaded') > 0);
  await eventually('every loop has it', async () => {
    for (let n = 0; n < 5; ++n) if (await serial() === first) return false;
    return true;
  });
});
