// Kills the release program under load, again and again, and looks at what is left:
//   node run.mjs --rounds 200 [--seed N] [--pending 100000]
// The exit status is 0 only if nothing was lost, doubled, early or unsound, and every start was
// ready within two seconds.
import { parseArgs } from 'node:util';
import { failingSync, fullDisk } from './disk.mjs';
import { KillRun } from './harness.mjs';

const ready_ms_max = 2000;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '200' }, seed: { type: 'string' },
                                          pending: { type: 'string', default: '100000' } } });
const rounds = Number(values.rounds);
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
console.log(`./dev kill --rounds ${rounds} --seed ${seed} --pending ${values.pending}`);
let [passed, failed] = [0, 0];

async function step(title, work) {
  try {
    console.log(`ok      ${title}${await work()}`);
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${title}\n${String(error.stack ?? error).slice(0, 4000)}`);
  }
}

await step('a disk that is full', async () => {
  const { how, status, acknowledged } = await fullDisk();
  return ` (${how}): refused with ${status}, went on by itself, all ${acknowledged} acknowledged events are there`;
});
await step('an fsync that fails', async () => {
  const { statuses, exit } = await failingSync();
  return `: answers ${statuses.join(', ')}, exit ${exit}, no second try, nothing acknowledged is lost`;
});
const started = Date.now();
const run = await KillRun.open({ seed, pending: Number(values.pending) });
console.log(`${values.pending} deliveries are pending after ${((Date.now() - started) / 1000).toFixed(0)} s`);
for (let n = 1; n <= rounds && failed === 0; ++n)
  await step(`round ${n}`, async () => {
    const done = await run.killOnce(n);
    return `: killed after ${done.load_ms.toFixed(0)} ms, ${done.posted} posted, ${done.acknowledged} acknowledged, ` +
           `${done.pending} pending, ready again after ${done.ready_ms.toFixed(0)} ms`;
  });
if (failed === 0)
  await step('everything arrived', async () => {
    const { events, requests, repeated } = await run.finish();
    return `: ${events} events, ${requests} requests, ${repeated} of them repeated under the same id`;
  });
const sorted = [...run.readies].sort((a, b) => a - b);
if (sorted.length > 0)
  await step('each start was ready within 2 s', async () => {
    const [middle, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    if (most > ready_ms_max) throw new Error(`the slowest start took ${most.toFixed(0)} ms (median ${middle.toFixed(0)} ms)`);
    return `: median ${middle.toFixed(0)} ms, slowest ${most.toFixed(0)} ms, with ${values.pending} pending`;
  });
await run.close().catch((error) => { failed += 1; console.log(error); });
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed === 0 ? 0 : 1);
