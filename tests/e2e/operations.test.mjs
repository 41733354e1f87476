// What an operator uses: health, metrics, settings, diagnosis, backup, description, stopping.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Api, makeEvent } from './lib/api.mjs';
import { makeEventId } from './lib/ids.mjs';
import { e2e_dir, program, root_dir, temporaryFolder } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';
import { parseMetrics, valueOf } from './lib/prometheus.mjs';
import { Receiver } from './lib/receiver.mjs';
import { Server, cli, startCli, startServer } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

const server = await startServer();
after(() => server.close());

async function receiverFor(t, options) {
  const receiver = await Receiver.start(options);
  t.after(() => receiver.close());
  return receiver;
}

test('the health pages say that it lives and that it is ready', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const answer = await new Api(server).get(path);
    assert.equal(answer.status, 200, answer.text);
  }
});

test('the address and the first key are left where a script finds them, for the owner only', () => {
  assert.equal(readFileSync(join(server.data_dir, 'address'), 'utf8').trim(), server.address);
  assert.match(server.owner_key, /^blt_[0-9A-Z]{26}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
  assert.equal(statSync(join(server.data_dir, 'owner.key')).mode & 0o777, 0o600);
  assert.equal(statSync(server.data_dir).mode & 0o077, 0);
});

test('the metrics can be read by Prometheus and count what happened', async (t) => {
  const receiver = await receiverFor(t);
  const api = await server.workspace();
  await api.webhook(receiver.url);
  const read = async () => {
    const answer = await new Api(server).get('/metrics');
    assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
    return parseMetrics(answer.text);
  };
  const before = await read();
  assert.ok(before.size >= 10, [...before.keys()].join());
  for (const [name, family] of before) {
    assert.match(name, /^(blotter|process)_[a-z0-9_]+$/);
    assert.ok(family.help?.length > 0, `${name} has a help text`);
    if (family.type === 'counter') assert.match(name, /_total$/);
  }
  await api.postEvent(makeEvent());
  await receiver.waitFor(1);
  const total = (families) => [...families.values()].flatMap((f) => f.samples)
    .filter((s) => s.name === 'blotter_api_requests_total').reduce((sum, s) => sum + s.value, 0);
  const later = await read();
  assert.ok(total(later) > total(before));
  assert.ok(valueOf(later, 'blotter_api_requests_total', { status: '2xx' }) > 0);
});

test('events, attempts and refusals are counted by what became of them', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const receiver = await receiverFor(t);
  const api = await own.workspace();
  await api.webhook(receiver.url, { schedule: ['0s'] });
  await api.putSettings({ metadata_schema: { type: 'object', properties: { montant_ht: { type: 'number' } } } });
  await api.postEvent(makeEvent());
  await receiver.waitFor(1);
  receiver.answer = { status: 500 };
  const twice = makeEvent({ id: makeEventId() });
  await api.postEvent(twice);
  await api.postEvent(twice);
  await api.postEvent(makeEvent({ envelope: { metadata: { montant_ht: 'much' } } }));
  (await api.tryPostEvent({ type: 'envelope.unheard_of', data: {} })).expectProblem(422);
  await api.postBatch([makeEvent(), { type: 'envelope.unheard_of', data: {} }]);
  await receiver.waitFor(3);
  (await api.tryWebhook('https://169.254.169.254/latest')).expectProblem(422);
  const expected = [
    ['blotter_events_accepted_total', {}, 3],
    ['blotter_events_repeated_total', {}, 1],
    ['blotter_events_quarantined_total', { reason: 'metadata' }, 1],
    ['blotter_events_refused_total', { reason: 'invalid_argument' }, 2],
    ['blotter_delivery_attempts_total', { outcome: 'delivered' }, 1],
    ['blotter_delivery_attempts_total', { outcome: 'server_error' }, 2],
    ['blotter_deliveries_total', { state: 'failed' }, 2],
    ['blotter_egress_denied_total', { where: 'api' }, 1],
    ['blotter_api_requests_total', { route: 'createDestination', status: '4xx' }, 1],
    ['blotter_delivery_attempt_seconds_count', {}, 3],
    ['blotter_delivery_in_flight', {}, 0],
  ];
  await eventually('the figures are there', async () => {
    const families = parseMetrics((await new Api(own).get('/metrics')).text);
    for (const [name, labels, value] of expected)
      assert.equal(valueOf(families, name, labels), value, `${name}${JSON.stringify(labels)}`);
    assert.ok(valueOf(families, 'blotter_store_jobs_total') >= valueOf(families, 'blotter_store_commits_total'));
    return true;
  });
});

test('the page of metrics is the table of what is served', async () => {
  const families = parseMetrics((await new Api(server).get('/metrics')).text);
  const served = [...families].map(([name, { type, help, samples }]) => {
    const labels = [...new Set(samples.flatMap((sample) => Object.keys(sample.labels)))].filter((l) => l !== 'le');
    return `| \`${name}\` | ${type} | ${labels.map((l) => `\`${l}\``).join(', ')} | ${help} |`;
  });
  const page = readFileSync(join(root_dir, 'docs/METRICS.md'), 'utf8').split('\n').filter((l) => l.startsWith('| `'));
  assert.deepEqual(page.toSorted(), served.toSorted());
});

test('metrics on an address of their own are not on the public one', async (t) => {
  const own = await startServer({ settings: { 'metrics.address': '127.0.0.1:0' } });
  t.after(() => own.close());
  assert.equal((await new Api(own).get('/metrics')).status, 404);
});

test('the settings explain themselves: value, origin, default, help', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'blotter.toml');
  writeFileSync(file, '[delivery]\ntimeout = "7s"\n[log]\nlevel = "warning"\n');
  const explained = await cli(['config', 'explain', '--delivery.concurrency=3'],
                              { env: { BLOTTER_CONFIG: file, BLOTTER_LOG_LEVEL: 'error' } });
  assert.equal(explained.code, 0, explained.output);
  assert.match(explained.stdout, /delivery\.timeout.*7s/);
  assert.match(explained.stdout, /blotter\.toml:2/);
  assert.match(explained.stdout, /BLOTTER_LOG_LEVEL/);
  assert.match(explained.stdout, /delivery\.concurrency.*3/);
  const settings = readFileSync(join(root_dir, 'src/config/settings.def'), 'utf8')
    .matchAll(/^SETTING\((\w+), (\w+),/gm);
  for (const [, section, name] of settings) assert.ok(explained.stdout.includes(`${section}.${name}`), `${section}.${name}`);
  const secret = await cli(['config', 'explain'], { env: { BLOTTER_KEYS_MASTER: 'the-master-key-itself' } });
  assert.doesNotMatch(secret.output, /the-master-key-itself/);
});

test('a wrong setting stops the start and is named with its place', async () => {
  const cases = [[['--listen.address=nowhere'], /listen\.address/], [['--delivery.timeout=0s'], /delivery\.timeout/],
                 [['--no.such=1'], /no\.such/], [['--egress.allow=10.0.0.0/33'], /egress\.allow/]];
  for (const [args, words] of cases) {
    const refused = await cli(['serve', `--data.directory=${join(temporaryFolder(), 'data')}`, ...args]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, words);
  }
  const file = join(temporaryFolder(), 'blotter.toml');
  writeFileSync(file, '[delivery]\n\ntimeuot = "7s"\n');
  const refused = await cli(['serve'], { env: { BLOTTER_CONFIG: file } });
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /blotter\.toml:3/);
});

test('the help names every command, and an unknown one is an error', async () => {
  const help = await cli(['--help']);
  assert.equal(help.code, 0);
  for (const command of ['serve', 'demo', 'ledger', 'listen', 'trigger', 'config', 'doctor', 'backup', 'openapi'])
    assert.match(help.stdout, new RegExp(`\\b${command}\\b`));
  assert.notEqual((await cli(['no-such-command'])).code, 0);
  const version = await cli(['--version']);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /\d+\.\d+\.\d+/);
});

test('the doctor finds a healthy installation healthy, and says what is wrong with another', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  await (await own.workspace()).postEvent(makeEvent());
  await own.stop();
  const healthy = await own.cli(['doctor']);
  assert.equal(healthy.code, 0, healthy.output);
  writeFileSync(join(own.data_dir, 'master.key'), 'not a key\n', { mode: 0o600 });
  const sick = await own.cli(['doctor']);
  assert.notEqual(sick.code, 0);
  assert.match(sick.output, /key/i);
});

test('a backup taken while events come in is a whole installation', async (t) => {
  const receiver = await receiverFor(t);
  const api = await server.workspace();
  await api.webhook(receiver.url);
  const file = await api.upload(Buffer.from('%PDF-1.4 kept'));
  const early = await api.postEvent(makeEvent());
  let over = false;
  const traffic = (async () => { while (!over) await api.postEvent(makeEvent()); })();
  const folder = join(temporaryFolder(), 'backup');
  const made = await server.cli(['backup', folder]);
  over = true;
  await traffic;
  assert.equal(made.code, 0, made.output);
  const restored = new Server({ data_dir: folder });
  t.after(() => restored.close());
  // The master key is kept elsewhere than the backup, by an operator who knows why.
  if (!existsSync(join(folder, 'master.key')))
    writeFileSync(join(folder, 'master.key'), readFileSync(join(server.data_dir, 'master.key')), { mode: 0o600 });
  assert.ok(readdirSync(folder).length >= 2);
  await restored.start();
  const there = new Api(restored, api.key);
  assert.equal((await there.event(early.id)).id, early.id);
  assert.equal((await there.destinations()).length, 1);
  assert.equal((await there.tryFileContent(file.id)).text, '%PDF-1.4 kept');
  const verified = await restored.cli(['ledger', 'verify']);
  assert.equal(verified.code, 0, verified.output);
  assert.equal((await there.postEvent(makeEvent())).status, 'accepted');
  mkdirSync(join(temporaryFolder(), 'taken'), { recursive: true });
  const again = await server.cli(['backup', folder]);
  assert.notEqual(again.code, 0, 'an existing folder is not written over');
});

test('the description is valid OpenAPI and names every way to fail', async () => {
  const served = await new Api(server).get('/openapi.json');
  served.expect(200);
  assert.match(served.json.openapi, /^3\.1\./);
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'openapi.json'), served.text);
  writeFileSync(join(folder, 'ruleset.json'), '{"extends":["spectral:oas"]}');
  const linted = await run(process.execPath, [
    join(e2e_dir, 'node_modules/.bin/spectral'), 'lint', '--ruleset', join(folder, 'ruleset.json'),
    '--fail-severity', 'warn', join(folder, 'openapi.json')]);
  assert.equal(linted.code, 0, linted.output);
  const printed = await cli(['openapi']);
  assert.equal(printed.code, 0, printed.stderr);
  assert.deepEqual(Object.keys(JSON.parse(printed.stdout).paths), Object.keys(served.json.paths));
  const names = new Set();
  for (const [path, item] of Object.entries(served.json.paths))
    for (const [method, operation] of Object.entries(item)) {
      assert.ok(!names.has(operation.operationId), operation.operationId);
      names.add(operation.operationId);
      const codes = Object.keys(operation.responses);
      assert.ok(codes.some((code) => code.startsWith('2')), `${method} ${path}`);
      assert.ok(codes.some((code) => code.startsWith('4') || code === 'default'), `${method} ${path}: ${codes}`);
    }
});

test('every path of the description is served, and nothing answers on a path that is not in it', async () => {
  const api = await server.workspace();
  const { paths } = await api.openapi();
  for (const [path, item] of Object.entries(paths))
    for (const method of Object.keys(item)) {
      const answer = await api.request(method.toUpperCase(), path.replaceAll(/\{[^}]+\}/g, 'x'),
                                       ['get', 'delete'].includes(method) ? {} : { json: {} });
      assert.notEqual(answer.status, 405, `${method} ${path}`);
      assert.ok(answer.status < 500 || path === '/readyz', `${method} ${path}: ${answer.status}`);
    }
  (await api.get('/v1/nowhere')).expectProblem(404);
  const wrong = await api.request('DELETE', '/v1/events');
  wrong.expectProblem(405);
  assert.match(wrong.headers.get('allow'), /GET/);
});

test('a stop lets what is under way finish and leaves nothing to recover', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const api = await own.workspace();
  const receiver = await receiverFor(t, { answer: { status: 200, after_ms: 1500 } });
  const destination = await api.webhook(receiver.url);
  await api.postEvent(makeEvent());
  await receiver.waitFor(1);
  await own.stop();
  await own.start();
  const delivery = await api.delivered({ destination_id: destination.id });
  assert.equal(delivery.attempts, 1, 'the attempt under way was finished, not repeated');
  assert.equal(receiver.count, 1);
  const last = own.past_output.trim().split('\n').at(-1);
  assert.ok(JSON.parse(last).what, `the last line is a log line too: ${last}`);
});

test('each attempt has one line in the log, in JSON, with what identifies it', async (t) => {
  const receiver = await receiverFor(t);
  receiver.script.push({ status: 500 });
  const api = await server.workspace();
  await api.webhook(receiver.url, { schedule: ['0s', '1s'] });
  const event = await api.postEvent(makeEvent());
  const delivery = await api.delivered({ event_id: event.id });
  const lines = await eventually('two lines', () => {
    const found = server.log.filter((line) => line.delivery === delivery.id && line.outcome);
    return found.length >= 2 ? found : undefined;
  });
  assert.equal(lines.length, 2);
  assert.deepEqual(lines.map((l) => [l.attempt, l.status]), [[1, 500], [2, 200]]);
  for (const line of lines) assert.equal(line.event, event.id);
});

test('a second program on the same data is refused', async () => {
  const second = new Server({ data_dir: server.data_dir });
  const refused = await second.startRefused();
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /already|in use|lock|another/i);
});

test('blotter listen verifies what it gets and prints it; blotter trigger sends a simulated event', async (t) => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const listener = startCli(['listen', '--port', '0', '--secret', secret, '--answer', '{"accountingReferenceId":"L-1"}']);
  t.after(() => listener.stop('SIGTERM').catch(() => {}));
  const url = await listener.until((c) => /http:\/\/127\.0\.0\.1:\d+\S*/.exec(c.output)?.[0], 'address');
  const api = await server.workspace();
  await api.webhook(url, { signing_secret: secret });
  const event = await api.postEvent(makeEvent());
  const delivery = await api.delivered({ event_id: event.id });
  assert.equal(delivery.reference, 'L-1');
  await listener.until((c) => (c.output.includes(event.id) ? true : undefined), 'the event');
  const sent = await triggered('envelope.completed', url, secret);
  assert.equal(sent.code, 0, sent.output);
  await listener.until((c) => (c.output.includes('envelope.completed') ? true : undefined), 'the simulated event');
  const wrong = await triggered('envelope.completed', url, `whsec_${Buffer.alloc(32, 8).toString('base64')}`);
  assert.notEqual(wrong.code, 0, 'a listener with another secret refuses');
  assert.equal((await listener.stop('SIGTERM')).code, 0);
});

/** The command line of `blotter trigger`. */
function triggered(type, url, secret) {
  return cli(['trigger', type, '--url', url, '--secret', secret]);
}

test('the systemd unit is sound', async () => {
  const unit = readFileSync(join(root_dir, 'packaging/blotter.service'), 'utf8');
  const copy = join(temporaryFolder(), 'blotter.service');
  // The program is not installed here: the unit is checked with the one that was built.
  writeFileSync(copy, unit.replaceAll('/usr/bin/blotter', program()));
  const analysed = await run('systemd-analyze', ['verify', copy]).catch((error) => ({ missing: error }));
  if (analysed.missing) {
    // Without systemd the shape alone: every line is a section, a comment or an assignment.
    for (const line of unit.split('\n')) assert.match(line, /^(|#.*|\[\w+\]|\w+=.*)$/);
    return;
  }
  assert.equal(analysed.code, 0, analysed.output);
  assert.equal(analysed.output.trim(), '');
});
