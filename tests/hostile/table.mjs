// The one table of attacks: { at, name, run(world) } or { at, name, waits_for }. `at` is the row of
// the attack table, or 1.5 for the behaviours of receivers; a number may have several rows.
import { rows as addresses } from './rows/addresses.mjs';
import { rows as keeping } from './rows/keeping.mjs';
import { rows as later } from './rows/later.mjs';
import { rows as names } from './rows/names.mjs';
import { rows as receivers } from './rows/receivers.mjs';
import { rows as requests } from './rows/requests.mjs';
import { rows as tls } from './rows/tls.mjs';

export const table = [...addresses, ...names, ...receivers, ...tls, ...requests, ...keeping, ...later];

export const titleOf = (row) => `${String(row.at).padStart(3)} ${row.name}`;

/** One row from start to end: done, cleaned up, nothing connected to that must not be, alive. */
export async function runRow(world, row) {
  const mark = world.connects().length;
  try {
    await row.run(world);
  } finally {
    await world.clean();
  }
  world.checkConnects(mark, row.also);
  await world.checkServing();
}
