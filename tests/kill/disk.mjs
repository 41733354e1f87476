// A disk that is full, and one whose fsync fails, under the real program.
import assert from 'node:assert/strict';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeEvent } from '../e2e/lib/api.mjs';
import { makeEventId } from '../e2e/lib/ids.mjs';
import { root_dir, temporaryFolder } from '../e2e/lib/paths.mjs';
import { check, run } from '../e2e/lib/processes.mjs';
import { Receiver } from '../e2e/lib/receiver.mjs';
import { startServer } from '../e2e/lib/server.mjs';
import { eventually } from '../e2e/lib/wait.mjs';
import { Store } from './store.mjs';

async function preloaded() {
  const library = join(temporaryFolder(), 'faults.so');
  await check('clang-19', ['-shared', '-fPIC', '-O1', '-o', library, join(root_dir, 'tests/kill/faults.c'), '-ldl']);
  return library;
}

/** A small file system of its own, or undefined where nobody may mount one. */
async function smallDisk(bytes) {
  const folder = join(temporaryFolder(), 'disk');
  mkdirSync(folder);
  if (process.getuid() !== 0) return undefined;
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
  if (mounted.code !== 0) return undefined;
  return { folder, remove: () => check('umount', ['-l', folder]) };
}

/** Fills the file system to its last byte; gives the way back. */
function fill(folder) {
  const path = join(folder, 'filler');
  const file = openSync(path, 'w');
  const piece = Buffer.alloc(1 << 16, 'x');
  for (let size = piece.length; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeSync(file, piece, 0, size);
    } catch (error) {
      assert.equal(error.code, 'ENOSPC');
    }
  }
  return () => { ftruncateSync(file, 0); closeSync(file); rmSync(path); };
}

const everyAcknowledgedIsThere = (data_dir, ids) => {
  const store = new Store(data_dir);
  try {
    store.checkWhole();
    store.checkLedger(0);
    const there = store.has(ids);
    assert.deepEqual(ids.filter((_, i) => !there[i]), [], 'acknowledged and lost');
  } finally {
    store.close();
  }
};

/** Fills the disk under load, frees it, and looks at everything. Gives how it was filled. */
export async function fullDisk() {
  const disk = await smallDisk(64 << 20);
  const flag = join(temporaryFolder(), 'full');
  const env = disk ? {} : { LD_PRELOAD: await preloaded(), FAULT_SPACE: flag };
  const receiver = await Receiver.start();
  const server = await startServer({ data_dir: join(disk?.folder ?? temporaryFolder(), 'data'), env,
                                     settings: { 'data.free_bytes_min': '0', 'ledger.checkpoint_interval': '50ms' } });
  const acknowledged = [];
  try {
    const api = await server.workspace();
    await api.webhook(receiver.url);
    const post = async () => {
      const event = { ...makeEvent({ envelope: { metadata: { fill: 'x'.repeat(8000) } } }), id: makeEventId() };
      const answer = await api.tryPostEvent(event);
      if (answer.status === 202) acknowledged.push(answer.json.id);
      return answer;
    };
    for (let i = 0; i < 20; ++i) (await post()).expect(202);
    let free;
    if (disk) free = fill(disk.folder);
    else {
      writeFileSync(flag, '');
      free = () => rmSync(flag);
    }
    const refused = await eventually('events are refused', async () => {
      const answer = await post();
      return answer.status === 202 ? undefined : answer;
    });
    refused.expectProblem(refused.status);
    assert.ok([503, 507].includes(refused.status), refused.text);
    assert.match(`${refused.json.title} ${refused.json.detail ?? ''}`, /disk|room|space|store/i);
    assert.equal((await api.get('/healthz')).status, 200);
    const count = acknowledged.length;
    (await api.tryEvent(acknowledged[0])).expect(200);
    free();
    await eventually('events are taken again, without anybody doing anything', async () => (await post()).status === 202);
    for (let i = 0; i < 20; ++i) (await post()).expect(202);
    assert.ok(acknowledged.length >= count + 21);
    await receiver.waitFor(acknowledged.length);
    const arrived = new Set(receiver.requests.map((r) => r.headers['webhook-id']));
    assert.deepEqual(acknowledged.filter((id) => !arrived.has(id)), [], 'every acknowledged event arrived');
    await server.stop();
    everyAcknowledgedIsThere(server.data_dir, acknowledged);
    const verified = await server.cli(['ledger', 'verify']);
    assert.equal(verified.code, 0, verified.output);
    return { how: disk ? 'a tmpfs of 64 MiB' : 'a preloaded library', status: refused.status, acknowledged: acknowledged.length };
  } finally {
    await server.close().catch(() => {});
    await receiver.close();
    await disk?.remove();
  }
}

/** fsync fails once and for ever: no more acknowledgements, no second try, the end; then the start. */
export async function failingSync() {
  const flags = temporaryFolder();
  const [flag, log] = [join(flags, 'fail'), join(flags, 'log')];
  const env = { LD_PRELOAD: await preloaded(), FAULT_SYNC: flag, FAULT_LOG: log, ASAN_OPTIONS: 'verify_asan_link_order=0' };
  const receiver = await Receiver.start();
  const server = await startServer({ env, settings: { 'ledger.checkpoint_interval': '1h' } });
  const acknowledged = [];
  try {
    const api = await server.workspace();
    await api.webhook(receiver.url, { schedule: ['0s', '1s', '2s', '5s'] });
    for (let i = 0; i < 50; ++i) acknowledged.push((await api.postEvent({ ...makeEvent(), id: makeEventId() })).id);
    await receiver.waitFor(50);
    writeFileSync(flag, '');
    const statuses = await Promise.all(Array.from({ length: 20 }, () =>
      api.tryPostEvent({ ...makeEvent(), id: makeEventId() }).then((answer) => answer.status, () => 'closed')));
    assert.ok(statuses.every((status) => status === 'closed' || status === 503 || status === 507), statuses.join());
    const exit = await server.child.over;
    server.child.ending = true;
    assert.deepEqual([exit.code, exit.signal], [70, null], server.output.slice(-2000));
    assert.match(server.output, /store\.broken/);
    // Of the log, by a commit; or of the database, when the log was being moved into it just then.
    const failed = existsSync(log) ? readFileSync(log, 'latin1').split('\n').filter((line) => /\.db(-wal)?$/.test(line)) : [];
    assert.equal(failed.length, 1, `the store was synced again after a failure: ${failed}`);
    everyAcknowledgedIsThere(server.data_dir, acknowledged);
    rmSync(flag);
    await server.start();
    for (const id of acknowledged) (await api.tryEvent(id)).expect(200);
    acknowledged.push((await api.postEvent(makeEvent())).id);
    await receiver.next((r) => r.headers['webhook-id'] === acknowledged.at(-1));
    await server.stop();
    assert.equal((await server.cli(['ledger', 'verify'])).code, 0);
    return { statuses: [...new Set(statuses)], exit: exit.code };
  } finally {
    await server.close().catch(() => {});
    await receiver.close();
  }
}
