// Where things are, and temporary folders that disappear with the test.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const e2e_dir = resolve(dirname(fileURLToPath(import.meta.url)), '..');
export const root_dir = resolve(e2e_dir, '../..');

/** The program under test: the release build, or another one named by BLOTTER_PROGRAM. */
export function program() {
  const path = process.env.BLOTTER_PROGRAM ?? join(root_dir, 'build/release/src/server/blotter');
  if (!existsSync(path)) throw new Error(`there is no ${path}; ./dev build makes it`);
  return path;
}

const folders = new Set();

export function temporaryFolder(name = 'blotter-e2e') {
  const path = mkdtempSync(join(tmpdir(), `${name}-`));
  folders.add(path);
  return path;
}

export function removeFolder(path) {
  folders.delete(path);
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

process.on('exit', () => {
  if (process.env.BLOTTER_KEEP) return;  // for looking at what a failed test left
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});
