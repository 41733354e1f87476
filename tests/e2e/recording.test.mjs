// What becomes of outcomes, and of the first key, when the store or the disk refuses one thing.
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { Receiver } from './lib/receiver.mjs';
import { Server, startServer } from './lib/server.mjs';
import { parseMetrics, valueOf } from './lib/prometheus.mjs';
import { eventually } from './lib/wait.mjs';

async function receiverFor(t) {
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  return receiver;
}

test('an outcome that the store refuses keeps no other from being recorded, and is written later', async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const api = await server.workspace();
  const [refused, good] = [await receiverFor(t), await receiverFor(t)];
  // What was answered at such length is written as a row, that of the other destination beside it in a block.
  refused.answer = { status: 200, body: 'x'.repeat(3_000) };
  const [first, second] = [await api.webhook(refused.url), await api.webhook(good.url)];
  await server.stop();
  // For some seconds the store takes no row of the first destination.
  const db = new DatabaseSync(join(server.data_dir, 'blotter.db'));
  const no = db.prepare('SELECT min(no) AS no FROM destination').get().no;
  const until = Math.floor(Date.now() / 1000) + 6;
  db.exec(`CREATE TRIGGER refuse BEFORE INSERT ON delivery
           WHEN NEW.destination_no = ${no} AND CAST(strftime('%s', 'now') AS INTEGER) < ${until}
           BEGIN SELECT RAISE(ABORT, 'not now'); END`);
  db.close();
  await server.start();
  await api.postBatch(Array.from({ length: 20 }, () => makeEvent()));
  const states = async (destination_id) =>
    (await api.deliveries({ destination_id, limit: 100 })).map((d) => d.state);
  await eventually('those of the other destination are recorded', async () => {
    const seen = await states(second.id);
    return seen.length === 20 && seen.every((s) => s === 'delivered');
  });
  const unwritable = async () => valueOf(parseMetrics((await server.owner.get('/metrics')).text), 'blotter_delivery_unwritable');
  await eventually('what is refused shows', async () => (await unwritable()) > 0);
  await eventually('it is written in the end', async () => {
    const seen = await states(first.id);
    return seen.length === 20 && seen.every((s) => s === 'delivered');
  }, 60_000);
  assert.equal(await unwritable(), 0);
  assert.deepEqual([refused.count, good.count], [20, 20], 'nothing was sent twice meanwhile');
  await server.stop();
  await server.start();
  const { id } = await api.postEvent(makeEvent());
  await eventually('the next one arrives', () => refused.count === 21 && good.count === 21);
  assert.equal((await api.eventDeliveries(id)).length, 2);
});

test('a first key that cannot be written down is no key: the next start makes another', async (t) => {
  const server = new Server();
  t.after(() => server.close());
  const place = join(server.data_dir, 'owner.key');
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const { code, output } = await server.startRefused();
  assert.notEqual(code, 0);
  assert.match(output, /owner\.key/);
  rmdirSync(place);
  await server.start();
  assert.equal((await server.owner.get('/v1/workspaces')).status, 200);
  const key = server.owner_key;
  await server.restart();
  assert.equal(server.owner_key, key, 'it is made once');
});
