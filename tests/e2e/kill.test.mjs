// Twenty times the power goes while events come in and go out: nothing that was acknowledged is
// missing, nothing is in the ledger twice, and every duplicate carries the id that it had before.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { makeEventId } from './lib/ids.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { eventually, pause } from './lib/wait.mjs';

const rounds = 20;
const clients = 6;
const events_per_round_max = 400;

const server = await startServer({ settings: { 'ledger.checkpoint_interval': '20ms' } });
after(() => server.close());
// Answers take a moment, so that attempts are under way when the power goes.
const receiver = await Receiver.start({ answer: () => ({ status: 200, after_ms: Math.random() * 20 }) });
after(() => receiver.close());

// Random, but the same in every run.
let state = 20260526;
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

/** Posts until the round is over. What got no answer is posted again in a later round. */
async function client(api, round, log) {
  while (!round.over && round.posted < events_per_round_max) {
    const event = log.unanswered.shift() ?? newEvent(log);
    round.posted += 1;
    try {
      const answer = await api.tryPostEvent(event);
      if (answer.status === 202) {
        assert.equal(answer.json.id, event.id);
        assert.equal(answer.json.status, 'accepted');
        log.acknowledged.add(event.id);
        round.acknowledged.push(event.id);
      } else {
        assert.ok([429, 503].includes(answer.status), `${answer.status} ${answer.text}`);
        log.unanswered.push(event);
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      log.unanswered.push(event);  // the connection is gone: accepted or not, nobody knows
      await pause(5);
    }
    await pause(random() * 10);
  }
}

function newEvent(log) {
  log.made += 1;
  return makeEvent({ id: makeEventId(), envelope: { id: `n-${log.made}` } });
}

async function eventIds(api) {
  const ids = [];
  let cursor;
  do {
    const page = await api.events({ limit: 200, cursor });
    ids.push(...page.data.map((e) => e.id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return ids;
}

test(`${rounds} times kill -9 under load: no acknowledged event is missing and none is there twice`, async (t) => {
  const api = await server.workspace();
  await api.webhook(receiver.url, { schedule: ['0s', '1s', '2s', '5s', '10s', '20s', '60s'], concurrency: 20 });
  const log = { made: 0, acknowledged: new Set(), unanswered: [] };
  for (let n = 1; n <= rounds; ++n) {
    const round = { over: false, posted: 0, acknowledged: [] };
    const working = Array.from({ length: clients }, () => client(api, round, log));
    await eventually('something was acknowledged', () => round.acknowledged.length > 0);
    await pause(100 + random() * 700);
    await server.kill();
    round.over = true;
    await Promise.all(working);
    const verified = await server.cli(['ledger', 'verify']);
    assert.equal(verified.code, 0, `round ${n}: ${verified.output}`);
    await server.start();
    for (const id of round.acknowledged) {
      const answer = await api.tryEvent(id);
      assert.equal(answer.status, 200, `round ${n}: acknowledged and lost: ${id} ${answer.text}`);
    }
    t.diagnostic(`round ${n}: ${round.posted} posted, ${round.acknowledged.length} acknowledged, ` +
                 `${receiver.count} received so far`);
  }
  // What nobody knows of is asked again: the same id, so it cannot become a second event.
  for (const event of log.unanswered) {
    const answer = await api.postEvent(event);
    assert.equal(answer.id, event.id);
    log.acknowledged.add(event.id);
  }
  assert.equal(log.acknowledged.size, log.made);
  const listed = await eventIds(api);
  assert.equal(listed.length, new Set(listed).size, 'no event is listed twice');
  assert.deepEqual(new Set(listed), log.acknowledged);

  const received = () => new Set(receiver.requests.map((r) => r.headers['webhook-id']));
  await eventually('every acknowledged event was received', () => {
    const got = received();
    return [...log.acknowledged].every((id) => got.has(id));
  }, 120_000);
  // One event has one id and one body, however often it came.
  const ids_of = new Map();
  const bodies_of = new Map();
  for (const request of receiver.requests) {
    const { id } = request.json.data.envelope;
    ids_of.set(id, (ids_of.get(id) ?? new Set()).add(request.headers['webhook-id']));
    bodies_of.set(id, (bodies_of.get(id) ?? new Set()).add(request.body.toString()));
  }
  for (const [id, ids] of ids_of) assert.equal(ids.size, 1, `${id} came under ${[...ids]}`);
  for (const [id, bodies] of bodies_of) assert.equal(bodies.size, 1, `${id} came with different bodies`);
  assert.deepEqual([...received()].filter((id) => !log.acknowledged.has(id)), []);
  await eventually('every delivery is in its final state', async () =>
    (await api.deliveries({ state: 'queued' })).length + (await api.deliveries({ state: 'retrying' })).length === 0, 120_000);
  const duplicates = receiver.count - log.made;
  t.diagnostic(`${log.made} events, ${receiver.count} requests, ${duplicates} of them repeated`);
  await server.stop();
  const verified = await server.cli(['ledger', 'verify']);
  assert.equal(verified.code, 0, verified.output);
});
