// The story that `./dev run` plays in front of its reader.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from './lib/paths.mjs';
import { cli } from './lib/server.mjs';

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
