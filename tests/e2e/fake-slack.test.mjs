// The fake Slack is one that Slack's own client works with: its paging, its retries after 429, its
// errors, its OAuth.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ErrorCode, LogLevel, WebClient } from '@slack/web-api';
import { readdirSync, readFileSync } from 'node:fs';
import { FakeSlack } from './fakes/slack.mjs';
import { checkMessage } from './fakes/slack_blocks.mjs';

const fake = await FakeSlack.start({ burst: 2 });
after(() => fake.close());
for (let n = 0; n < 25; ++n) fake.addChannel(`C${String(n).padStart(3, '0')}`, `channel-${n}`, { member: n !== 3 });

const client = (token, options = {}) =>
  new WebClient(token, { slackApiUrl: `${fake.url}/api/`, logLevel: LogLevel.ERROR, ...options });
const refusal = (code) => (error) =>
  error.code === ErrorCode.PlatformError && error.data.error === code;

test('a code is exchanged once, with the address it was asked for', async () => {
  const url = (redirect) => `${fake.url}/oauth/v2/authorize?client_id=${fake.app.client_id}` +
    `&scope=chat:write,channels:read&redirect_uri=${encodeURIComponent(redirect)}&state=abc`;
  const back = new URL(fake.consent(url('https://a.example/back')));
  assert.equal(back.searchParams.get('state'), 'abc');
  const code = back.searchParams.get('code');
  const ask = (more) => client(undefined).oauth.v2.access({
    client_id: fake.app.client_id, client_secret: fake.app.client_secret, code,
    redirect_uri: 'https://a.example/back', ...more });
  const granted = await ask();
  assert.match(granted.access_token, /^xoxb-/);
  assert.equal(granted.scope, 'chat:write,channels:read');
  await assert.rejects(ask(), refusal('invalid_code'));
  const other = new URL(fake.consent(url('https://a.example/back'))).searchParams.get('code');
  await assert.rejects(ask({ code: other, redirect_uri: 'https://b.example/' }), refusal('bad_redirect_uri'));
  const denied = new URL(fake.consent(url('https://a.example/back'), { deny: true }));
  assert.equal(denied.searchParams.get('error'), 'access_denied');
});

test('paging brings every channel, over short and empty pages', async () => {
  const web = client(fake.install());
  fake.page_shapes = [4, 0, 1, 0, 7];
  const found = [];
  for await (const page of web.paginate('conversations.list', { limit: 10 })) found.push(...page.channels);
  assert.deepEqual(found.map((c) => c.name), Array.from({ length: 25 }, (_, n) => `channel-${n}`));
  assert.equal(found[3].is_member, false);
  assert.equal((await web.conversations.info({ channel: 'C003' })).channel.name, 'channel-3');
  await assert.rejects(web.conversations.info({ channel: 'C999' }), refusal('channel_not_found'));
});

test('the client waits as long as a 429 says, and is not refused twice', async () => {
  const web = client(fake.install());
  const begun = Date.now();
  for (let n = 0; n < 4; ++n) await web.chat.postMessage({ channel: 'C000', text: `n ${n}` });
  assert.deepEqual(fake.posted('C000').map((m) => m.text), ['n 0', 'n 1', 'n 2', 'n 3']);
  assert.ok(Date.now() - begun >= 1_500, 'four messages at one a second after a burst of two');
  assert.ok(fake.refused.some((r) => r.error === 'ratelimited'));
});

test('tokens, scopes and membership are checked', async () => {
  const post = (token, channel = 'C001') => client(token).chat.postMessage({ channel, text: 'x' });
  await assert.rejects(post(undefined), refusal('not_authed'));
  await assert.rejects(post('xoxb-made-up'), refusal('invalid_auth'));
  await assert.rejects(post(fake.install({ scopes: ['channels:read'] })), refusal('missing_scope'));
  const token = fake.install();
  await assert.rejects(post(token, 'C003'), refusal('not_in_channel'));
  assert.equal((await client(token).auth.test()).team_id, 'T0ONE');
  assert.equal((await client(token).auth.revoke({ test: true })).revoked, false);
  assert.equal((await client(token).auth.revoke()).revoked, true);
  await assert.rejects(post(token), refusal('token_revoked'));
  const gone = fake.install();
  fake.uninstall();
  await assert.rejects(post(gone), refusal('account_inactive'));
});

test('what Block Kit does not allow is refused', async () => {
  const web = client(fake.install());
  const refused = async (blocks, code = 'invalid_blocks') =>
    assert.rejects(web.chat.postMessage({ channel: 'C002', text: 'x', blocks }), refusal(code));
  const section = (text, type = 'mrkdwn') => ({ type: 'section', text: { type, text } });
  const button = (more) => ({ type: 'actions', elements: [
    { type: 'button', text: { type: 'plain_text', text: 'x' }, ...more }] });
  await refused(Array.from({ length: 51 }, () => ({ type: 'divider' })));
  await refused([section('x'.repeat(3001))]);
  await refused([section('<!channel> & more')]);
  await refused([{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }]);
  await refused([button({ text: { type: 'plain_text', text: 'x'.repeat(76) } })]);
  await refused([button({ text: { type: 'mrkdwn', text: 'x' } })]);
  await refused([button({ url: 'not an address' })]);
  await refused([{ type: 'section', text: { type: 'plain_text', text: '' } }]);
  await refused([{ type: 'no_such_block' }]);
  await refused([{ type: 'divider', block_id: 'a' }, { type: 'divider', block_id: 'a' }]);
  await refused(Array.from({ length: 6 }, () => section('x'.repeat(2500))), 'msg_blocks_too_long');
  await assert.rejects(web.chat.postMessage({ channel: 'C002' }), refusal('no_text'));
  assert.equal(fake.posted('C002').length, 0);
  const sent = await web.chat.postMessage({ channel: 'C002', text: 'x', blocks: [section('<https://a.example|a> &amp; b')] });
  await web.chat.update({ channel: 'C002', ts: sent.ts, text: 'y' });
  assert.equal(fake.posted('C002')[0].text, 'y');
  await web.chat.postEphemeral({ channel: 'C002', user: 'U0ONE', text: 'z' });
  assert.deepEqual(fake.notes, [{ channel: 'C002', user: 'U0ONE', text: 'z' }]);
  await assert.rejects(web.chat.postEphemeral({ channel: 'C002', user: 'nobody', text: 'z' }), refusal('user_not_in_channel'));
});

test('a dropped line leaves the message there, a cut one does not', async () => {
  const web = client(fake.install(), { retryConfig: { retries: 0 } });
  const before = fake.posted('C004').length;
  fake.once('chat.postMessage', 'drop');
  await assert.rejects(web.chat.postMessage({ channel: 'C004', text: 'kept' }));
  assert.equal(fake.posted('C004').length, before + 1);
  fake.once('chat.postMessage', 'cut');
  await assert.rejects(web.chat.postMessage({ channel: 'C004', text: 'lost' }));
  assert.equal(fake.posted('C004').length, before + 1);
});

test('every message that Blotter writes is within Block Kit\'s limits', () => {
  const folder = new URL('../../src/connectors/slack/golden/', import.meta.url);
  const files = readdirSync(folder).sort();
  assert.deepEqual(files, ['en-links.json', 'en.json', 'fr-links.json', 'fr.json']);
  for (const file of files) {
    const messages = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    assert.ok(Object.keys(messages).length >= 36);
    for (const [event, message] of Object.entries(messages))
      assert.equal(checkMessage(message), undefined, `${file} ${event}`);
  }
});
