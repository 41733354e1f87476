// Slack's access over time: PKCE, tokens that run out, identity and permissions that are checked
// without anybody sending a message.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { FakeSlack } from './fakes/slack.mjs';
import { startServer } from './lib/server.mjs';
import { passTime, SlackAdmin, slackSettings } from './lib/slack.mjs';
import { eventually, pause } from './lib/wait.mjs';

const fake = await FakeSlack.start({ rotation: true, pkce: true });
after(() => fake.close());
fake.options.rotation_seconds = 4;
fake.addChannel('C001', 'one');
const server = await startServer(slackSettings(fake, {
  'slack.pkce': 'true', 'slack.check_interval': '1s', 'slack.recheck_interval': '500ms' }));
after(() => server.close());
const sent = (title) => ({ type: 'envelope.sent', data: { envelope: { id: title, title } } });

test('a verifier that is not ours is refused, and so is an exchange without one', async () => {
  const admin = new SlackAdmin(server, await server.workspace());
  const begun = await admin.begin();
  assert.equal(new URL(begun.authorize_url).searchParams.get('code_challenge_method'), 'S256');
  const forged = new URL(begun.authorize_url);
  forged.searchParams.set('code_challenge', 'x'.repeat(43));
  const refused = await admin.comeBack(fake.consent(forged.href), begun);
  assert.equal(refused.status, 400);
  assert.match(refused.text, /bad_code_verifier/);
  assert.equal((await admin.connect(fake)).state, 'connected');
});

test('an exchange that Slack does not stand by gives no connection', async (t) => {
  const odd = await FakeSlack.start();
  t.after(() => odd.close());
  const calm = await startServer(slackSettings(odd));
  t.after(() => calm.close());
  const admin = new SlackAdmin(calm, await calm.workspace());
  const answer = (body) => ({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const cases = [
    ['auth.test', answer({ ok: true, team_id: 'T0OTHER' }), /does not confirm the identity/],
    ['auth.test', { error: 'invalid_auth' }, /does not confirm the identity/],
    ['oauth.v2.access', answer({ ok: true, token_type: 'user', access_token: 'xoxp-1', team: { id: 'T0ONE' } }), /no bot token/],
    ['oauth.v2.access', { error: 'bad_client_secret' }, /did not accept the exchange \(bad_client_secret\)/],
    ['oauth.v2.access', 'cut', /did not accept the exchange/],
  ];
  for (const [method, what, words] of cases) {
    const begun = await admin.begin();
    odd.once(method, what);
    const refused = await admin.comeBack(odd.consent(begun.authorize_url), begun);
    assert.equal(refused.status, 400, refused.text);
    assert.match(refused.text, words);
  }
  assert.equal((await admin.connections()).length, 0);
});

test('tokens are renewed before they run out, and messages go on', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  await admin.destination({ channel: 'C001' });
  const first = new Date(admin.connection.token_expires_at);
  await eventually('renewed', async () => new Date((await admin.connections())[0].token_expires_at) > first, 15_000);
  await admin.api.postEvent(sent('nach der Erneuerung'));
  await eventually('the message', () => fake.posted('C001').some((m) => m.text.includes('nach der Erneuerung')));
  assert.equal((await admin.connections())[0].state, 'connected');
});

test('an uninstall is noticed without a message being sent', async () => {
  fake.options.rotation_seconds = 43200;
  const admin = await SlackAdmin.connected(server, fake);
  await admin.destination({ channel: 'C001' });
  fake.uninstall('T0ONE', 'token_revoked');
  const alert = await admin.api.alertWhen('disconnected', (a) => a.kind === 'slack_disconnected');
  assert.match(JSON.stringify(alert), /token_revoked/);
  const [connection] = await admin.connections();
  assert.equal(connection.state, 'lost');
  assert.equal((await admin.api.destinations())[0].state_reason, 'slack_connection_lost');
});

test('a connection without its permissions is not taken', async () => {
  const admin = new SlackAdmin(server, await server.workspace());
  const begun = await admin.begin();
  const less = new URL(begun.authorize_url);
  less.searchParams.set('scope', 'chat:write');
  const refused = await admin.comeBack(fake.consent(less.href), begun);
  assert.match(refused.text, /did not grant the permission channels:read/);
  assert.equal((await admin.connections()).length, 0);
});

test('permissions that are taken away in Slack are noticed', async () => {
  const admin = await SlackAdmin.connected(server, fake);
  await admin.destination({ channel: 'C001' });
  for (const token of fake.tokens.values()) token.scopes = ['chat:write'];
  const alert = await admin.api.alertWhen('disconnected', (a) => a.kind === 'slack_disconnected');
  assert.match(JSON.stringify(alert), /missing_scope/);
  assert.equal((await admin.connections())[0].state, 'lost');
});

test('a token that runs out while Slack is down costs nothing; a renewal that is refused ends the connection', async () => {
  fake.options.rotation_seconds = 4;
  const admin = await SlackAdmin.connected(server, fake);
  await admin.destination({ channel: 'C001', schedule: ['0s', '1s', '2s', '3s', '5s', '8s', '13s'] });
  let down = true;
  fake.faults.push((method, args) =>
    (down && method === 'oauth.v2.access' && args.grant_type === 'refresh_token' ? { status: 503 } : undefined));
  for (const token of fake.tokens.values()) token.expires = Date.now() - 1;
  await admin.api.postEvent(sent('durch den Ausfall'));
  await pause(2_500);
  assert.equal((await admin.connections())[0].state, 'connected');
  down = false;
  await eventually('the message', () => fake.posted('C001').some((m) => m.text.includes('durch den Ausfall')), 20_000);
  let refused = true;
  fake.faults.push((method, args) =>
    (refused && method === 'oauth.v2.access' && args.grant_type === 'refresh_token' ? { error: 'invalid_refresh_token' } : undefined));
  await admin.api.alertWhen('disconnected', (a) => a.kind === 'slack_disconnected');
  assert.equal((await admin.connections())[0].state, 'lost');
  refused = false;
});

test('a token that is renewed while a call with it is on its way does not end the connection', async () => {
  fake.options.rotation_seconds = 4;  // so it is renewed at each look, twice a second
  const admin = await SlackAdmin.connected(server, fake);
  const stale = new Set(['conversations.info', 'chat.postMessage']);
  fake.faults.push((method) => (stale.delete(method) ? { error: 'invalid_auth' } : undefined));
  await admin.destination({ channel: 'C001', schedule: ['0s', '1s', '2s', '3s'] });
  await admin.api.postEvent(sent('mit dem neuen Schluessel'));
  await eventually('the message', () => fake.posted('C001').some((m) => m.text.includes('mit dem neuen')), 20_000);
  assert.equal(stale.size, 0, 'both calls were refused once');
  const message = await eventually('it is in the list', async () => (await admin.messages('sent'))[0]);
  stale.add('chat.postEphemeral');
  const press = fake.interaction(fake.posted('C001').at(-1), { action_id: 'send_again', value: message.id });
  assert.equal((await fetch(`${server.url}/slack/interactions`, { method: 'POST', ...press })).status, 200);
  assert.equal(stale.size, 0, 'the note to who pressed was refused once, too');
  assert.equal(fake.notes.filter((n) => n.channel === 'C001' && n.user === 'U0PERSON').length, 1);
  assert.equal((await admin.connections())[0].state, 'connected');
});

test('who cannot show that Slack sent them is refused by address; Slack itself is not', async (t) => {
  const strict = await startServer(slackSettings(fake, { 'api.refusals_per_minute': '10', 'threads.loops': '3' }));
  t.after(() => strict.close());
  fake.options.rotation_seconds = 43200;
  const admin = new SlackAdmin(strict, await strict.workspace());
  const knock = async (path, options) => (await fetch(`${strict.url}${path}`, options)).status;
  const guesses = [];
  for (let n = 0; n < 20; ++n) guesses.push(await knock(`/slack/callback?state=guess-${n}&code=x`));
  assert.equal(guesses[0], 400);
  assert.equal(guesses.at(-1), 429);
  const forged = fake.interaction({ team: 'T0ONE' }, { action_id: 'send_again', value: 'x' }, { secret: 'another' });
  assert.equal(await knock('/slack/interactions', { method: 'POST', ...forged }), 429);
  const genuine = fake.interaction({ team: 'T0ONE' }, { action_id: 'open_envelope', value: 'x' });
  assert.equal(await knock('/slack/interactions', { method: 'POST', ...genuine }), 200);
  const large = `payload=${'x'.repeat(300_000)}`;
  assert.equal(await knock('/slack/interactions', { method: 'POST', body: large }), 413);
  assert.equal((await admin.connect(fake)).state, 'connected');
});

test('an uninstall that Slack reports is shown at once; a report that is not true changes nothing', async (t) => {
  const calm = await startServer(slackSettings(fake, { 'slack.check_interval': '24h' }));
  t.after(() => calm.close());
  fake.options.rotation_seconds = 43200;
  const admin = await SlackAdmin.connected(calm, fake);
  await admin.destination({ channel: 'C001' });
  const report = (payload, options) =>
    fetch(`${calm.url}/slack/events`, { method: 'POST', ...fake.event(payload, options) });
  const hello = await report({ type: 'url_verification', challenge: '3eZbrw1aBm2rZgRNFdxV' });
  assert.deepEqual(await hello.json(), { challenge: '3eZbrw1aBm2rZgRNFdxV' });
  const removed = { type: 'event_callback', team_id: 'T0ONE', event: { type: 'app_uninstalled' } };
  assert.equal((await report(removed)).status, 200);
  assert.equal((await admin.connections())[0].state, 'connected', 'it is installed still');
  fake.uninstall();
  assert.equal((await report(removed, { secret: 'another' })).status, 401);
  assert.equal((await report({ ...removed, team_id: 'T0TWO' })).status, 200);
  assert.equal((await admin.connections())[0].state, 'connected');
  assert.equal((await report({ ...removed, event: { type: 'tokens_revoked', tokens: { bot: ['U0BOT'] } } })).status, 200);
  const [connection] = await admin.connections();
  assert.deepEqual([connection.state, connection.state_reason], ['lost', 'account_inactive']);
  assert.equal((await admin.api.alerts()).filter((a) => a.kind === 'slack_disconnected').length, 1);
});

test('there are ten minutes for the consent, and four hours until a used-up plan is tried again; over restarts, too', async (t) => {
  fake.options.rotation_seconds = 43200;
  const later = await startServer(slackSettings(fake, { 'slack.recheck_interval': '500ms' }));
  t.after(() => later.close());
  const admin = await SlackAdmin.connected(later, fake);
  const begun = await admin.begin();
  const back = fake.consent(begun.authorize_url);
  fake.addChannel('C0PLAN', 'plan');
  const { id } = await admin.destination({ channel: 'C0PLAN' });
  fake.once('chat.postMessage', { error: 'message_limit_exceeded' });
  await admin.api.postEvent(sent('Nr 1'));
  const alert = await admin.api.alertWhen('parked', (a) => a.kind === 'destination_blocked' && a.subject === id);
  assert.match(JSON.stringify(alert), /message_limit_exceeded/);
  await admin.api.postEvent(sent('Nr 2'));
  await passTime(later, 3.9 * 3_600_000, { slack_grant: 'expires_ms', destination: 'updated_ms' });
  await pause(1_000);
  const waiting = await admin.api.destination(id);
  assert.deepEqual([waiting.state, waiting.state_reason], ['disabled', 'slack_message_limit_exceeded']);
  assert.equal((await admin.connections())[0].state, 'connected', 'nothing is wrong with the connection');
  assert.match((await admin.comeBack(back, begun)).text, /too old or was used before/);
  assert.equal(fake.posted('C0PLAN').length, 0);
  await passTime(later, 0.2 * 3_600_000, { destination: 'updated_ms' });
  await eventually('both are there', () => fake.posted('C0PLAN').length === 2);
  await admin.api.alertWhen('over', (a) => a.kind === 'destination_blocked' && a.subject === id && a.state === 'resolved');
});
