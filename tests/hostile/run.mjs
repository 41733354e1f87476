// The hostile world, against the real program on loopback:
//   node run.mjs            every row, then the figure of isolation
//   node run.mjs TLS 302    the rows whose title has one of these words
//   node run.mjs --list     the rows
// The exit status is 0 only if every row that ran passed.
import { isolation, printIsolation } from './isolation.mjs';
import { runRow, table, titleOf } from './table.mjs';
import { World } from './world.mjs';

const words = process.argv.slice(2);
if (words[0] === '--list') {
  for (const row of table) console.log(titleOf(row) + (row.waits_for ? ` (waits for ${row.waits_for})` : ''));
  process.exit(0);
}
const chosen = table.filter((row) => words.length === 0 || words.some((w) => titleOf(row).includes(w)));
const failures = [];
let passed = 0;

async function step(title, work) {
  const start = Date.now();
  try {
    await work();
    passed += 1;
    console.log(`ok      ${title} (${Date.now() - start} ms)`);
  } catch (error) {
    failures.push([title, error]);
    console.log(`FAILED  ${title}\n${String(error.stack ?? error).slice(0, 3000)}`);
  }
}

const runnable = chosen.filter((row) => !row.waits_for);
const skipped = chosen.filter((row) => row.waits_for);
if (runnable.length > 0) {
  const world = await World.open();
  for (const row of runnable) {
    await step(titleOf(row), () => runRow(world, row));
    if (world.server.child.exit) {
      console.log('the program is gone; the rows after it cannot run');
      process.exit(1);
    }
  }
  await step('after all rows it stops with 0 after SIGTERM', () => world.close());
}
if (words.length === 0 || words.includes('isolation'))
  await step(' 41 1,000 hostile receivers leave a healthy one its time', async () => printIsolation(await isolation()));

for (const row of skipped) console.log(`skipped ${titleOf(row)}: waits for ${row.waits_for}`);
if (failures.length > 0) console.log(`\nfailed:\n${failures.map(([title]) => `  ${title}`).join('\n')}`);
const attacks = new Set(runnable.map((row) => row.at).filter((at) => at !== '1.5'));
console.log(`\n${runnable.length} rows run (${attacks.size} numbers of the attack table, ` +
            `${runnable.filter((row) => row.at === '1.5').length} behaviours of receivers), ${skipped.length} skipped`);
console.log(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`);
process.exit(failures.length === 0 ? 0 : 1);
