// The commands that the README and the quick start show are run as they stand; only the folder of the
// program and the ports are this test's own.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { program, root_dir, temporaryFolder } from './lib/paths.mjs';
import { Child, run } from './lib/processes.mjs';
import { cleanEnvironment } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The shell blocks of a page between two of its headings, each with this machine's program and ports. */
async function blocksOf(page, from, to) {
  const text = readFileSync(join(root_dir, page), 'utf8');
  const part = text.slice(text.indexOf(from), to ? text.indexOf(to) : undefined);
  assert.ok(part.length > 0 && text.includes(from), `${page} has no part "${from}"`);
  const server = await freePort();
  const receiver = await freePort();
  return [...part.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block
    .replace(/^\.\/dev build.*\n/m, '')
    .replaceAll('build/release/src/server/blotter', 'blotter')
    .replace(/^export PATH=.*\n/m, '')
    .replace('blotter serve ', `blotter serve --listen.address=127.0.0.1:${server} `)
    .replaceAll('127.0.0.1:8427', `127.0.0.1:${server}`)
    .replaceAll('127.0.0.1:8428', `127.0.0.1:${receiver}`)
    .replaceAll('--port 8428', `--port ${receiver}`));
}

const environment = () => cleanEnvironment({ PATH: `${dirname(program())}:${process.env.PATH}` });
const terminal = (block, cwd) =>
  new Child('bash', ['-ec', block.replace(/^(blotter (?:serve|listen))/m, 'exec $1')], { cwd, env: environment() });
const typed = (blocks, cwd) =>
  // Whoever types them takes a second for each; a delivery is listed once its first attempt has ended.
  run('bash', ['-ec', `set -o pipefail\n${blocks.join('\nsleep 1\n')}`], { cwd, env: environment(), timeout_ms: 60_000 });

test('the tour of the README does what the page says', async () => {
  const cwd = temporaryFolder();
  const [serve, tour, ...rest] = await blocksOf('README.md', '## A tour with curl', '## The house');
  assert.equal(rest.length, 0);
  const server = terminal(serve, cwd);
  after(() => server.stop());
  await eventually('the server listens', () => existsSync(join(cwd, 'tour/address')));
  const { code, output } = await typed([tour], cwd);
  assert.equal(code, 0, output);
  assert.match(output, /envelope\.sent/);
  assert.match(output, /signature verified/);
  assert.match(output, /12500\.10/);
  assert.match(output, /\["envelope\.sent","delivered",1\]/);
  assert.match(output, /c2sp\.org\/tlog-proof/);
});

test('the quick start does what the page says', async () => {
  const cwd = temporaryFolder();
  const [serve, listen, ...steps] = await blocksOf('docs/quick-start.md', '## 1.');
  assert.equal(steps.length, 5);
  const server = terminal(serve, cwd);
  after(() => server.stop());
  await eventually('the server listens', () => existsSync(join(cwd, 'quick/address')));
  const receiver = terminal(listen, cwd);
  after(() => receiver.stop());
  await eventually('the receiver listens', () => /listening/i.test(receiver.output));
  const { code, output } = await typed(steps, cwd);
  assert.equal(code, 0, output);
  assert.match(output, /"delivered"/);
  assert.match(output, /\["envelope\.completed","delivered","A-1"\]/);
  assert.match(output, /c2sp\.org\/tlog-proof/);
  const types = ['created', 'sent', 'signed', 'completed'];
  await eventually('all events arrive', () => types.every((type) => receiver.output.includes(`envelope.${type}`) ||
                                                                    receiver.output.includes(`recipient.${type}`)));
  assert.match(receiver.output, /signature verified/);
});
