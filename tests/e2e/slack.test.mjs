// Slack: one event, one message, in the right channel; against a Slack that is strict.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startServer } from './lib/server.mjs';
import { eventually, pause } from './lib/wait.mjs';
import { FakeSlack } from './fakes/slack.mjs';
import { SlackAdmin, slackSettings } from './lib/slack.mjs';

const fake = await FakeSlack.start();
after(() => fake.close());
for (let n = 0; n < 40; ++n) fake.addChannel(`C0${String(n).padStart(3, '0')}`, `channel-${n}`);
fake.channel('C0039').member = false;
const server = await startServer(slackSettings(fake));
after(() => server.close());

let channels = 0;
const nextChannel = () => `C0${String(channels++).padStart(3, '0')}`;

const files = (name) => ({ name, media_type: 'application/pdf', bytes: 10, sha256: 'a'.repeat(64),
                           url: `https://files.example/${name}` });
const people = [{ name: 'Camille Martin', role: 'signer', status: 'signed' },
                { name: 'Noor Haddad', role: 'signer', status: 'viewed' }];
const examples = {
  'envelope.completed': { files: { signed_pdf: files('signed.pdf'), audit_trail: files('proof.pdf') } },
  'envelope.declined': { reason: 'the amount is wrong', recipient: people[0] },
  'envelope.expired': { missing_recipients: [people[1]] },
  'envelope.sent': { recipients: people },
  'recipient.signed': { recipient: people[0], recipients: people },
};
const eventOf = (type, title = 'Contrat') => ({
  type,
  data: { envelope: { id: `env-${Math.random().toString(36).slice(2)}`, title }, ...examples[type] },
});
const sentence = (message) => message.attachments[0].blocks[0].elements[0].elements.map((e) => e.text).join('');

test('Add to Slack: exactly two permissions, a state that works once and in one browser', async () => {
  const admin = new SlackAdmin(server, await server.workspace());
  const begun = await admin.begin();
  const url = new URL(begun.authorize_url);
  assert.equal(url.searchParams.get('scope'), 'chat:write,channels:read');
  const back = fake.consent(begun.authorize_url);
  const elsewhere = await admin.comeBack(back, { cookie: 'blotter_slack=made-up' });
  assert.equal(elsewhere.status, 400);
  assert.match(elsewhere.text, /another browser/);
  const again = await admin.comeBack(back, begun);
  assert.match(again.text, /used before/, 'a refused answer uses the state up');
  const denied = await admin.begin();
  const refused = await admin.comeBack(fake.consent(denied.authorize_url, { deny: true }), denied);
  assert.match(refused.text, /declined/);
  assert.match((await admin.comeBack(`${server.url}/slack/callback?code=x`, {})).text, /where Slack sends you back to/);
  const connection = await admin.connect(fake);
  assert.equal(connection.state, 'connected');
  assert.equal(connection.slack_workspace, 'T0ONE');
  assert.deepEqual(connection.scopes, ['chat:write', 'channels:read']);
  assert.deepEqual(Object.keys(connection).sort(), ['checked_at', 'created_at', 'id', 'scopes', 'slack_workspace',
    'state', 'state_reason', 'token_expires_at', 'updated_at']);
});

test('the token is nowhere in clear: neither in the store, nor in the log, nor in an answer', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const tokens = [...fake.tokens.keys()];
  await admin.destination({ channel: nextChannel() });
  const shown = [await admin.api.get('/v1/slack/connections'), await admin.api.get('/v1/destinations'),
                 await admin.api.get('/metrics')].map((a) => a.text).join('');
  const stored = await admin.storedBytes();
  for (const token of [...tokens, fake.app.client_secret]) {
    assert.ok(!shown.includes(token));
    assert.ok(!server.output.includes(token));
    assert.ok(!stored.includes(token));
  }
});

test('the picker brings every channel, says where the app is missing, and a destination knows its name', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  fake.page_shapes = [3, 0, 0, 5, 0];
  const found = await admin.channels();
  assert.equal(found.length, 40);
  assert.match(found.find((c) => c.id === 'C0039').to_do, /\/invite/);
  assert.equal(found[0].to_do, null);
  const destination = await admin.destination({ channel: 'C0000' });
  assert.equal(destination.config.channel_name, 'channel-0');
  const unknown = await admin.tryDestination({ channel: 'C0999' });
  unknown.expectProblem(422);
  assert.match(unknown.text, /config\/channel/);
  fake.addChannel('G0001', 'private', { is_private: true });
  const hidden = await admin.tryDestination({ channel: 'G0001' });
  hidden.expectProblem(422);
  assert.match(hidden.text, /public channels only/);
  assert.equal((await admin.connections())[0].state, 'connected', 'nothing is wrong with the connection');
  const foreign = await admin.tryDestination({ connection_id: 'slc_01J9ZC3M4N8Q5RSTVWXYZ01234', channel: 'C0000' });
  foreign.expectProblem(422);
  assert.match(foreign.text, /config\/connection_id/);
});

test('each of the five events gives its message, in English and in French', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const said = {
    en: { 'envelope.completed': 'Document Contrat signed by every signer. Download the eIDAS proof PDF',
          'envelope.declined': 'Document Contrat declined by Camille Martin. Reason: the amount is wrong',
          'envelope.expired': 'Document Contrat expired without full signature. Missing signers: Noor Haddad',
          'envelope.sent': 'Document Contrat sent to Camille Martin, Noor Haddad',
          'recipient.signed': 'Camille Martin just signed document Contrat (1/2 signatures collected)' },
    fr: { 'envelope.declined': 'Document Contrat refusé par Camille Martin. Motif : the amount is wrong',
          'recipient.signed': 'Camille Martin vient de signer le document Contrat (1/2 signatures recueillies)' },
  };
  for (const [language, sentences] of Object.entries(said)) {
    const channel = nextChannel();
    const destination = await admin.destination({ channel, language, event_types: Object.keys(sentences) });
    for (const [type, expected] of Object.entries(sentences)) {
      await admin.api.postEvent(eventOf(type));
      const message = await eventually(type, () => fake.posted(channel).find((m) => sentence(m).includes(expected)));
      assert.match(message.attachments[0].color, /^#/);
      assert.equal(message.values.unfurl_links, false);
      assert.ok(message.text.includes('Contrat'));
    }
    await admin.api.deleteDestination(destination.id);
  }
  const completed = fake.messages.find((m) => /signed by every/.test(sentence(m)));
  const urls = completed.attachments[0].blocks[1].elements.map((e) => e.url);
  const declined = fake.messages.find((m) => /declined by/.test(sentence(m)));
  assert.match(declined.attachments[0].blocks[1].elements[0].url, /^https:\/\/sign.example\/envelopes\/env-/);
  assert.ok(urls.includes('https://files.example/proof.pdf') && urls.includes('https://files.example/signed.pdf'));
});

test('an event that is ticked or unticked counts from then on', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  const { id } = await admin.destination({ channel, event_types: ['envelope.sent'] });
  const choose = (...event_types) => admin.api.patchDestination(id, { config: { event_types } });
  await choose('envelope.declined', 'recipient.viewed');
  await admin.api.postEvent(eventOf('envelope.sent'));
  await admin.api.postEvent({ type: 'recipient.viewed', data: { envelope: { id: 'e' }, recipient: people[0] } });
  await eventually('the one that was ticked', () => fake.posted(channel).some((m) => /opened document/.test(m.text)));
  await choose('envelope.sent');
  await admin.api.postEvent(eventOf('envelope.declined'));
  await admin.api.postEvent(eventOf('envelope.sent', 'Zuletzt'));
  await eventually('the other one', () => fake.posted(channel).some((m) => m.text.includes('Zuletzt')));
  assert.equal(fake.posted(channel).length, 2);
});

test('events that were not asked for stay out, and words of users cannot mention or link', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel, event_types: ['envelope.declined'] });
  await admin.api.postEvent(eventOf('envelope.sent'));
  const evil = '<!channel> <https://evil.example|x> & *bold* ' + 'é'.repeat(300);
  const event = eventOf('envelope.declined', evil.slice(0, 390));
  event.data.reason = `<@U0ADMIN> ${'r'.repeat(4000)}`;
  await admin.api.postEvent(event);
  const [message] = await eventually('the message', () => fake.posted(channel).length === 1 && fake.posted(channel));
  assert.ok(!/<[!@]|<https:..evil/.test(message.text), message.text);
  assert.match(message.text, /&lt;!channel&gt;/);
  assert.ok(sentence(message).includes('<!channel>'), 'as plain characters');
  assert.ok([...message.text].length < 4000);
  await pause(300);
  assert.equal(fake.posted(channel).length, 1);
});

test('the test button posts a sample, and a message in a thread answers the first one', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  const destination = await admin.destination({ channel, threads: true, event_types: ['envelope.created', 'envelope.sent', 'recipient.viewed'] });
  const trial = await admin.api.destinationAction(destination.id, 'test', { event_type: 'recipient.signed' });
  assert.equal(trial.outcome, 'delivered');
  assert.match(sentence(fake.posted(channel)[0]), /sample/);
  const file = await admin.api.upload(Buffer.from('%PDF-1.4 x'));
  const envelope = await admin.api.createEnvelope({ title: 'Bail', files: [{ file_id: file.id, kind: 'original' }],
    recipients: [{ name: 'Ana', email: 'ana@example.org' }] });
  await admin.api.envelopeAction(envelope.id, 'send');
  await eventually('two messages', () => fake.posted(channel).length === 3);
  await admin.api.report(envelope.id, envelope.recipients[0].id, 'viewed');
  await eventually('three messages', () => fake.posted(channel).length === 4);
  const [, first, second, third] = fake.posted(channel);
  assert.equal(first.thread_ts, undefined);
  assert.equal(second.thread_ts, first.ts);
  assert.equal(third.thread_ts, first.ts);
});

test('parked messages are sent after the admin invites the app, or chooses another channel', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const destination = await admin.destination({ channel: 'C0039' });
  await admin.api.postEvent(eventOf('envelope.sent', 'Erster'));
  await admin.api.alertWhen('blocked', (a) => a.kind === 'destination_blocked' && a.state === 'open');
  await admin.api.postEvent(eventOf('envelope.sent', 'Zweiter'));
  assert.equal((await admin.api.destination(destination.id)).state_reason, 'slack_not_in_channel');
  assert.equal(fake.posted('C0039').length, 0);
  fake.channel('C0039').member = true;
  await eventually('both are there', () => fake.posted('C0039').length === 2);
  await admin.api.alertWhen('resolved', (a) => a.kind === 'destination_blocked' && a.state === 'resolved');
  fake.channel('C0039').archived = true;
  await admin.api.postEvent(eventOf('envelope.sent', 'Dritter'));
  await eventually('parked', async () => (await admin.api.destination(destination.id)).state === 'disabled');
  const other = nextChannel();
  await admin.api.patchDestination(destination.id, { config: { channel: other } });
  await eventually('it is in the other channel', () => fake.posted(other).length === 1);
});

test('an uninstall is noticed, raises one alert, and connecting again sends what waited, once', async () => {
  const team = fake.addTeam('T0TWO', 'Two');
  fake.addChannel('C0TWO1', 'one', { team: team.id });
  fake.addChannel('C0TWO2', 'two', { team: team.id });
  const admin = await SlackAdmin.connected(server, fake, { team: team.id });
  for (const channel of ['C0TWO1', 'C0TWO2']) await admin.destination({ channel, event_types: ['envelope.sent'] });
  await admin.api.postEvent(eventOf('envelope.sent', 'vorher'));
  await eventually('both channels', () => fake.posted('C0TWO1').length + fake.posted('C0TWO2').length === 2);
  fake.uninstall(team.id);
  await admin.api.postEvent(eventOf('envelope.sent', 'nachher'));
  await eventually('stopped', async () =>
    (await admin.api.destinations()).every((d) => d.state === 'disabled' && d.state_reason === 'slack_connection_lost'));
  const alerts = (await admin.api.alerts()).filter((a) => a.kind === 'slack_disconnected');
  assert.equal(alerts.length, 1);
  assert.equal((await admin.api.alerts()).filter((a) => a.state === 'open').length, 1, 'one alert in all');
  assert.equal((await admin.connections())[0].state, 'lost');
  const renewed = await admin.connect(fake, { team: team.id });
  assert.equal(renewed.id, admin.connection.id, 'the same connection');
  await eventually('what waited', () => fake.posted('C0TWO1').length === 2 && fake.posted('C0TWO2').length === 2);
  await eventually('resolved', async () => (await admin.api.alerts()).every((a) => a.state === 'resolved'));
});

test('disconnecting revokes and deletes the token and stops all sends', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel });
  const live = () => [...fake.tokens.values()].filter((t) => t.state === 'live').length;
  const before = live();
  const gone = await admin.disconnect();
  assert.equal(gone.state, 'disconnected');
  assert.equal(live(), before - 1);
  await admin.api.postEvent(eventOf('envelope.sent'));
  await pause(500);
  assert.equal(fake.posted(channel).length, 0);
  (await admin.api.get(`/v1/slack/connections/${gone.id}/channels`)).expect(409);
  const again = await admin.connect(fake);
  assert.equal(again.id, gone.id);
  await eventually('what waited', () => fake.posted(channel).length === 1);
  fake.once('auth.revoke', { status: 503 });
  const untold = await admin.disconnect();
  assert.equal(untold.state, 'disconnected');
  assert.equal(untold.state_reason, 'not_revoked', 'the admin sees what is left to do in Slack');
});

test('a workspace that is being moved gets its messages later, and stays connected', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  const destination = await admin.destination({ channel });
  fake.once('chat.postMessage', { error: 'team_added_to_org' });
  await admin.api.postEvent(eventOf('envelope.sent', 'Umzug'));
  await admin.api.alertWhen('blocked', (a) => a.kind === 'destination_blocked' && /half an hour/.test(JSON.stringify(a)));
  assert.equal((await admin.api.destination(destination.id)).state_reason, 'slack_team_added_to_org');
  assert.equal((await admin.connections())[0].state, 'connected');
  await admin.api.destinationAction(destination.id, 'resume');
  await eventually('it is there', () => fake.posted(channel).length === 1);
});

test('an answer that was lost is held, listed, and never sent again unasked', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel });
  fake.once('chat.postMessage', 'drop');
  const event = await admin.api.postEvent(eventOf('envelope.sent', 'einmal'));
  const held = await eventually('one is held', async () => (await admin.messages('held'))[0]);
  await admin.api.alertWhen('unclear', (a) => a.kind === 'delivery_unclear');
  const [delivery] = await admin.api.eventDeliveries(event.id);
  assert.equal(delivery.state, 'failed');
  await admin.api.replayDelivery(delivery.id);
  await pause(1_000);
  assert.equal(fake.posted(channel).length, 1, 'a replay does not double it');
  assert.equal((await admin.resolve(held.id, 'drop')).state, 'dropped');
  await admin.api.replayDelivery(delivery.id);
  await pause(700);
  assert.equal(fake.posted(channel).length, 1);

  fake.once('chat.postMessage', { status: 504 });
  await admin.api.postEvent(eventOf('envelope.sent', 'fehlt'));
  const missing = await eventually('another is held', async () => (await admin.messages('held'))[0]);
  await admin.resolve(missing.id, 'send');
  await eventually('it was sent on request', () => fake.posted(channel).length === 2);
  (await admin.tryResolve(missing.id, 'send')).expectProblem(409);
});

test('resend_once sends a second time after a lost answer, and not a third time', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel, on_ambiguous: 'resend_once', schedule: ['0s', '1s', '2s', '3s'] });
  fake.once('chat.postMessage', 'drop');
  fake.once('chat.postMessage', 'drop');
  await admin.api.postEvent(eventOf('envelope.sent'));
  await eventually('one is held', async () => (await admin.messages('held')).length === 1);
  await pause(1_500);
  assert.equal(fake.posted(channel).length, 2);
});

test('Retry-After is honoured, and nothing is doubled or overtaken by it', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  const other = nextChannel();
  await admin.destination({ channel, event_types: ['envelope.sent'] });
  await admin.destination({ channel: other, event_types: ['envelope.expired'] });
  fake.once('chat.postMessage', { error: 'ratelimited', status: 429, headers: { 'retry-after': '3' } });
  const begun = Date.now();
  await admin.api.postBatch([0, 1, 2].map((n) => eventOf('envelope.sent', `Nr ${n}`)));
  await eventually('refused', () => fake.refused.some((r) => r.error === 'ratelimited' && r.at >= begun));
  const refused_at = fake.refused.findLast((r) => r.error === 'ratelimited').at;
  await admin.api.postEvent(eventOf('envelope.expired'));
  await eventually('the other channel', () => fake.posted(other).length === 1);
  assert.ok(Date.now() - refused_at < 3_000 && fake.posted(channel).length === 0, 'only one channel waits');
  await eventually('all three', () => fake.posted(channel).length === 3, 20_000);
  assert.ok(fake.posted(channel)[0].at - refused_at >= 2_990);
  assert.deepEqual(fake.posted(channel).map((m) => /Nr \d/.exec(m.text)[0]), ['Nr 0', 'Nr 1', 'Nr 2']);
});

test('a message that Slack does not understand goes out as text, with an alert', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel });
  fake.once('chat.postMessage', { error: 'invalid_blocks', more: { response_metadata: { messages: ['[ERROR] /blocks/0'] } } });
  await admin.api.postEvent(eventOf('envelope.completed'));
  const [message] = await eventually('it is there', () => fake.posted(channel).length === 1 && fake.posted(channel));
  assert.equal(message.attachments, undefined);
  assert.match(message.text, /<https:\/\/files.example\/proof.pdf\|Evidence PDF>/);
  await admin.api.alertWhen('refused', (a) => a.kind === 'slack_message_refused');
});

test('the same event for two destinations in one channel is one message; so it stays after replays and reconnecting', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel, name: 'a' });
  await admin.destination({ channel, name: 'b' });
  const event = eventOf('envelope.sent');
  const { id } = await admin.api.postEvent(event, { 'idempotency-key': 'one' });
  await admin.api.postEvent(event, { 'idempotency-key': 'one' });
  await eventually('it is there', () => fake.posted(channel).length === 1);
  const delivered = (count) => eventually('all of it is delivered', async () => {
    const deliveries = await admin.api.eventDeliveries(id);
    return deliveries.length === count && deliveries.every((d) => d.state === 'delivered') && deliveries;
  });
  for (const delivery of await delivered(2)) await admin.api.replayDelivery(delivery.id);
  const [replayed] = await delivered(4);
  await admin.disconnect();
  await admin.connect(fake);
  await admin.api.replayDelivery(replayed.id);
  await delivered(5);
  await pause(500);
  assert.equal(fake.posted(channel).length, 1);
});

test('a batch is spread, in order, without one 429; a larger one is folded into a summary that says so', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel, event_types: ['envelope.sent'] });
  const limited = () => fake.refused.filter((r) => r.error === 'ratelimited').length;
  const before = limited();
  await admin.api.postBatch(Array.from({ length: 8 }, (_, n) => eventOf('envelope.sent', `Nr ${n}`)));
  await eventually('all eight', () => fake.posted(channel).length === 8, 20_000);
  assert.deepEqual(fake.posted(channel).map((m) => Number(/Nr (\d)/.exec(m.text)[1])), [0, 1, 2, 3, 4, 5, 6, 7]);
  const other = nextChannel();
  await admin.destination({ channel: other, event_types: ['envelope.expired'] });
  await admin.api.postBatch(Array.from({ length: 60 }, () => eventOf('envelope.expired')));
  const summary = await eventually('a summary', () => fake.posted(other).find((m) => /folded/.test(m.text)), 30_000);
  const folded = Number(/(\d+) messages/.exec(summary.text)[1]);
  await eventually('the rest', () => fake.posted(other).length - 1 + folded === 60, 60_000);
  assert.equal((await admin.messages('folded')).length, folded);
  assert.equal(limited(), before);
});

test('a summary waits with its channel and through an outage, and arrives once', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  const destination = await admin.destination({ channel, schedule: ['0s', '1s', '2s', '3s', '4s'] });
  const answers = [{ status: 503 }, { status: 503 }, { error: 'is_archived' }];
  fake.faults.push((method, args) =>
    (method === 'chat.postMessage' && args.channel === channel && /folded/.test(args.text) ? answers.shift() : undefined));
  await admin.api.postBatch(Array.from({ length: 40 }, () => eventOf('envelope.sent')));
  await admin.api.alertWhen('parked', (a) => a.kind === 'destination_blocked' && a.subject === destination.id);
  const summary = await eventually('the summary', () => fake.posted(channel).find((m) => /folded/.test(m.text)), 60_000);
  const folded = Number(/(\d+) messages/.exec(summary.text)[1]);
  await eventually('the rest', () => fake.posted(channel).length - 1 + folded === 40, 60_000);
  await pause(1_500);
  assert.equal(fake.posted(channel).filter((m) => /folded/.test(m.text)).length, 1);
  assert.equal(answers.length, 0);
});

test('a summary of which nobody knows whether it arrived is held, listed and sent on request', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel });
  let lost = 0;
  fake.faults.push((method, args) => {
    const hit = method === 'chat.postMessage' && args.channel === channel && /folded/.test(args.text) && lost === 0;
    lost += hit ? 1 : 0;
    return hit ? { status: 504 } : undefined;
  });
  await admin.api.postBatch(Array.from({ length: 40 }, () => eventOf('envelope.sent')));
  const held = await eventually('it is held', async () => (await admin.messages('held'))[0], 60_000);
  assert.equal(held.kind, 'summary');
  await admin.api.alertWhen('unclear', (a) => a.kind === 'delivery_unclear' && a.state === 'open');
  await admin.resolve(held.id, 'send');
  await eventually('it is there', () => fake.posted(channel).some((m) => /folded/.test(m.text)));
  await admin.api.alertWhen('decided', (a) => a.kind === 'delivery_unclear' && a.state === 'resolved');
});

test('the re-send button works with Slack\'s signature, once; other addresses are only acknowledged', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel, event_types: ['envelope.expired', 'envelope.sent'] });
  const file = await admin.api.upload(Buffer.from('%PDF-1.4 x'));
  const envelope = await admin.api.createEnvelope({ title: 'Mandat', files: [{ file_id: file.id, kind: 'original' }],
    expires_at: new Date(Date.now() + 1_500).toISOString(), recipients: [{ name: 'Ana', email: 'ana@example.org' }] });
  await admin.api.envelopeAction(envelope.id, 'send');
  const expired = await eventually('it expired', () => fake.posted(channel).find((m) => /expired/.test(m.text)), 20_000);
  const button = expired.attachments[0].blocks[1].elements.find((e) => e.action_id === 'send_again');
  const press = (options) => {
    const { body, headers } = fake.interaction(expired, { action_id: 'send_again', value: button.value }, options);
    return fetch(`${server.url}/slack/interactions`, { method: 'POST', body, headers });
  };
  assert.equal((await press({ secret: 'another' })).status, 401);
  assert.equal((await press({ at: Math.floor(Date.now() / 1000) - 301 })).status, 401);
  assert.equal((await admin.api.envelopes()).data.length, 1);
  assert.equal((await press()).status, 200);
  const told = () => fake.notes.filter((n) => n.channel === channel && n.user === 'U0PERSON').map((n) => n.text);
  assert.deepEqual(told(), ['The envelope was sent again.'], 'who pressed it is told');
  assert.equal((await press()).status, 200);
  assert.deepEqual(told().slice(1), ['The envelope was sent again already.']);
  const all = await eventually('a copy went out', async () => {
    const found = (await admin.api.envelopes()).data;
    return found.length === 2 && found;
  });
  assert.deepEqual(all.map((e) => e.title), ['Mandat', 'Mandat']);
  await eventually('its message', () => fake.posted(channel).filter((m) => /sent to/.test(m.text)).length === 2);
});

test('the daily digest goes to whom it was asked for, once', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  const at = new Date(Date.now() + 60_000).toISOString().slice(11, 16);
  await admin.destination({ channel, event_types: ['envelope.failed'], digest_to: 'U0BOSS', digest_at: at });
  await admin.api.postEvent(eventOf('envelope.sent'));
  const gone = nextChannel();
  const other = await admin.destination({ channel: gone, event_types: ['envelope.failed'], digest_to: 'C0404', digest_at: at });
  const digest = await eventually('the digest', () => fake.posted('U0BOSS')[0], 90_000);
  assert.match(digest.text, /The last 24 hours: 1 event\./);
  await pause(2_000);
  assert.equal(fake.posted('U0BOSS').length, 1);
  await admin.api.alertWhen('no digest', (a) => a.kind === 'slack_message_failed' && a.subject === other.id);
  assert.equal((await admin.api.destination(other.id)).state, 'enabled', 'events have another channel');
});

test('every message is in the ledger and in the list, with channel and outcome and without its words', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  const channel = nextChannel();
  await admin.destination({ channel });
  await admin.api.postEvent(eventOf('envelope.sent', 'Geheimnisvoll'));
  await eventually('it is there', () => fake.posted(channel).length === 1);
  const row = await eventually('it is in the list', async () => (await admin.messages()).find((m) => m.state === 'sent'));
  assert.equal(row.channel, channel);
  assert.equal(row.outcome, 'sent');
  const leaf = await eventually('it is in the ledger', async () => {
    const log = await admin.ledgerText();
    return log.split('\n').find((line) => line.includes('slack.message') && line.includes(channel));
  });
  assert.match(leaf, /"outcome":"sent"/);
  assert.ok(!(await admin.storedBytes()).includes('Geheimnisvoll'));
});
