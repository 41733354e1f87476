// The page on which people connect Slack and choose channels, used as a person does: with clicks.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Window } from 'happy-dom';
import { FakeSlack } from './fakes/slack.mjs';
import { startServer } from './lib/server.mjs';
import { SlackAdmin, slackSettings } from './lib/slack.mjs';
import { eventually } from './lib/wait.mjs';

const fake = await FakeSlack.start();
after(() => fake.close());
fake.addChannel('C001', 'signatures');
fake.addChannel('C002', 'legal', { member: false });
fake.page_shapes = [1, 0, 1];
const server = await startServer(slackSettings(fake));
after(() => server.close());

/** The page in a tab of a browser: its elements by id, and where it led. */
async function openPage(t, { tab = new Window(), address = server.url } = {}) {
  const url = `${server.url}/slack/connect`;
  const shown = await fetch(url);
  const html = await shown.text();
  const script = /<script>([^]*)<\/script>/.exec(html)[1];
  const allowed = createHash('sha256').update(script).digest('base64');
  assert.ok(shown.headers.get('content-security-policy').includes(`script-src 'sha256-${allowed}'`));
  const window = new Window({ url });
  t.after(() => window.close());
  const { document } = window;
  document.body.innerHTML = /<body[^>]*>([^]*)<script>/.exec(html)[1];
  const page = {
    led: undefined,
    part: (id) => document.getElementById(id),
    said: () => page.part('said').textContent,
    lines: (id) => [...page.part(id).children].map((line) => line.firstChild.textContent.trim()),
    choices: (id) => [...page.part(id).options].map((option) => option.textContent),
    press: (label, within = document.body) =>
      [...within.querySelectorAll('button')].find((button) => button.textContent === label).click(),
    tick: (type) => { const box = page.part('types').querySelector(`[value="${type}"]`); box.checked = !box.checked; },
    choose: (id, value) => { page.part(id).value = value; page.part(id).dispatchEvent(new window.Event('change')); },
    submit: (id) => page.part(id).dispatchEvent(new window.Event('submit', { cancelable: true })),
    says: (what) => eventually(`it says ${what}`, () => {
      if (what.test(page.said())) return true;
      throw new Error(`it says '${page.said()}'`);
    }),
  };
  const location = { origin: new URL(address).origin, assign: (to) => { page.led = to; } };
  new Function('document', 'location', 'fetch', 'sessionStorage', script)(
    document, location, (path, options) => fetch(new URL(path, url), options), tab.sessionStorage);
  return page;
}

test('without a Slack app the page says how to make one, with the manifest that the guide has', async (t) => {
  const bare = await startServer({ settings: { 'listen.public_url': 'https://sign.example.org' } });
  t.after(() => bare.close());
  const shown = await fetch(`${bare.url}/slack/connect`);
  assert.equal(shown.status, 409);
  assert.match(shown.headers.get('content-type'), /^text\/html/);
  const html = await shown.text();
  const guide = readFileSync(new URL('../../docs/slack.md', import.meta.url), 'utf8');
  const manifest = /```yaml\n([^]*?)```/.exec(guide)[1];
  assert.equal(/<pre>([^]*?)<\/pre>/.exec(html)[1], manifest.replaceAll('blotter.example.com', 'sign.example.org'));
  assert.match(html, /BLOTTER_SLACK_SIGNING_SECRET/);
  assert.doesNotMatch(html, /Slack takes only addresses/);
  const plain = await startServer();
  t.after(() => plain.close());
  assert.match(await (await fetch(`${plain.url}/slack/connect`)).text(), /Slack takes only addresses that begin with https/);
});

test('the button asks with the key that is typed in, goes to Slack, and the same tab goes on after it', async (t) => {
  const admin = new SlackAdmin(server, await server.workspace());
  const tab = new Window();
  t.after(() => tab.close());
  const page = await openPage(t, { tab });
  page.part('key').value = 'blt_wrong';
  page.submit('ask');
  await page.says(/API key/);
  page.part('key').value = admin.api.key;
  page.press('Channels and messages');
  await eventually('nothing is connected', () => page.lines('connections')[0] === 'None yet: press Add to Slack.');
  assert.equal(page.part('choice').hidden, true);
  page.submit('ask');
  await eventually('it goes to Slack', () => page.led?.startsWith(`${fake.url}/oauth/v2/authorize?`));
  assert.equal(page.said(), '');
  await admin.connect(fake);
  const after = await openPage(t, { tab });
  await eventually('the channels', () => after.part('channel').options.length === 2);
  assert.deepEqual(after.lines('connections'), ['T0ONE, connected']);
  assert.equal(tab.sessionStorage.length, 0, 'the key waits no longer than needed');
});

test('Slack leads back to a page that leads on to the channels, or to a new beginning', async () => {
  const admin = new SlackAdmin(server, await server.workspace());
  const begun = await admin.begin();
  const back = await admin.comeBack(fake.consent(begun.authorize_url), begun);
  assert.match(back.text, /Slack is connected[^]*href="connect"/);
  const denied = await admin.begin();
  const refused = await admin.comeBack(fake.consent(denied.authorize_url, { deny: true }), denied);
  assert.match(refused.text, /declined in Slack[^]*href="connect"/);
});

test('under an address that Slack does not lead back to the page names the right one', async (t) => {
  const wrong = await openPage(t, { address: 'http://localhost:1' });
  assert.match(wrong.part('elsewhere').textContent, /Use http:\/\/127\.0\.0\.1:\d+\/slack\/connect instead/);
  assert.equal((await openPage(t)).part('elsewhere').textContent, '');
});

test('a long list of channels is read as fast as Slack allows, and shown by name', async (t) => {
  const admin = await SlackAdmin.connected(server, fake);
  fake.page_shapes = [1, 1];
  let lists = 0;
  fake.faults.push((method) => (method === 'conversations.list' && ++lists === 2
    ? { error: 'ratelimited', status: 429, headers: { 'retry-after': '2' } } : undefined));
  const page = await openPage(t);
  page.part('key').value = admin.api.key;
  page.press('Channels and messages');
  await page.says(/only so many channels a minute. Going on in 2 s/);
  await eventually('the channels', () => page.part('channel').options.length === 2);
  assert.deepEqual(page.choices('channel'), ['#legal (invite the app)', '#signatures']);
  assert.equal(page.said(), '');
});

test('what ended or waits is said in words, and can be resumed', async (t) => {
  const team = fake.addTeam('T0TWO', 'Two');
  fake.addChannel('C0TWO', 'ops', { team: team.id });
  const admin = await SlackAdmin.connected(server, fake, { team: team.id });
  const { id } = await admin.destination({ channel: 'C0TWO' });
  const page = await openPage(t);
  page.part('key').value = admin.api.key;
  fake.once('chat.postMessage', { error: 'message_limit_exceeded' });
  await admin.api.postEvent({ type: 'envelope.sent', data: { envelope: { id: 'e-1', title: 'Bail' } } });
  await eventually('it waits', async () => (await admin.api.destination(id)).state === 'disabled');
  page.press('Channels and messages');
  await eventually('it says so', () =>
    page.lines('destinations')[0] === '#ops, disabled, messages wait: the messages of your plan at Slack are used up');
  await eventually('all of it is read', () => page.part('channel').options.length === 1);
  page.part('to_do').textContent = 'until all of it is read again';
  page.press('Resume', page.part('destinations'));
  await eventually('it goes on', () => page.lines('destinations')[0] === '#ops, enabled' && page.part('to_do').textContent === '');
  await eventually('what waited', () => fake.posted('C0TWO').length === 1);
  fake.uninstall(team.id);
  page.press('Channels and messages');
  await page.says(/connect the workspace again/);
  assert.deepEqual(page.lines('connections'), ['T0TWO, not connected any more (account_inactive): press Add to Slack']);
  assert.deepEqual(page.lines('destinations'), ['#ops, disabled, messages wait: connect Slack again']);
});

test('a channel is chosen, its events ticked, a sample posted, all of it changed, and Slack disconnected', async (t) => {
  const admin = await SlackAdmin.connected(server, fake);
  const page = await openPage(t);
  page.part('key').value = admin.api.key;
  page.press('Channels and messages');
  await eventually('the channels', () => page.part('channel').options.length === 2);
  assert.equal(page.part('settings').hidden, false);
  assert.deepEqual(page.lines('connections'), ['T0ONE, connected']);
  assert.deepEqual(page.choices('channel'), ['#legal (invite the app)', '#signatures']);
  page.submit('choice');
  await page.says(/Tick what/);

  page.choose('channel', 'C001');
  page.tick('envelope.completed');
  page.tick('envelope.declined');
  page.part('language').value = 'fr';
  page.submit('choice');
  await page.says(/^Saved\.$/);
  const [made] = await admin.api.destinations();
  assert.deepEqual([made.kind, made.name, made.config.channel, made.config.language],
                   ['slack', '#signatures', 'C001', 'fr']);
  assert.deepEqual(made.config.event_types, ['envelope.completed', 'envelope.declined']);
  assert.deepEqual(page.lines('destinations'), ['#signatures, enabled']);

  page.press('Post a sample', page.part('destinations'));
  await page.says(/A sample is in #signatures/);
  assert.match(JSON.stringify(fake.posted('C001')), /exemple|échantillon|essai/i);

  await admin.api.patchDestination(made.id, { config: { event_types: [...made.config.event_types, 'evidence.ready'] } });
  page.part('heading').textContent = '';
  page.press('Channels and messages');
  await eventually('it is read again', () => page.part('heading').textContent === 'A new channel');
  page.press('Change', page.part('destinations'));
  await eventually('it is in the form', () => page.part('heading').textContent === 'Change #signatures' &&
    page.part('language').value === 'fr');
  page.tick('envelope.declined');
  page.tick('recipient.viewed');
  page.choose('channel', 'C002');
  assert.match(page.part('to_do').textContent, /\/invite/);
  page.submit('choice');
  await page.says(/Saved\. Before messages arrive: .*\/invite/);
  const [changed] = await admin.api.destinations();
  assert.equal(changed.id, made.id);
  assert.equal(changed.config.channel, 'C002');
  assert.deepEqual(changed.config.event_types.toSorted(),
                   ['envelope.completed', 'evidence.ready', 'recipient.viewed'], 'what has no box stays');

  page.press('Disconnect', page.part('connections'));
  await eventually('it is disconnected', () => page.lines('connections')[0].startsWith('T0ONE, disconnected'));
  assert.equal((await admin.connections())[0].state, 'disconnected');
  assert.equal(page.part('channel').options.length, 0);
});
