// Slack under load and under kill -9. BLOTTER_SLACK_FULL=1 makes it 1,000 and 10,000 events with 20
// kills instead of a short version.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { randomFrom } from '../kill/harness.mjs';
import { FakeSlack } from './fakes/slack.mjs';
import { startServer } from './lib/server.mjs';
import { SlackAdmin, slackSettings } from './lib/slack.mjs';
import { eventually, pause } from './lib/wait.mjs';

const full = process.env.BLOTTER_SLACK_FULL === '1';

const eventOf = (n, channel) => ({
  type: 'envelope.sent',
  data: { envelope: { id: `n-${n}`, title: `#${n}#`, metadata: { channel } }, recipients: [{ name: 'Ana', role: 'signer' }] },
});
const numberIn = (message) => Number(/#(\d+)#/.exec(message.text)[1]);

async function arrange(t, { channels, fake: fake_options = {}, settings = {}, config = {} }) {
  const fake = await FakeSlack.start(fake_options);
  t.after(() => fake.close());
  const names = Array.from({ length: channels }, (_, n) => `C${String(n).padStart(4, '0')}`);
  for (const name of names) fake.addChannel(name, name.toLowerCase());
  const server = await startServer(slackSettings(fake, {
    'slack.workspace_messages_per_minute': '60000', 'slack.fold_after': '10000', ...settings }));
  t.after(() => server.close());
  const admin = await SlackAdmin.connected(server, fake);
  for (const channel of names)
    await admin.destination({ channel, name: channel, event_types: ['envelope.sent'],
                              filter: `metadata.channel == "${channel}"`, ...config });
  return { fake, server, admin, names };
}

test('messages within the throttle arrive within 5 seconds of the commit', async (t) => {
  const { fake, admin, names } = await arrange(t, { channels: 20 });
  const events = full ? 1_000 : 300;
  const asked = new Map();
  const committed = new Map();
  const step = 1_060 / names.length;
  const begun = performance.now();
  const posts = [];
  for (let n = 0; n < events; ++n) {
    await pause(Math.max(0, begun + n * step - performance.now()));
    asked.set(n, Date.now());
    posts.push(admin.api.postEvent(eventOf(n, names[n % names.length])).then(() => committed.set(n, Date.now())));
  }
  await Promise.all(posts);
  await eventually('all messages', () => fake.messages.length >= events, 60_000);
  // The commit lies between the request and its answer, so the true figure lies between these two.
  const since = (times) => fake.messages.map((m) => Math.max(0, m.at - times.get(numberIn(m)))).sort((a, b) => a - b);
  const at = (took, share) => took[Math.min(took.length - 1, Math.floor(took.length * share))];
  const figures = (took) => `p50 ${at(took, 0.5)} ms, p99 ${at(took, 0.99)} ms, max ${took.at(-1)} ms`;
  t.diagnostic(`${events} events over ${names.length} channels, to Slack's receipt: ` +
               `${figures(since(asked))} from the request, ${figures(since(committed))} from the answer after the commit`);
  assert.equal(fake.messages.length, events);
  assert.equal(new Set(fake.messages.map(numberIn)).size, events);
  assert.deepEqual(fake.refused, []);
  assert.ok(at(since(asked), 0.99) < 5_000, 'the product promises 5 seconds');
});

/** Posts `numbers`, four at a time, until every one is acknowledged; without an answer once more. */
function submit(api, numbers, { names, acknowledged }) {
  const waiting = [...numbers];
  return Promise.all(Array.from({ length: 4 }, async () => {
    for (let n = waiting.shift(); n !== undefined; n = waiting.shift()) {
      try {
        await api.postEvent(eventOf(n, names[n % names.length]), { 'idempotency-key': `event-${n}` });
        acknowledged.add(n);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        waiting.push(n);
        await pause(5);
      }
    }
  }));
}

const idOf = (message) => message.metadata.event_payload.id;

test('no message is there twice after lost answers and kill -9, and those in doubt are listed', async (t) => {
  const events = full ? 10_000 : 400;
  const kills = full ? 20 : 4;
  const random = randomFrom(20260526);
  const { fake, server, admin, names } = await arrange(t, {
    channels: full ? 200 : 40, config: { burst: 5 }, fake: { burst: 1e6, per_second: 1e6, answer_ms: 10 } });
  fake.faults.push((method) => (method === 'chat.postMessage' && random() < 0.02 ? 'drop' : undefined));
  const acknowledged = new Set();
  let under_way = 0;
  let kills_under_load = 0;
  for (let round = 0, made = 0; round <= kills; ++round) {
    const until = Math.floor((events * (round + 1)) / (kills + 1));
    const before = acknowledged.size;
    const submitting = submit(admin.api, Array.from({ length: until - made }, (_, k) => made + k), { names, acknowledged });
    made = until;
    if (round < kills) {
      await eventually('the first is acknowledged', () => acknowledged.size > before);
      await pause(random() * 50);
      kills_under_load += acknowledged.size < until ? 1 : 0;
      await server.kill();
      const there = new Set(fake.messages.map(numberIn));
      under_way += [...acknowledged].filter((n) => !there.has(n)).length;
      await server.start();
    }
    await submitting;
  }
  assert.equal(acknowledged.size, events);
  await eventually('every message was sent or is held', async () => {
    const open = [...await admin.messages('sending'), ...await admin.messages('failed')];
    const listed = (await admin.messages()).length;
    if (open.length === 0 && listed === events) return true;
    throw new Error(`${listed} of ${events} listed, ${open.length} open`);
  }, full ? 600_000 : 120_000);
  // Read when nothing changes any more.
  const held = new Set((await admin.messages('held')).map((m) => m.id));
  const sent = (await admin.messages('sent')).length;
  const seen = fake.messages.map(numberIn);
  const there = new Set(fake.messages.map(idOf));
  const twice = seen.length - new Set(seen).size;
  const absent = [...held].filter((id) => !there.has(id)).length;
  const in_doubt = held.size - fake.dropped.length;
  t.diagnostic(`${events} events, ${kills} kills, ${kills_under_load} of them while events were submitted, ${under_way} ` +
               `deliveries pending at the kills, ${in_doubt} being answered; ${fake.dropped.length} answers lost; ${seen.length} messages, ` +
               `${twice} twice, ${sent} known to be there, ${held.size} held and listed (${absent} of them not there)`);
  assert.equal(twice, 0, 'duplicates');
  assert.deepEqual(fake.dropped.map(idOf).filter((id) => !held.has(id)), [], 'every lost answer is held');
  assert.equal(sent + held.size, events, 'each is known to be there, or held');
  assert.equal(seen.length + absent, events, 'what is not there is held');
  assert.ok(under_way + in_doubt > 0 && kills_under_load > 0, 'the kills hit work that was under way');
});
