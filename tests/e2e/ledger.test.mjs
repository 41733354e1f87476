// The ledger, checked by Blotter and by software that its authors did not write: Go's
// golang.org/x/mod/sumdb. One changed byte is found; a database from the past refuses to sign.
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { e2e_dir, temporaryFolder } from './lib/paths.mjs';
import { check, run } from './lib/processes.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

const server = await startServer({ settings: { 'ledger.checkpoint_interval': '50ms' } });
after(() => server.close());
const receiver = await Receiver.start();
after(() => receiver.close());

const go_folder = temporaryFolder();
const go_verifier = join(go_folder, 'ledger_verify');
await check('go', ['build', '-o', go_verifier, '.'], {
  cwd: join(e2e_dir, 'go/ledger_verify'), timeout_ms: 600_000,
  env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '', GOCACHE: join(go_folder, 'cache') },
});

/** The folders below that are exports of one log: those with a checkpoint. */
function logsUnder(folder) {
  const found = existsSync(join(folder, 'checkpoint')) ? [folder] : [];
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) found.push(...logsUnder(join(folder, entry.name)));
  return found;
}

async function exported() {
  const folder = join(temporaryFolder(), 'export');
  const done = await server.cli(['ledger', 'export', folder]);
  assert.equal(done.code, 0, done.output);
  return folder;
}

const entriesOf = (log) => Number(readFileSync(join(log, 'checkpoint'), 'utf8').split('\n')[1]);

test('after traffic the ledger verifies, and so does its export with foreign software', async () => {
  const apis = [await server.workspace('One'), await server.workspace('Two')];
  for (const api of apis) {
    await api.webhook(receiver.url);
    await api.postBatch(Array.from({ length: 300 }, (_, n) => makeEvent({ envelope: { id: `l-${n}` } })));
  }
  await receiver.waitFor(600);
  const verified = await server.cli(['ledger', 'verify']);
  assert.equal(verified.code, 0, verified.output);
  await server.stop();
  const again = await server.cli(['ledger', 'verify']);
  assert.equal(again.code, 0, again.output);
  const logs = logsUnder(await exported());
  assert.ok(logs.length >= 3, `two workspaces and the root: ${logs}`);
  const words = await check(go_verifier, logs);
  for (const log of logs) assert.match(words, new RegExp(`^ok ${log}: `, 'm'));
  assert.ok(logs.filter((log) => entriesOf(log) >= 300).length >= 2);
  await server.start();
});

test('a changed byte in an export is found by the foreign verifier, wherever it is', async () => {
  const logs = logsUnder(await exported());
  const log = logs.sort((a, b) => entriesOf(b) - entriesOf(a))[0];
  const flips = [];
  for (const entry of readdirSync(log, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || entry.name === 'README.txt') continue;
    const { size } = statSync(path);
    for (let i = 0; i < 12; ++i)
      flips.push(`${relative(log, path)} ${Math.floor((size - 1) * i / 11)} ${1 << (i % 8)}`);
  }
  assert.ok(flips.length >= 48);
  const list = join(temporaryFolder(), 'flips');
  writeFileSync(list, `${[...new Set(flips)].join('\n')}\n`);
  assert.doesNotMatch(await check(go_verifier, ['-flips', list, log]), /MISSED/);
});

test('a proof shows that one event is in the ledger', async () => {
  const api = await server.workspace();
  const event = await api.postEvent(makeEvent());
  const proof = await eventually('the proof', async () => {
    const answer = await api.tryProof(event.id);
    return answer.status === 200 ? answer : undefined;
  });
  assert.match(proof.text, /c2sp\.org\/tlog-proof@v1/);
  const proven = await server.cli(['ledger', 'prove', event.id]);
  assert.equal(proven.code, 0, proven.output);
  assert.match(proven.output, /c2sp\.org\/tlog-proof@v1/);
  const none = await server.cli(['ledger', 'prove', 'evt_00000000000000000000000000']);
  assert.notEqual(none.code, 0);
  const checkpoint = await server.cli(['ledger', 'checkpoint']);
  assert.equal(checkpoint.code, 0, checkpoint.output);
  assert.match(checkpoint.stdout, /^— /m, 'a signed note');
});

test('one changed byte of a ledger entry in the database is found', async () => {
  const api = await server.workspace();
  // One by one: each has a row of its own, as text.
  for (let i = 0; i < 20; ++i) await api.postEvent(makeEvent());
  await server.stop();
  const good = await server.cli(['ledger', 'verify']);
  assert.equal(good.code, 0, good.output);
  const database = databaseOf(server.data_dir);
  const tables = (await check('sqlite3', [database, '.tables'])).split(/\s+/).filter(Boolean);
  const table = tables.find((name) => name === 'leaf') ?? tables.find((name) => /leaf|leaves|entries/.test(name));
  assert.ok(table, `a table with the entries: ${tables}`);
  const columns = (await check('sqlite3', [database, `SELECT name FROM pragma_table_info('${table}') WHERE type='BLOB'`]))
    .split('\n').filter(Boolean);
  const column = columns.find((name) => /entry|leaf|bytes|data|body/.test(name)) ?? columns[0];
  const keep = join(temporaryFolder(), 'kept.db');
  cpSync(database, keep);
  await check('sqlite3', [database, `UPDATE ${table} SET ${column} = CAST(replace(CAST(${column} AS TEXT), '"v":1', '"v":2') AS BLOB) ` +
    `WHERE key = (SELECT max(key) - 5 FROM ${table})`]);
  const bad = await server.cli(['ledger', 'verify']);
  assert.notEqual(bad.code, 0, bad.output);
  assert.match(bad.output, /entry|leaf|root|hash/i);
  for (const file of filesOf(database)) rmSync(file, { force: true });
  cpSync(keep, database);
  await server.start();
});

test('an event whose row was changed or deleted in the database is found, and named', async () => {
  const api = await server.workspace();
  const [event] = await api.postBatch([makeEvent({ type: 'envelope.sent' }), makeEvent()]);
  await server.stop();
  const database = databaseOf(server.data_dir);
  const keep = join(temporaryFolder(), 'kept.db');
  cpSync(database, keep);
  const newest = 'WHERE seq = (SELECT max(seq) - 1 FROM event)';
  for (const [change, words] of [
    [`UPDATE event SET type = type + 1 ${newest}`, /the row says type envelope\.\w+, the payload that was accepted says envelope\.sent/],
    [`UPDATE event SET occurred_ms = 0 ${newest}`, /the row says timestamp 1970-01-01T00:00:00\.000Z/],
    [`DELETE FROM event ${newest}`, /is missing, and retention did not delete it/],
  ]) {
    await check('sqlite3', [database, change]);
    const bad = await server.cli(['ledger', 'verify']);
    assert.notEqual(bad.code, 0, change);
    assert.match(bad.output, words);
    assert.ok(bad.output.split('\n').some((line) => words.test(line) && line.includes(event.id)), bad.output);
    for (const file of filesOf(database)) rmSync(file, { force: true });
    cpSync(keep, database);
  }
  const good = await server.cli(['ledger', 'verify']);
  assert.equal(good.code, 0, good.output);
  await server.start();
});

const databaseOf = (folder) => {
  const found = readdirSync(folder).find((name) => /\.(db|sqlite3?)$/.test(name));
  assert.ok(found, readdirSync(folder).join());
  return join(folder, found);
};
const filesOf = (database) => [database, `${database}-wal`, `${database}-shm`];

test('a database from the past refuses to go on, because it would sign a second truth', async (t) => {
  const own = await startServer({ settings: { 'ledger.checkpoint_interval': '50ms' } });
  t.after(() => own.close());
  const api = await own.workspace();
  await api.postEvent(makeEvent());
  await own.stop();
  const database = databaseOf(own.data_dir);
  const past = join(temporaryFolder(), 'past.db');
  cpSync(database, past);
  await own.start();
  for (let i = 0; i < 10; ++i) await api.postEvent(makeEvent());
  await own.stop();
  for (const file of filesOf(database)) rmSync(file, { force: true });
  cpSync(past, database);
  const refused = await own.startRefused();
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /restored|backup|older|signed/i);
  assert.match(refused.output, /ledger/i);
  const verified = await own.cli(['ledger', 'verify']);
  assert.notEqual(verified.code, 0, 'the verification knows what was signed');
});

test('without its state file the ledger does not sign, rather than forget what it signed', async (t) => {
  const own = await startServer({ settings: { 'ledger.checkpoint_interval': '50ms' } });
  t.after(() => own.close());
  const api = await own.workspace();
  await api.postEvent(makeEvent());
  await own.stop();
  const state = readdirSync(own.data_dir).find((name) => readFileHead(join(own.data_dir, name)).startsWith('blotter-log-state v1'));
  assert.ok(state, readdirSync(own.data_dir).join());
  rmSync(join(own.data_dir, state));
  const refused = await own.startRefused();
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /state|signed/i);
});

function readFileHead(path) {
  return statSync(path).isFile() ? readFileSync(path).subarray(0, 64).toString('latin1') : '';
}

test('the foreign verifier refuses an export that is cut short', async () => {
  const log = logsUnder(await exported()).sort((a, b) => entriesOf(b) - entriesOf(a))[0];
  const copy = join(temporaryFolder(), 'cut');
  cpSync(log, copy, { recursive: true });
  const bundles = readdirSync(join(copy, 'tile/entries'), { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
  rmSync(join(bundles.at(-1).parentPath, bundles.at(-1).name));
  assert.equal((await run(go_verifier, [copy])).code, 1);
});
