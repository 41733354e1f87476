// A batch of envelopes that are signed at once, at Slack's real pace of one message a second in each
// channel. BLOTTER_SLACK_FULL=1 sends all 200 to one channel, which takes three minutes and a half;
// otherwise they go to four.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FakeSlack } from './fakes/slack.mjs';
import { makePdf } from './lib/pdf.mjs';
import { startServer } from './lib/server.mjs';
import { SlackAdmin, slackSettings } from './lib/slack.mjs';
import { eventually } from './lib/wait.mjs';

const batch = 200;
const channels = process.env.BLOTTER_SLACK_FULL === '1' ? ['C1'] : ['C1', 'C2', 'C3', 'C4'];
const fake = await FakeSlack.start();
after(() => fake.close());
for (const channel of channels) fake.addChannel(channel, channel.toLowerCase());
// As many may wait as without any setting.
const server = await startServer(slackSettings(fake, {
  'slack.fold_after': '300', 'slack.workspace_messages_per_minute': '600' }));
after(() => server.close());

/** Calls `work` for every number below `count`, some at once. */
async function each(count, work) {
  let next = 0;
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (next < count) await work(next++);
  }));
}

test('200 envelopes signed at once are spread, in order, without one 429', async (t) => {
  const admin = await SlackAdmin.connected(server, fake);
  const { api } = admin;
  for (const channel of channels)
    await admin.destination({ channel, name: channel, event_types: ['envelope.completed'],
                              filter: `metadata.channel == "${channel}"` });
  const original = await api.upload(makePdf('Mandat', 'original'), { name: 'mandat.pdf' });
  const signed = await api.upload(makePdf('Mandat', 'signed'), { name: 'mandat-signed.pdf' });
  const envelopes = [];
  await each(batch, async (n) => {
    const envelope = await api.createEnvelope({
      title: `Mandat ${n}`, metadata: { channel: channels[n % channels.length] },
      recipients: [{ name: 'Ana', email: 'ana@example.org' }],
      files: [{ file_id: original.id, kind: 'original' }] });
    await api.envelopeAction(envelope.id, 'send');
    envelopes[n] = envelope;
  });
  const begun = Date.now();
  await each(batch, async (n) => {
    const { id, recipients } = envelopes[n];
    await api.report(id, recipients[0].id, 'signed');
    await api.attach(id, [{ file_id: signed.id, kind: 'signed_pdf' }]);
  });
  const signing = Date.now() - begun;
  await eventually('all messages', () => fake.messages.length === batch, 300_000);
  // The order is that in which the events were accepted.
  const events = [];
  for (let cursor; ;) {
    const page = await api.events({ type: 'envelope.completed', order: 'oldest', limit: 200, cursor });
    events.push(...page.data);
    if (!(cursor = page.next_cursor)) break;
  }
  const title = new Map(envelopes.map((e) => [e.id, e.title]));
  const place = new Map(events.map((e, at) => [title.get(e.envelope_id), at]));
  assert.equal(place.size, batch);
  let longest = 0;
  for (const channel of channels) {
    const posted = fake.posted(channel);
    assert.equal(posted.length, batch / channels.length);
    const places = posted.map((m) => place.get(/Mandat \d+/.exec(m.text)[0]));
    assert.deepEqual(places, places.toSorted((a, b) => a - b), `in order in ${channel}`);
    const span = posted.at(-1).at - posted[0].at;
    assert.ok(span >= (posted.length - 4) * 1000, `spread: ${span} ms for ${posted.length} messages`);
    longest = Math.max(longest, span);
  }
  assert.deepEqual(fake.refused, [], 'not one 429');
  assert.equal((await admin.messages('folded')).length, 0);
  t.diagnostic(`${batch} envelopes signed within ${signing} ms, over ${channels.length} channel(s): ` +
               `spread over ${longest} ms, in order, ${fake.refused.length} refusals`);
});

test('one Slack workspace is held to its rate over all of its channels, without one 429', async (t) => {
  // Slack's own limit is not documented: 2 a second, and a little more at once than Blotter allows itself.
  const strict = await FakeSlack.start({ team: { burst: 12, per_second: 2 } });
  t.after(() => strict.close());
  const names = Array.from({ length: 30 }, (_, n) => `C${String(n).padStart(4, '0')}`);
  for (const name of names) strict.addChannel(name, name.toLowerCase());
  const limited = await startServer(slackSettings(strict, { 'slack.workspace_messages_per_minute': '120' }));
  t.after(() => limited.close());
  const admin = await SlackAdmin.connected(limited, strict);
  for (const channel of names)
    await admin.destination({ channel, name: channel, event_types: ['envelope.sent'] });
  await admin.api.postEvent({ type: 'envelope.sent', data: { envelope: { id: 'e-1', title: 'Bail' } } });
  await eventually('every channel has it', () => strict.messages.length === names.length, 60_000);
  assert.equal(new Set(strict.messages.map((m) => m.channel)).size, names.length);
  assert.deepEqual(strict.refused, [], 'not one 429');
  const span = strict.messages.at(-1).at - strict.messages[0].at;
  assert.ok(span >= 9_000, `ten at once, then twenty at two a second: ${span} ms`);
  t.diagnostic(`${names.length} channels of one workspace at 120 a minute: within ${span} ms`);
});
