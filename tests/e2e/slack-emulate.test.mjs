// The same against a Slack that somebody else wrote: consent, exchange, picker, message.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, test } from 'node:test';
import { createEmulator } from 'emulate';
import { startServer } from './lib/server.mjs';
import { SlackAdmin } from './lib/slack.mjs';
import { eventually } from './lib/wait.mjs';

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const port = await freePort();
const slack = await createEmulator({ service: 'slack', port });
after(() => slack.close());
const url = `http://127.0.0.1:${port}`;
const server = await startServer({
  settings: { 'slack.base_url': url, 'slack.client_id': '111.222' },
  env: { BLOTTER_SLACK_CLIENT_SECRET: 'emulated' },
});
after(() => server.close());

test('a workspace is connected, a channel chosen, and a message posted', async () => {
  const admin = new SlackAdmin(server, await server.workspace());
  const begun = await admin.begin();
  const asked = new URL(begun.authorize_url).searchParams;
  const allow = await fetch(`${url}/oauth/v2/authorize/callback`, {
    method: 'POST', redirect: 'manual',
    body: new URLSearchParams({ user_id: 'U000000001', redirect_uri: asked.get('redirect_uri'), scope: asked.get('scope'),
                                state: asked.get('state'), client_id: asked.get('client_id') }) });
  const done = await admin.comeBack(allow.headers.get('location'), begun);
  assert.equal(done.status, 200, done.text);
  admin.connection = (await admin.connections())[0];
  assert.deepEqual(admin.connection.scopes, ['chat:write', 'channels:read']);
  const general = (await admin.channels()).find((c) => c.name === 'general');
  await admin.destination({ channel: general.id });
  await admin.api.postEvent({ type: 'envelope.sent', data: { envelope: { id: 'e-1', title: 'Bail commercial' } } });
  const message = await eventually('the message', async () => {
    const answer = await fetch(`${url}/api/conversations.history`, {
      method: 'POST', headers: { authorization: 'Bearer test_token_admin' },
      body: new URLSearchParams({ channel: general.id }) });
    return (await answer.json()).messages?.find((m) => m.text.includes('Bail commercial'));
  });
  assert.match(message.text, /sent to/);
  await eventually('it is in the list', async () => (await admin.messages('sent')).length === 1);
});
