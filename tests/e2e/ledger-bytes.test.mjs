// One changed byte anywhere in a log of ten thousand events is found by both verifiers: Blotter's and the one built on
// Go's golang.org/x/mod/sumdb. The places are drawn from a seed, which is printed; every file has its share.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { e2e_dir, temporaryFolder } from './lib/paths.mjs';
import { check } from './lib/processes.mjs';
import { startServer } from './lib/server.mjs';

const events = 10_000;
const places_go = 600;
const places_own = 40;
const seed = Number(process.env.BLOTTER_SEED ?? Math.floor(Math.random() * 2 ** 32));

/** A small generator of numbers below 2^32 (xorshift), so that a seed repeats a run. */
function numbers(state) {
  let x = (state >>> 0) || 1;
  return () => {
    x ^= x << 13; x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5; x >>>= 0;
    return x;
  };
}

/** Changes one byte of a file; the same again takes it back. */
function change({ path, offset, mask }) {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, offset);
  byte[0] ^= mask;
  writeSync(file, byte, 0, 1, offset);
  closeSync(file);
}

test('one changed byte anywhere in ten thousand events is found by both verifiers', async (t) => {
  t.diagnostic(`BLOTTER_SEED=${seed}`);
  const server = await startServer();
  t.after(() => server.close());
  const api = await server.workspace();
  for (let batch = 0; batch < events / 1_000; ++batch)
    await api.postBatch(Array.from({ length: 1_000 }, (_, n) => makeEvent({ envelope: { id: `b-${batch}-${n}` } })));
  await server.stop();

  const folder = join(temporaryFolder(), 'export');
  assert.equal((await server.cli(['ledger', 'export', folder])).code, 0);
  const checkpoints = readdirSync(folder, { recursive: true }).filter((name) => /(^|\/)checkpoint$/.test(name));
  const sizes = checkpoints.map((name) => Number(readFileSync(join(folder, name), 'utf8').split('\n')[1]));
  assert.ok(Math.max(...sizes) >= events, `sizes of the logs: ${sizes}`);
  const log = join(folder, checkpoints[sizes.indexOf(Math.max(...sizes))], '..');

  const next = numbers(seed);
  const files = readdirSync(log, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'README.txt')
    .map((entry) => join(entry.parentPath, entry.name)).sort();
  const total = files.reduce((sum, path) => sum + statSync(path).size, 0);
  const draw = (count) => files.flatMap((path) => {
    const { size } = statSync(path);
    const share = Math.max(2, Math.round(count * size / total));
    return Array.from({ length: share }, () => ({ path, offset: next() % size, mask: 1 << (next() % 8) }));
  });

  const go_folder = temporaryFolder();
  const go_verifier = join(go_folder, 'ledger_verify');
  await check('go', ['build', '-o', go_verifier, '.'], {
    cwd: join(e2e_dir, 'go/ledger_verify'), timeout_ms: 600_000,
    env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '', GOCACHE: join(go_folder, 'cache') },
  });
  const flips = draw(places_go);
  const list = join(go_folder, 'flips');
  writeFileSync(list, flips.map(({ path, offset, mask }) => `${relative(log, path)} ${offset} ${mask}\n`).join(''));
  const words = await check(go_verifier, ['-flips', list, log], { timeout_ms: 300_000 });
  assert.doesNotMatch(words, /MISSED/);
  t.diagnostic(`${flips.length} changes in ${files.length} files of ${total} bytes: all found by the foreign verifier`);

  const verified = await server.cli(['ledger', 'verify', '--export', folder]);
  assert.equal(verified.code, 0, verified.output);
  const own = draw(places_own).map((place) => ({ place, at: next() })).sort((a, b) => a.at - b.at)
    .slice(0, places_own).map(({ place }) => place);
  for (const place of own) {
    change(place);
    const { code, output } = await server.cli(['ledger', 'verify', '--export', folder]);
    assert.equal(code, 1, `${relative(folder, place.path)} at ${place.offset} with ${place.mask}: ${output}`);
    change(place);
  }
  t.diagnostic(`${own.length} changes: all found by blotter ledger verify`);
  assert.equal((await server.cli(['ledger', 'verify', '--export', folder])).code, 0, 'sound again');
});
