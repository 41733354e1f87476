// The power goes twenty times while events come in and go out, the disk is full, an fsync fails:
// nothing that was acknowledged is missing, nothing is there twice, nothing is early. The same with
// as many rounds as wanted, and the times of the starts: ./dev kill.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { failingSync, fullDisk } from '../kill/disk.mjs';
import { KillRun } from '../kill/harness.mjs';

const rounds = 20;

const run = await KillRun.open({ seed: 20260526, pending: 2000 });
after(() => run.close());

test(`${rounds} times kill -9 under load: nothing acknowledged is missing, doubled or early`, async (t) => {
  for (let n = 1; n <= rounds; ++n) {
    const done = await run.killOnce(n);
    t.diagnostic(`round ${n}: ${done.posted} posted, ${done.acknowledged} acknowledged, ${done.pending} pending, ` +
                 `ready again after ${done.ready_ms.toFixed(0)} ms`);
  }
  const { events, requests, repeated } = await run.finish();
  assert.ok(events > 0 && requests >= events);
  t.diagnostic(`${events} events, ${requests} requests, ${repeated} of them repeated`);
});

test('a full disk refuses with the reason, loses nothing, and is over when there is room again', async (t) => {
  const { how, status, acknowledged } = await fullDisk();
  t.diagnostic(`${how}: ${status}, ${acknowledged} acknowledged events are there`);
});

test('after a failed fsync nothing is acknowledged, nothing is tried again, and the program ends', async (t) => {
  const { statuses } = await failingSync();
  t.diagnostic(`answers: ${statuses.join(', ')}`);
});
