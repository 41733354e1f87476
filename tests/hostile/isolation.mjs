// Row 41: what 1,000 hostile receivers cost a healthy one. The healthy one gets a steady stream;
// segments without and with the hostile ones alternate, so that both see the same machine. Each round
// has a server of its own, whose circuits are all closed: what the hostile ones are owed after a
// round takes minutes to end.
import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { makeEvent } from '../e2e/lib/api.mjs';
import { makeEventId } from '../e2e/lib/ids.mjs';
import { root_dir } from '../e2e/lib/paths.mjs';
import { Child } from '../e2e/lib/processes.mjs';
import { startServer } from '../e2e/lib/server.mjs';
import { eventually, pause } from '../e2e/lib/wait.mjs';
import { blackHoles } from './lib/black_holes.mjs';
import { prioritize } from './lib/priorities.mjs';

const hostile_count = 1000;
const hostile_workspaces = 10;
const events_per_second = 100;
const segment_ms = 7000;
const segments_min = 8;  // of each kind, valid
const rounds_max = 10;   // of four segments
// A segment says something only if the machine did: by more than this it was late for a request that
// never met Blotter.
const straight_ms_max = 1;
const ratio_max = 1.5;

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];
const median = (values) => quantile(values, 0.5);

/** The server, the healthy destination with its receiver, and the hostile ones. To be measured: the
 *  processes beside the server are given priorities, if this user may. */
export async function makeIsolation({ count = hostile_count, measured = false } = {}) {
  const stage = {};
  stage.villains = new Child(process.execPath, [join(root_dir, 'tests/hostile/lib/villains.mjs')]);
  const ports = JSON.parse(await stage.villains.until((c) => /^\{.*\}$/m.exec(c.output)?.[0], 'ports'));
  stage.server = await startServer({ settings: { 'listen.connections_max': '4000' } });
  stage.receiver = new Child(process.execPath, [join(root_dir, 'tests/hostile/lib/healthy.mjs')]);
  const port = Number(await stage.receiver.until((c) => /^port (\d+)$/m.exec(c.output)?.[1], 'a port'));
  stage.receiver_port = port;
  stage.prioritized = measured && prioritize({ first: [stage.receiver.pid, process.pid], last: [stage.villains.pid] });
  stage.healthy = await stage.server.workspace('Healthy');
  await stage.healthy.webhook(`http://127.0.0.1:${port}/hook`);
  const undo = [];
  ports.silent_address = await blackHoles({ later: (action) => undo.push(action) }, ['127.0.0.1']);
  const kinds = Object.entries(ports);
  stage.kinds = kinds.length;
  stage.hostile = await Promise.all(Array.from({ length: hostile_workspaces }, (_, n) => stage.server.workspace(`Hostile ${n}`)));
  /** `work(n, api)` for each hostile receiver, twenty at a time. */
  const forEach = async (work) => {
    for (let n = 0; n < count; n += 20)
      await Promise.all(Array.from({ length: Math.min(20, count - n) },
                                   (_, i) => work(n + i, stage.hostile[(n + i) % hostile_workspaces])));
  };
  const destinations = [];
  await forEach(async (n, api) => {
    const [kind, port] = kinds[n % kinds.length];
    destinations[n] = await api.webhook(`http://127.0.0.1:${port}/${kind}/${n}`,
                                        { schedule: ['0s', '1s', '3s'], timeout_ms: 3000 });
  });
  stage.provoke = () => Promise.all(stage.hostile.map((api) => api.postEvent(makeEvent())));
  /** No attempt starts at a hostile receiver from here on; those under way end. */
  stage.calm = async () => {
    await forEach((n, api) => api.destinationAction(destinations[n].id, 'pause'));
    await eventually('the attempts at hostile receivers are over', async () => (await stage.inFlight()) === 0, 30_000);
  };
  // Of a large page one line, without reading the others: who measures must not be busy.
  stage.inFlight = async () => Number(/^blotter_delivery_in_flight (\d+)$/m.exec((await stage.server.owner.get('/metrics')).text)[1]);
  stage.close = async () => {
    await stage.villains.stop('SIGKILL');
    await Promise.all(undo.map((action) => action()));
    await stage.server.close();
    await stage.receiver.stop('SIGKILL');
  };
  return stage;
}

/** One connection that posts events and notes, as the bytes come, when each was acknowledged. */
class Poster {
  constructor(stage) {
    const [host, port] = stage.server.address.split(':');
    this.head = `POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${stage.healthy.key}\r\nContent-Type: application/json\r\n`;
    this.waiting = [];
    this.socket = net.connect({ host, port: Number(port), noDelay: true });
    let text = '';
    this.socket.on('data', (bytes) => {
      const at = process.hrtime.bigint();
      text += bytes.toString('latin1');
      for (;;) {
        const head = /^HTTP\/1\.1 (\d+) [^]*?content-length: (\d+)[^]*?\r\n\r\n/i.exec(text);
        if (!head || text.length < head[0].length + Number(head[2])) return;
        text = text.slice(head[0].length + Number(head[2]));
        this.waiting.shift()({ status: head[1], at });
      }
    });
  }
  post(event) {
    const body = JSON.stringify(event);
    this.socket.write(`${this.head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}

const msSince = (from, arrived) => Math.max(Number(BigInt(arrived) - from) / 1e6, 0);

/** `action(n)` `rate` times a second, not before its time. */
async function steadily(duration_ms, rate, action) {
  const start = performance.now();
  for (let n = 0; n * 1000 / rate < duration_ms; ++n) {
    const wait = start + n * 1000 / rate - performance.now();
    if (wait > 0) await pause(wait);
    action(n);
  }
}

/** { id: nanoseconds } of all that the healthy one has got, once `ids` are among them. */
const arrivals = (stage, ids) => eventually('all arrived at the healthy one', () => {
  const all = new Map(stage.receiver.stdout.split('\n').map((line) => line.split(' ')));
  return ids.every((id) => all.has(id)) ? all : undefined;
}, 60_000);

/** A steady stream to the healthy one: milliseconds from each acknowledgement to the arrival, and
 *  from the sending to the arrival. An arrival before its acknowledgement counts as none. */
export async function stream(stage, duration_ms, rate = events_per_second) {
  const posters = Array.from({ length: 4 }, () => new Poster(stage));
  const seen = new Map();
  const posts = [];
  await steadily(duration_ms, rate, (n) => {
    const id = makeEventId();
    const sent = process.hrtime.bigint();
    posts.push(posters[n % posters.length].post({ ...makeEvent(), id }).then(({ status, at }) => {
      assert.equal(status, '202');
      seen.set(id, { sent, acknowledged: at });
    }));
  });
  await Promise.all(posts);
  for (const { socket } of posters) socket.destroy();
  const arrived = await arrivals(stage, [...seen.keys()]);
  return { from_acknowledged: [...seen].map(([id, { acknowledged }]) => msSince(acknowledged, arrived.get(id))),
           from_sent: [...seen].map(([id, { sent }]) => msSince(sent, arrived.get(id))) };
}

/** As many requests straight to the healthy receiver: milliseconds from the sending to the arrival.
 *  What these take longer beside the hostile ones is the machine's doing, which all share. */
async function straight(stage, duration_ms, rate = events_per_second) {
  const sockets = [];
  const free = [];  // those whose last request was answered
  const connect = () => {
    const socket = net.connect({ host: '127.0.0.1', port: stage.receiver_port, noDelay: true });
    socket.on('data', () => free.push(socket));
    sockets.push(socket);
    return socket;
  };
  const seen = new Map();
  const body = 'x'.repeat(700);
  await steadily(duration_ms, rate, () => {
    const id = makeEventId();
    seen.set(id, process.hrtime.bigint());
    (free.pop() ?? connect()).write(`POST /straight HTTP/1.1\r\nhost: x\r\nwebhook-id: ${id}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  const arrived = await arrivals(stage, [...seen.keys()]);
  for (const socket of sockets) socket.destroy();
  return [...seen].map(([id, sent]) => msSince(sent, arrived.get(id)));
}

/** Adds to `seen` the p99 of each segment of a round. The order is alone, beside, beside, alone, so
 *  that a machine that grows slower harms both alike. */
async function oneRound(seen) {
  const stage = await makeIsolation({ measured: true });
  seen.kinds = stage.kinds;
  seen.prioritized = stage.prioritized;
  const segment = async (kind) => {
    const [through, straightly] = await Promise.all([stream(stage, segment_ms), straight(stage, segment_ms)]);
    const p99 = [through.from_acknowledged, through.from_sent, straightly].map((values) => quantile(values, 0.99));
    seen[p99[2] <= straight_ms_max ? kind : 'invalid'].push(p99);
  };
  try {
    await stream(stage, 3000);
    await segment('alone');
    const work = { over: false };
    const provoking = (async () => {
      while (!work.over) {
        await Promise.all([stage.provoke(), pause(2000)]);
        seen.most_in_flight = Math.max(seen.most_in_flight, await stage.inFlight());
      }
    })();
    await pause(2500);
    for (let i = 0; i < 2; ++i) await segment('beside');
    work.over = true;
    await provoking;
    await stage.calm();
    await segment('alone');
    assert.equal(stage.server.child.exit, null);
  } finally {
    await stage.close();
  }
}

/** Per valid segment the p99 in milliseconds from acknowledgement, from sending, and of what was
 *  sent straight; { alone, beside, invalid }. */
export async function isolation() {
  const seen = { alone: [], beside: [], invalid: [], most_in_flight: 0, rounds: 0 };
  const enough = () => Math.min(seen.alone.length, seen.beside.length) >= segments_min;
  while (!enough() && seen.rounds++ < rounds_max) {
    await oneRound(seen);
    console.log(`        round ${seen.rounds}: valid segments alone ${seen.alone.length}, beside ${seen.beside.length}; invalid ${seen.invalid.length}`);
  }
  return seen;
}

export function printIsolation({ alone, beside, invalid, most_in_flight, kinds, prioritized }) {
  console.log(`        ${hostile_count} hostile receivers of ${kinds} kinds in ${hostile_workspaces} workspaces, up to ${most_in_flight} attempts to them at once;`);
  console.log(`        a healthy one with ${events_per_second} events/s; p99 of segments of ${segment_ms / 1000} s, alone and beside them, in ms.`);
  console.log(`        ${invalid.length} segments refused: the machine was late by more than ${straight_ms_max} ms for what never met Blotter.`);
  if (!prioritized) console.log('        Senders and receivers ran with the priority of the program: run it as root for a fair figure.');
  assert.ok(alone.length > 0 && beside.length > 0, 'no valid segment of either kind: run it when the machine is quiet');
  const ratios = ['from acknowledgement to arrival', 'from sending to arrival', 'sent straight to it, without Blotter'].map((what, i) => {
    const [a, b] = [alone, beside].map((all) => all.map((values) => values[i]));
    const row = (values) => `${values.map((v) => v.toFixed(2).padStart(7)).join(' ')}   median ${median(values).toFixed(2)}`;
    console.log(`        ${what}\n          alone  ${row(a)}\n          beside ${row(b)}\n          ratio ${(median(b) / median(a)).toFixed(2)}`);
    return median(b) / median(a);
  });
  assert.ok(ratios[0] <= ratio_max,
            `the healthy one took ${ratios[0].toFixed(2)} times as long, at most ${ratio_max} times is allowed`);
}
