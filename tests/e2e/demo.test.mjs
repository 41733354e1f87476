// The story that `./dev run` plays in front of its reader.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { program, temporaryFolder } from './lib/paths.mjs';
import { Child, run } from './lib/processes.mjs';
import { cleanEnvironment, cli } from './lib/server.mjs';

test('the demo plays its whole story and ends well', async () => {
  const played = await cli(['demo', '--once'], { cwd: temporaryFolder(), timeout_ms: 180_000 });
  assert.equal(played.code, 0, played.output);
  for (const words of [/contrat_fournisseur|contrat fournisseur/i, /signed/i, /envelope\.completed/, /ledger/i, /verif/i,
                       /audit trail/i, /retry|again|next attempt/i, /https?:\/\/127\.0\.0\.1:\d+/])
    assert.match(played.stdout, words);
  assert.doesNotMatch(played.stdout, /\bundefined\b|\bnull\b/);
  // Its data is gone when it ends: there is nothing left to look at.
  assert.doesNotMatch(played.stdout, /The addresses|another terminal/);
});

test('two demos one after the other both end well', async () => {
  const cwd = temporaryFolder();
  for (let n = 0; n < 2; ++n) {
    const played = await cli(['demo', '--once'], { cwd, timeout_ms: 180_000 });
    assert.equal(played.code, 0, played.output);
  }
});

test('the commands that the demo ends with can be pasted into another terminal', async (t) => {
  const cwd = temporaryFolder();
  const demo = new Child(program(), ['demo'], { cwd, env: cleanEnvironment() });
  t.after(() => demo.stop('SIGKILL'));
  await demo.until((child) => /keeps serving/.test(child.stdout) || undefined, 'serving', 180_000);
  const shown = demo.stdout.slice(demo.stdout.indexOf('another terminal')).split('\n').slice(1);
  const commands = shown.slice(0, shown.findIndex((line) => line.trim() === '')).join('\n')
    .replaceAll('\\\n', ' ').split('\n').map((line) => line.trim());
  assert.equal(commands.length, 2, demo.stdout);
  const pasted = await Promise.all(commands.map((command) =>
    run('sh', ['-ec', command], { cwd: temporaryFolder(), env: cleanEnvironment() })));
  assert.ok(JSON.parse(pasted[0].stdout).data.length > 0, pasted[0].output);
  assert.match(pasted[1].stdout, /the ledger is sound/, pasted[1].output);
  assert.deepEqual(pasted.map(({ code }) => code), [0, 0]);
  assert.equal((await demo.stop('SIGINT')).code, 0, demo.output);
});
