// The test vectors of docs/formats/webhooks.md, computed again with openssl as a reader would.
//
// The convention: a fenced `sh` block whose first line begins with `# vector` is run by bash, and
// what it prints must be the lines of the block that begin with `# => `, in their order:
//
//     ```sh
//     # vector: the signature of the example
//     printf '%s' "$id.$timestamp.$body" | openssl dgst …
//     # => v1,Zm9v…
//     ```
//
// The blocks of a page run in its order, in one empty folder, so that a later one can use the
// files of an earlier one, and in one shell, so that it can use its variables.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root_dir, temporaryFolder } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';

/** The vectors of a page: { name, script, expected }. */
function vectorsOf(page) {
  return [...page.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)]
    .map(([, indent, text]) => text.split('\n').map((line) => line.slice(indent.length)))
    .filter(([first]) => first.startsWith('# vector'))
    .map((lines) => ({
      name: lines[0].slice('# vector'.length).replace(/^: */, ''),
      script: lines.join('\n'),
      expected: lines.filter((line) => line.startsWith('# => ')).map((line) => line.slice(5)),
    }));
}

const page_name = 'docs/formats/webhooks.md';
const border = '--- end of the vector ---';

test(`every vector of ${page_name} gives what the page says`, async (t) => {
  const page = readFileSync(join(root_dir, page_name), 'utf8');
  const vectors = vectorsOf(page);
  assert.ok(vectors.length >= 3, `${vectors.length} vectors: the page must have those of its formats`);
  const done = await run('bash', ['-euo', 'pipefail', '-s'], {
    cwd: temporaryFolder(), input: vectors.map(({ script }) => `${script}\necho '${border}'\n`).join('') });
  assert.equal(done.code, 0, done.output);
  const outputs = done.stdout.split(`${border}\n`);
  assert.equal(outputs.length, vectors.length + 1);
  for (const [index, { name, expected }] of vectors.entries()) {
    assert.ok(expected.length > 0, `the vector '${name}' says nothing of what comes out`);
    assert.deepEqual(outputs[index].split('\n').slice(0, -1), expected, name);
    t.diagnostic(`vector ${name || index + 1} is as the page says`);
  }
});

test('the reader of vectors finds them and nothing else', () => {
  const page = ['```sh', 'ls', '```', '', '```sh', '# vector: one', 'echo a', '# => a', '```', '  ```sh', '  # vector',
                '  echo b', '  # => b', '  ```', '```text', '# vector', '```', ''].join('\n');
  assert.deepEqual(vectorsOf(page).map(({ name, expected }) => [name, expected]), [['one', ['a']], ['', ['b']]]);
});
