// Runs the end-to-end tests one file after the other, each in a process of its own:
//   node run.mjs            all of them
//   node run.mjs kill lib   those named
// The exit status is 0 only if every test passed; a skipped test counts as failed.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { e2e_dir } from './lib/paths.mjs';

const file_timeout_ms = 15 * 60 * 1000;
const ending = '.test.mjs';

const known = readdirSync(e2e_dir).filter((name) => name.endsWith(ending))
  .map((name) => name.slice(0, -ending.length)).sort();
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`there is no test named ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
const stream = run({
  files: (chosen.length > 0 ? chosen : known).map((name) => join(e2e_dir, name + ending)),
  concurrency: 1,
  timeout: file_timeout_ms,
});
const count = (good) => (event) => {
  if (event.details?.type === 'suite') return;
  if (good && event.skip === undefined && event.todo === undefined) passed += 1;
  else failed += 1;
};
stream.on('test:pass', count(true));
stream.on('test:fail', count(false));
stream.on('end', () => {
  // The reporter writes its last lines in the same turn.
  setImmediate(() => {
    process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
    console.log(`\n${passed} passed, ${failed} failed`);
  });
});
stream.compose(new spec()).pipe(process.stdout);
