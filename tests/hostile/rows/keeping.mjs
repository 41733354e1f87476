// What happens to data and keys when somebody else has their hands on the disk, and to the quiet
// when somebody is loud.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeEvent } from '../../e2e/lib/api.mjs';
import { temporaryFolder } from '../../e2e/lib/paths.mjs';
import { parseMetrics, valueOf } from '../../e2e/lib/prometheus.mjs';
import { eventually } from '../../e2e/lib/wait.mjs';

const databaseOf = (server) => join(server.data_dir, readdirSync(server.data_dir).find((name) => /\.(db|sqlite3?)$/.test(name)));

/** A server with some events and a destination, stopped; `edit` changes its database. */
async function edited(world, edit, settings = {}) {
  const server = await world.start({ 'ledger.checkpoint_interval': '20ms', ...settings });
  const api = await server.workspace();
  await api.webhook('https://example.com/', { signing_secret: 'a secret of the user 1' });
  await api.webhook('https://example.org/', { signing_secret: 'a secret of the user 2' });
  // One by one, each with a row of the ledger of its own, and some together in one.
  for (let i = 0; i < 20; ++i) await api.postEvent(makeEvent());
  await api.postBatch(Array.from({ length: 10 }, () => makeEvent()));
  for (let i = 0; i < 3; ++i) await api.postEvent(makeEvent());
  await server.stop();
  assert.equal((await server.cli(['ledger', 'verify'])).code, 0);
  const db = new DatabaseSync(databaseOf(server));
  edit(db);
  db.close();
  return { server, api };
}

// The log of the workspace is the one with the most entries.
const log = '(SELECT key >> 36 AS log FROM leaf GROUP BY log ORDER BY sum(count) DESC LIMIT 1)';
const key = (n) => `((${log} << 36) + ${n})`;
const ledgerEdit = (...statements) => async (world) => {
  const { server } = await edited(world, (db) => {
    for (const statement of statements)
      assert.equal(db.prepare(statement).run().changes, 1, statement);
  });
  const { code, output } = await server.cli(['ledger', 'verify']);
  assert.notEqual(code, 0, `the verification must fail: ${output}`);
};

/** Changes the bytes of a row that has several entries, each behind two bytes of length. */
const rowOfSeveral = (change) => async (world) => {
  const { server } = await edited(world, (db) => {
    const row = db.prepare('SELECT key, entry FROM leaf WHERE count > 1 ORDER BY count DESC LIMIT 1').get();
    const entries = Buffer.from(row.entry);
    change(entries);
    db.prepare('UPDATE leaf SET entry = ? WHERE key = ?').run(entries, row.key);
  });
  const { code, output } = await server.cli(['ledger', 'verify']);
  assert.notEqual(code, 0, `the verification must fail: ${output}`);
};

async function oldBackup(world) {
  const server = await world.start({ 'ledger.checkpoint_interval': '20ms' });
  const api = await server.workspace();
  await api.postEvent(makeEvent());
  await server.stop();
  const [database, past] = [databaseOf(server), join(temporaryFolder(), 'past.db')];
  cpSync(database, past);
  await server.start();
  for (let i = 0; i < 10; ++i) await api.postEvent(makeEvent());
  await server.stop();
  for (const ending of ['', '-wal', '-shm']) rmSync(database + ending, { force: true });
  cpSync(past, database);
  const refused = await server.startRefused();
  assert.notEqual(refused.code, 0);
  assert.match(refused.output, /ledger/i);
}

/** Two sealed secrets change places, or one bit of one flips: neither is ever used. */
const sealedEdit = (change) => async (world) => {
  const receiver = await world.receiver();
  const server = await world.start();
  const api = await server.workspace();
  const destinations = [];
  for (const n of [1, 2]) destinations.push(await api.webhook(receiver.url, { signing_secret: `a secret of the user ${n}`, schedule: ['0s'] }));
  await server.stop();
  const db = new DatabaseSync(databaseOf(server));
  change(db);
  db.close();
  await server.start();
  const { id } = await api.postEvent(makeEvent());
  const all = await eventually('both are over', async () => {
    const found = await api.eventDeliveries(id);
    return found.length === 2 && found.every((d) => ['failed', 'delivered', 'retrying'].includes(d.state)) ? found : undefined;
  });
  assert.ok(all.some((d) => d.state !== 'delivered'), JSON.stringify(all).slice(0, 800));
  assert.ok(receiver.count <= 1, 'nothing is signed with a secret that does not open');
};

async function keyFile(world) {
  const server = await world.start();
  const api = await server.workspace();
  await api.webhook('https://example.com/');
  await server.stop();
  const file = join(server.data_dir, 'master.key');
  const key = readFileSync(file);
  const refused = async (words) => {
    const { code, output } = await server.startRefused();
    assert.notEqual(code, 0);
    assert.match(output, words);
    assert.ok(!output.includes(key.toString().trim()), 'the message does not show the key');
  };
  chmodSync(file, 0o644);
  await refused(/master\.key/);
  rmSync(file);
  await refused(/key/i);
  writeFileSync(file, 'not a key\n', { mode: 0o600 });
  await refused(/key/i);
  writeFileSync(file, key, { mode: 0o600 });
  await server.start();
  assert.equal((await api.destinations()).length, 1);
}

async function canaries(world) {
  const server = await world.start({ 'log.level': 'debug' });
  const api = await server.workspace();
  const receiver = await world.receiver();
  receiver.script.push({ status: 503 });
  const secrets = { signing_secret: 'canary-signing-5f2a77', bearer_key: 'canary-bearer-91bc01' };
  const header = 'canary-header-77d0aa';
  const destination = await api.webhook(receiver.url, { ...secrets, headers: { 'X-Api-Token': header }, schedule: ['0s', '1s'] });
  const { id } = await api.postEvent(makeEvent({ envelope: { metadata: { note: 'canary-metadata-3e4c' } } }));
  await api.delivered({ event_id: id });
  const all = [...Object.values(secrets), header, api.key];
  const texts = [['log', server.output]];
  for (const path of ['/metrics', '/healthz', '/v1/destinations', `/v1/destinations/${destination.id}`, '/v1/alerts', '/v1/deliveries', `/v1/nowhere?token=${secrets.signing_secret}`])
    texts.push([path, (await api.get(path)).text]);
  for (const d of await api.deliveries({})) texts.push([d.id, (await api.get(`/v1/deliveries/${d.id}`)).text]);
  for (const part of ['environ', 'cmdline']) texts.push([part, readFileSync(`/proc/${server.child.pid}/${part}`, 'latin1')]);
  assert.match(readFileSync(`/proc/${server.child.pid}/limits`, 'latin1'), /Max core file size\s+0\s+0/, 'it leaves no core');
  await server.stop();
  for (const file of readdirSync(server.data_dir, { recursive: true, withFileTypes: true }).filter((f) => f.isFile() && f.name !== 'owner.key'))
    texts.push([file.name, readFileSync(join(file.parentPath, file.name), 'latin1')]);
  texts.push(['log to the end', server.output]);
  for (const [where, text] of texts)
    for (const secret of all) assert.ok(!text.includes(secret), `${where} shows ${secret.slice(0, 18)}…`);
}

async function loudAndQuiet(world) {
  // A workspace with 100 destinations that hang and a heap of events; a quiet one beside it.
  const hanging = await world.scripted(() => {});
  const good = await world.receiver();
  const [loud, quiet] = [await world.workspace(), await world.workspace()];
  await Promise.all(Array.from({ length: 100 }, (_, n) => loud.webhook(`${hanging.url}/${n}`, { schedule: ['0s'], timeout_ms: 20_000 })));
  await quiet.webhook(good.url);
  for (let i = 0; i < 3; ++i) await loud.postBatch(Array.from({ length: 200 }, () => makeEvent()));
  const sent = [];
  for (let i = 0; i < 50; ++i) sent.push((await quiet.postEvent(makeEvent())).id);
  await good.waitFor(sent.length);
  assert.deepEqual(new Set(good.requests.map((r) => r.headers['webhook-id'])), new Set(sent));
  const metrics = parseMetrics((await world.server.owner.get('/metrics')).text);
  assert.ok(valueOf(metrics, 'blotter_delivery_in_flight') > 0, 'the loud one still hangs');
}

export const rows = [
  { at: 84, name: 'secrets are in no log, page, error, environment or file', run: canaries },
  { at: 85, name: 'two sealed secrets that changed places open for neither', run: sealedEdit((db) => {
    const found = db.prepare('SELECT no, sealed FROM destination_secret ORDER BY no DESC LIMIT 2').all();
    assert.equal(found.length, 2);
    const put = db.prepare('UPDATE destination_secret SET sealed = ? WHERE no = ?');
    put.run(found[0].sealed, found[1].no);
    put.run(found[1].sealed, found[0].no);
  }) },
  { at: 85, name: 'a flipped bit in a sealed secret', run: sealedEdit((db) => {
    const found = db.prepare('SELECT no, sealed FROM destination_secret ORDER BY no DESC LIMIT 1').get();
    const bytes = Buffer.from(found.sealed);
    bytes[bytes.length - 1] ^= 1;
    db.prepare('UPDATE destination_secret SET sealed = ? WHERE no = ?').run(bytes, found.no);
  }) },
  { at: 86, name: 'a changed ledger entry', run: ledgerEdit(`UPDATE leaf SET entry = CAST(replace(CAST(entry AS TEXT), '"v":1', '"v":2') AS BLOB) WHERE key = ${key(9)}`) },
  { at: 86, name: 'a deleted ledger entry', run: ledgerEdit(`DELETE FROM leaf WHERE key = ${key(9)}`) },
  { at: 86, name: 'two ledger entries that changed places', run: ledgerEdit(
    `UPDATE leaf SET key = -1 WHERE key = ${key(9)}`,
    `UPDATE leaf SET key = ${key(9)} WHERE key = ${key(10)}`, `UPDATE leaf SET key = ${key(10)} WHERE key = -1`) },
  { at: 86, name: 'a ledger entry too many', run: ledgerEdit(
    `INSERT INTO leaf (key, entry) SELECT key + 1, entry FROM leaf WHERE key < ((${log} + 1) << 36) ORDER BY key DESC LIMIT 1`) },
  { at: 86, name: 'a changed ledger entry among those of one row', run: rowOfSeveral((entries) => {
    entries[entries.indexOf('"v":1') + 4] ^= 1;
  }) },
  { at: 86, name: 'a shifted end between two ledger entries of one row', run: rowOfSeveral((entries) => {
    const length = entries.readUInt16BE(0);
    entries.writeUInt16BE(length + 1, 0);
  }) },
  { at: 86, name: 'a database from an old backup', run: oldBackup },
  { at: 87, name: 'a key file that others can read, that is missing, or that is another', run: keyFile },
  { at: 88, name: 'one workspace with 100 hanging destinations and 600 events, and a quiet one beside it', run: loudAndQuiet },
];
