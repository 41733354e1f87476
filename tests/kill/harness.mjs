// The program under load, killed at moments drawn from a seed; after each kill everything that was
// promised is compared with what is on the disk and what arrived.
import assert from 'node:assert/strict';
import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { makeEvent } from '../e2e/lib/api.mjs';
import { base32 } from '../e2e/lib/ids.mjs';
import { Receiver } from '../e2e/lib/receiver.mjs';
import { startServer } from '../e2e/lib/server.mjs';
import { eventually, pause } from '../e2e/lib/wait.mjs';
import { Store } from './store.mjs';

const schedule = ['0s', '1s', '2s', '4s', '8s', '15s', '30s', '60s', '120s', '300s'];
const schedule_ms = schedule.map((text) => parseInt(text, 10) * 1000);
const clients = 6;
const events_per_round_max = 600;

/** Mulberry32: the same numbers for the same seed. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A socket answers as soon as /readyz does: milliseconds since the start of the process. */
async function startTimed(server) {
  const from = performance.now();
  await server.start();
  await eventually('ready', () => new Promise((resolve) => {
    http.get(`${server.url}/readyz`, (answer) => { answer.resume(); resolve(answer.statusCode === 200); })
      .on('error', () => resolve(false));
  }));
  return performance.now() - from;
}

export class KillRun {
  static async open({ seed, pending = 0 }) {
    const run = new KillRun();
    Object.assign(run, { seed, random: randomFrom(seed), made: 0, starts: 0, acknowledged: new Set(), unanswered: [], over: new Map(), last_event: 0,
                         last_key: 0, attempts: 0, readies: [] });
    run.server = await startServer({ settings: { 'ledger.checkpoint_interval': '20ms' } });
    run.receiver = await Receiver.start({ answer: (request, response) => run.answer(request, response) });
    run.api = await run.server.workspace('Watched');
    run.destination = await run.api.webhook(run.receiver.url, { schedule, concurrency: 20 });
    if (pending > 0) await run.makePending(pending);
    return run;
  }

  /** Most succeed after a moment, so that attempts are under way when the kill comes; some fail. */
  answer(request, response) {
    request.starts = this.starts;
    const luck = this.random();
    if (luck < 0.03) return void response.socket.resetAndDestroy();
    return { status: luck < 0.05 ? 500 : 200, after_ms: this.random() * 20 };
  }

  /** Deliveries that wait for a receiver that is down, for hours to come. */
  async makePending(count) {
    const down = await Receiver.start();
    const { url } = down;
    await down.close();
    const api = await this.server.workspace('Down');
    await api.webhook(url, { schedule: ['0s', '12h', '24h', '48h'] });
    for (let made = 0; made < count; made += 1000)
      await api.postBatch(Array.from({ length: Math.min(1000, count - made) }, () => makeEvent()));
  }

  newEvent() {
    this.made += 1;
    const bytes = Buffer.from(Array.from({ length: 16 }, () => Math.floor(this.random() * 256)));
    bytes.writeUIntBE(Date.now(), 0, 6);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    return makeEvent({ id: `evt_${base32(bytes)}`, envelope: { id: `n-${this.made}` } });
  }

  /** Posts until the round is over. What got no answer is posted again in a later round. */
  async client(round) {
    while (!round.over && round.posted < events_per_round_max) {
      const events = [this.unanswered.shift() ?? this.newEvent()];
      while (this.random() < 0.3) events.push(this.newEvent());
      round.posted += events.length;
      const note = (event, good) => {
        if (!good) return void this.unanswered.push(event);
        this.acknowledged.add(event.id);
        round.acknowledged.push(event.id);
      };
      try {
        const answer = events.length === 1 ? await this.api.tryPostEvent(events[0]) : await this.api.tryPostBatch(events);
        assert.ok([202, 429, 503].includes(answer.status), `${answer.status} ${answer.text}`);
        const results = events.length === 1 ? [answer.json] : answer.json.results ?? [];
        events.forEach((event, i) => {
          const good = answer.status === 202 && results[i].status === 'accepted';
          if (good) assert.equal(results[i].id, event.id);
          note(event, good);
        });
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        events.forEach((event) => note(event, false));  // accepted or not, nobody knows
        await pause(5);
      }
      await pause(this.random() * 10);
    }
  }

  /** One kill: load, kill -9, look at the disk, start again. */
  async killOnce(n) {
    const round = { over: false, posted: 0, acknowledged: [] };
    const working = Array.from({ length: clients }, () => this.client(round));
    if (this.random() < 0.8) await eventually('something was acknowledged', () => round.acknowledged.length > 0);
    const load_ms = this.random() * 700;
    await pause(load_ms);
    await this.server.kill();
    round.over = true;
    await Promise.all(working);
    const pending = this.checkDisk(n, round.acknowledged);
    const verified = await this.server.cli(['ledger', 'verify']);
    assert.equal(verified.code, 0, `round ${n}: ${verified.output}`);
    // From here on what comes is sent by another process, in the same round.
    this.starts += 1;
    const ready_ms = await startTimed(this.server);
    this.readies.push(ready_ms);
    return { n, posted: round.posted, acknowledged: round.acknowledged.length, pending, ready_ms, load_ms };
  }

  /** What the kill left, read without Blotter. */
  checkDisk(n, fresh) {
    const store = new Store(this.server.data_dir);
    try {
      if (n % 10 === 1) store.checkWhole();
      const ids = n % 10 === 0 ? [...this.acknowledged] : fresh;
      const there = store.has(ids);
      assert.deepEqual(ids.filter((_, i) => !there[i]), [], `round ${n}: acknowledged and lost`);
      store.checkLedger(this.last_event);
      this.last_event = store.lastEvent();
      const number = this.number ??= store.destinationNumber(this.destination.id);
      this.attempts = store.checkAttempts(schedule_ms, this.last_key);
      // What is over with success is not sent again: how often it came until now is final.
      const counts = this.arrivals();
      for (const id of store.deliveredTo(number)) if (!this.over.has(id)) this.over.set(id, counts.get(id) ?? 0);
      return store.pending();
    } finally {
      store.close();
    }
  }

  arrivals() {
    const counts = new Map();
    for (const { headers } of this.receiver.requests) counts.set(headers['webhook-id'], (counts.get(headers['webhook-id']) ?? 0) + 1);
    return counts;
  }

  /** Everything is sent again that nobody knows of, arrives, and is what it was. */
  async finish() {
    for (const event of this.unanswered) {
      assert.equal((await this.api.postEvent(event)).id, event.id);
      this.acknowledged.add(event.id);
    }
    assert.equal(this.acknowledged.size, this.made);
    await eventually('every acknowledged event arrived', () => {
      const counts = this.arrivals();
      return [...this.acknowledged].every((id) => counts.has(id));
    }, 300_000);
    await eventually('every delivery is over', async () =>
      (await this.api.deliveries({ state: 'queued' })).length + (await this.api.deliveries({ state: 'retrying' })).length === 0, 300_000);
    this.checkArrivals();
    await this.server.stop();
    this.checkDisk(10, []);
    const verified = await this.server.cli(['ledger', 'verify']);
    assert.equal(verified.code, 0, verified.output);
    return { events: this.made, requests: this.receiver.count, repeated: this.receiver.count - this.made };
  }

  /** One event has one id and one body, nothing came that was not acknowledged, nothing too early. */
  checkArrivals() {
    const known = new Map();
    for (const request of this.receiver.requests) {
      const id = request.headers['webhook-id'];
      const { id: envelope } = request.json.data.envelope;
      const before = known.get(envelope);
      if (!before) {
        known.set(envelope, { id, body: request.body, at: request.at, starts: request.starts, n: 1 });
        continue;
      }
      before.n += 1;
      assert.equal(id, before.id, `${envelope} came under two ids`);
      assert.ok(request.body.equals(before.body), `${envelope} came with two bodies`);
      // Without a kill between them the second attempt waits for its step of a second.
      if (before.n === 2 && before.starts === request.starts)
        assert.ok(request.at - before.at >= 500, `${envelope} came again after ${request.at - before.at} ms`);
    }
    for (const { id } of known.values()) assert.ok(this.acknowledged.has(id), `${id} was never acknowledged`);
    const counts = this.arrivals();
    for (const [id, count] of this.over) assert.equal(counts.get(id), count, `${id} came again after its recorded success`);
  }

  async close() {
    await this.server.close();
    await this.receiver.close();
  }
}
