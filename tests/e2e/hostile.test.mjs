// The hostile world, as far as it fits into every run: each row of the table that says neither that
// it takes long nor what it waits for. All of them, and the figure of isolation: ./dev hostile.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeIsolation, stream } from '../hostile/isolation.mjs';
import { runRow, table, titleOf } from '../hostile/table.mjs';
import { World } from '../hostile/world.mjs';

const world = await World.open();
let closed = false;
after(() => (closed ? undefined : world.close()));

for (const row of table.filter((r) => !r.waits_for)) test(titleOf(row).trim(), () => runRow(world, row));

test('every number of the attack table has a row, or says what it waits for', () => {
  const numbers = new Set(table.map((row) => row.at));
  // 41 is the figure of isolation.
  for (let n = 1; n <= 90; ++n) assert.ok(numbers.has(n) || n === 41, `${n} has no row`);
  assert.equal(new Set(table.map(titleOf)).size, table.length, 'no two rows have the same title');
  for (const row of table) assert.ok(row.run === undefined ? row.waits_for : !row.waits_for, titleOf(row));
});

test('41 a healthy receiver gets everything while 1,000 hostile ones hang', async (t) => {
  const stage = await makeIsolation();
  t.after(() => stage.close());
  for (let i = 0; i < 3; ++i) await stage.provoke();
  const times = await stream(stage, 2000, 50);
  assert.equal(times.from_acknowledged.length, 100);
  assert.ok(await stage.inFlight() > 0, 'the hostile ones still hang');
});

test('after all rows it stops with 0 after SIGTERM', async () => {
  closed = true;
  await world.close();
});
