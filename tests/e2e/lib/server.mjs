// The real program, started on a free port with a data folder of its own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api } from './api.mjs';
import { program, removeFolder, temporaryFolder } from './paths.mjs';
import { Child, run } from './processes.mjs';

/** What every test server has. Receivers are on loopback; many requests come from one address. */
const usual = {
  'listen.address': '127.0.0.1:0',
  'egress.allow': '127.0.0.1/32',
  'egress.http_allowed': 'true',
  'api.refusals_per_minute': '100000',
  'api.requests_per_second': '100000',
  'api.requests_burst': '100000',
  'data.free_bytes_min': '1MiB',
};

export const flagsOf = (settings) =>
  Object.entries(settings).map(([name, value]) => `--${name}=${value}`);

/** Own variables must not reach the program: settings come from the test alone. */
export function cleanEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('BLOTTER_'));
  return { ...Object.fromEntries(kept), ...extra };
}

export class Server {
  constructor({ data_dir, settings = {}, env = {} } = {}) {
    this.owns_folder = data_dir === undefined;
    this.data_dir = data_dir ?? join(temporaryFolder(), 'data');
    this.settings = { ...usual, 'data.directory': this.data_dir, ...settings };
    this.env = env;
    this.past_output = '';  // of earlier runs
  }

  async start() {
    if (this.child) this.past_output += this.child.output;
    this.child = new Child(program(), ['serve', ...flagsOf(this.settings)],
                           { env: cleanEnvironment(this.env) });
    this.address = await this.child.until(
      (child) => child.lines.map(parseLine).find((l) => l?.what === 'server.listening')?.address,
      'listening');
    this.url = `http://${this.address}`;
    return this;
  }

  /** Starts the program expecting it to refuse; gives { code, output }. */
  async startRefused() {
    const child = new Child(program(), ['serve', ...flagsOf(this.settings)],
                            { env: cleanEnvironment(this.env) });
    const listening = child.until(
      (c) => c.lines.map(parseLine).find((l) => l?.what === 'server.listening'), 'listening')
      .then(() => 'listening', () => 'ended');
    const end = await Promise.race([listening, child.over]);
    if (end === 'listening') {
      await child.stop('SIGKILL');
      throw child.failure('started, although it must refuse to');
    }
    return { ...(await child.over), output: child.output };
  }

  get owner_key() { return readFileSync(join(this.data_dir, 'owner.key'), 'utf8').trim(); }
  /** The whole installation. */
  get owner() { return new Api(this, this.owner_key); }
  get output() { return this.past_output + (this.child?.output ?? ''); }
  get log() { return this.output.split('\n').map(parseLine).filter(Boolean); }

  /** A fresh workspace, seen with a fresh key of the role. */
  async workspace(name = 'Test', role = 'admin') {
    const workspace = await this.owner.createWorkspace({ name });
    const key = await this.owner.createApiKey(workspace.id, { name: `${role} key`, role });
    const api = new Api(this, key.key);
    api.workspace_id = workspace.id;
    return api;
  }

  /** Stops as an operator would. The exit status must be 0. */
  async stop() {
    const exit = await this.child.stop('SIGTERM');
    this.child.refuseReports();
    if (exit.code !== 0) throw this.child.failure('did not stop cleanly');
  }

  /** As if the power went. */
  async kill() {
    await this.child.stop('SIGKILL');
    this.child.refuseReports();
  }

  async restart() {
    await this.stop();
    return this.start();
  }

  /**
   * The end of the test. A server that ended before anybody asked it to, that does not stop
   * cleanly, or of which a sanitizer had something to say, is an error.
   */
  async close() {
    try {
      if (!this.child) return;
      if (this.child.exit && !this.child.ending) throw this.child.failure('ended by itself');
      if (!this.child.exit) await this.stop();
      this.child.refuseReports();
    } finally {
      if (this.owns_folder && !process.env.BLOTTER_KEEP) removeFolder(join(this.data_dir, '..'));
    }
  }

  /** A command of the program on this server's data: { code, stdout, stderr, output }. */
  cli(args, options = {}) {
    return cli([...args, `--data.directory=${this.data_dir}`], options);
  }
}

/** A command of the program. */
export function cli(args, options = {}) {
  return run(program(), args, { ...options, env: cleanEnvironment(options.env) });
}

export function startCli(args, options = {}) {
  return new Child(program(), args, { ...options, env: cleanEnvironment(options.env) });
}

export async function startServer(options) {
  const server = new Server(options);
  try {
    return await server.start();
  } catch (error) {
    await server.close().catch(() => {});
    throw error;
  }
}

export function parseLine(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
