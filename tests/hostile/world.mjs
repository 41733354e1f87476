// What the rows share: the program, started with a record of everything it connects to, a name
// server, certificates, and the ways to deliver something and look at what became of it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeEvent } from '../e2e/lib/api.mjs';
import { root_dir, temporaryFolder } from '../e2e/lib/paths.mjs';
import { check } from '../e2e/lib/processes.mjs';
import { Receiver } from '../e2e/lib/receiver.mjs';
import { startServer } from '../e2e/lib/server.mjs';
import { eventually } from '../e2e/lib/wait.mjs';
import { NameServer } from './lib/dns.mjs';
import { Scripted } from './lib/scripted.mjs';

const settled = ['delivered', 'failed', 'cancelled'];

export async function compileLibrary(source) {
  const out = join(temporaryFolder(), 'preloaded.so');
  await check('clang-19', ['-shared', '-fPIC', '-O1', '-o', out, source, '-ldl']);
  return out;
}

export class World {
  static async open() {
    const world = new World();
    world.folder = temporaryFolder();
    world.connects_file = join(world.folder, 'connects');
    writeFileSync(world.connects_file, '');
    world.library = await compileLibrary(join(root_dir, 'tests/hostile/lib/connects.c'));
    world.names = await NameServer.start();
    world.server = await world.start();
    return world;
  }

  constructor() {
    this.undo = [];   // of the row under way
    this.starts = []; // servers of the row under way
  }

  /** A server under watch. Those started by a row are stopped after it. */
  async start(settings = {}, env = {}) {
    const server = await startServer({
      settings: { 'dns.servers': this.names.address, 'delivery.connect_timeout': '1s', 'listen.connections_max': '2000', ...settings },
      env: { LD_PRELOAD: this.library, HOSTILE_CONNECTS: this.connects_file, ...env,
             ASAN_OPTIONS: 'verify_asan_link_order=0' },
    });
    if (this.server) {
      this.starts.push(server);
      this.later(() => server.close());
    }
    return server;
  }

  later(action) { this.undo.push(action); }

  async clean() {
    while (this.undo.length > 0) await this.undo.pop()();
    this.starts = [];
  }

  async receiver(options) {
    const receiver = await Receiver.start(options);
    this.later(() => receiver.close());
    return receiver;
  }

  async scripted(on_request, options = {}) {
    const receiver = await Scripted.start({ on_request, ...options });
    this.later(() => receiver.close());
    return receiver;
  }

  workspace(server = this.server) { return server.workspace(); }

  /** Sends one event to the URL and gives its delivery, once it is over. The attempt is the last. */
  async deliver(url, { api, wait_ms, event = makeEvent(), ...options } = {}) {
    const by = api ?? await this.workspace();
    const destination = await by.webhook(url, { schedule: ['0s'], timeout_ms: 2000, ...options });
    const accepted = await by.postEvent(event);
    const delivery = await by.deliveryWhen({ event_id: accepted.id, destination_id: destination.id }, 'over',
                                           (d) => settled.includes(d.state), wait_ms);
    return { api: by, destination, event: accepted, delivery, attempt: delivery.attempts_log.at(-1) };
  }

  /** The same, with what is expected: `state`, and `outcome` and `says` of the last attempt. */
  async expectAttempt(url, { state = 'failed', outcome, says, ...options }) {
    const done = await this.deliver(url, options);
    const seen = JSON.stringify(done.delivery).slice(0, 1500);
    assert.equal(done.delivery.state, state, seen);
    if (outcome) assert.match(done.attempt.outcome, new RegExp(`^(${outcome})$`), seen);
    if (says) assert.match(done.attempt.error ?? '', says, seen);
    return done;
  }

  /** Every "address port" connected to since the mark, by the servers under watch. */
  connects(mark = 0) {
    return readFileSync(this.connects_file, 'latin1').split('\n').filter(Boolean).slice(mark);
  }

  /** Nothing but 127.0.0.1 may be connected to, unless a row allows more. */
  checkConnects(mark, also = /^$/) {
    for (const line of this.connects(mark))
      assert.ok(/^127\.0\.0\.1 /.test(line) || also.test(line), `it connected to ${line}`);
  }

  /** The most resident memory, in bytes, while `work` runs, less that before. */
  async growth(work, server = this.server) {
    const before = residentBytes(server.child.pid);
    let most = before;
    const timer = setInterval(() => { most = Math.max(most, residentBytes(server.child.pid)); }, 10);
    try {
      await work();
    } finally {
      clearInterval(timer);
    }
    return Math.max(most, residentBytes(server.child.pid)) - before;
  }

  /** After a row: it lives and answers. */
  async checkServing() {
    if (this.server.child.exit) throw this.server.child.failure('ended by itself');
    const answer = await this.server.owner.with(undefined).get('/healthz');
    assert.equal(answer.status, 200);
  }

  async close() {
    await this.clean();
    this.names.close();
    const exit = await this.server.child.stop('SIGTERM');
    const { output } = this.server;
    await this.server.close();
    assert.deepEqual([exit.code, exit.signal], [0, null], output.slice(-3000));
    assert.doesNotMatch(output, /Sanitizer|runtime error:/, output.slice(-3000));
  }
}

export const residentBytes = (pid) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;

/** Until the other side has let go of all connections of the scripted receiver. */
export const released = (receiver) =>
  eventually('the connections are released', () => receiver.closed === receiver.connections && receiver.connections > 0, 10_000);
