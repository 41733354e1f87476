// The page on which people connect Slack and choose channels, used as a person does: with clicks.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
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

/** The page in a browser: its elements by id, and where it led. */
async function openPage(t) {
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
  new Function('document', 'location', 'fetch', script)(
    document, { assign: (to) => { page.led = to; } }, (path, options) => fetch(new URL(path, url), options));
  return page;
}

test('the button asks with the key that is typed in, and goes to Slack', async (t) => {
  const api = await server.workspace();
  const page = await openPage(t);
  page.part('key').value = 'blt_wrong';
  page.submit('ask');
  await page.says(/API key/);
  page.part('key').value = api.key;
  page.submit('ask');
  await eventually('it goes to Slack', () => page.led?.startsWith(`${fake.url}/oauth/v2/authorize?`));
  assert.equal(page.said(), '');
});

test('Slack leads back to a page that leads on to the channels', async () => {
  const admin = new SlackAdmin(server, await server.workspace());
  const begun = await admin.begin();
  const back = await admin.comeBack(fake.consent(begun.authorize_url), begun);
  assert.match(back.text, /Slack is connected[^]*href="connect"/);
});

test('a channel is chosen, its events ticked, a sample posted, all of it changed, and Slack disconnected', async (t) => {
  const admin = await SlackAdmin.connected(server, fake);
  const page = await openPage(t);
  page.part('key').value = admin.api.key;
  page.press('Channels and messages');
  await eventually('the channels', () => page.part('channel').options.length === 2);
  assert.equal(page.part('settings').hidden, false);
  assert.deepEqual(page.lines('connections'), ['T0ONE, connected']);
  assert.deepEqual(page.choices('channel'), ['#signatures', '#legal (invite the app)']);
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
