// Keys of every kind: made, changed and taken back while the program runs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { makeAuthority } from './lib/tls.mjs';
import { eventually } from './lib/wait.mjs';

const server = await startServer();
after(() => server.close());

test('keys of the installation are made, listed and revoked, but never the last one of an owner', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const { owner } = own;
  const path = '/v1/installation/api-keys';
  const in_a_minute = new Date(Date.now() + 60_000).toISOString();
  const made = (await owner.post(path, { name: 'deploy', role: 'admin', scopes: ['keys:manage', 'events:read'],
                                         expires_at: in_a_minute })).expect(201);
  assert.deepEqual([made.name, made.role, made.scopes, made.revoked], ['deploy', 'admin', ['events:read', 'keys:manage'].sort(), false]);
  const deploy = owner.with(made.key);
  const listed = (await deploy.get(path)).expect(200).data;
  assert.deepEqual(listed.map((key) => key.name), ['owner', 'deploy']);
  assert.equal(listed[1].key, undefined, 'shown once');
  (await deploy.post('/v1/workspaces', { name: 'X' })).expectProblem(403);
  (await deploy.post(path, { name: 'more', role: 'owner' })).expectProblem(403);
  // It acts on every workspace, which must be named.
  const api = await own.workspace();
  (await deploy.get('/v1/events')).expectProblem(422);
  (await deploy.request('GET', '/v1/events', { headers: { 'blotter-workspace': api.workspace_id } })).expect(200);
  // Keys of a workspace do not reach here, nor are they listed.
  (await api.get(path)).expectProblem(403);
  assert.equal(listed.length, 2);

  const [first] = listed;
  (await owner.request('DELETE', `${path}/${first.id}`)).expectProblem(409);
  const second = (await owner.post(path, { name: 'second owner', role: 'owner' })).expect(201);
  const revoked = (await owner.request('DELETE', `${path}/${made.id}`)).expect(200);
  assert.equal(revoked.revoked, true);
  (await deploy.get(path)).expectProblem(401);
  (await owner.with(second.key).request('DELETE', `${path}/${first.id}`)).expect(200);
  (await owner.get(path)).expectProblem(401);
  (await owner.with(second.key).request('DELETE', `${path}/${second.id}`)).expectProblem(409);
  const check = await own.cli(['ledger', 'verify']);
  assert.equal(check.code, 0, check.output);
});

test('a key cannot take away more than it has, nor have a scope that its role has not', async () => {
  const api = await server.workspace('Owners', 'owner');
  const make = async (body) => (await api.post('/v1/api-keys', body)).expect(201);
  const top = await make({ name: 'top', role: 'owner' });
  const admin = await make({ name: 'admin', role: 'admin' });
  const other = await make({ name: 'other', role: 'admin' });
  const as_admin = api.with(admin.key);
  (await as_admin.request('DELETE', `/v1/api-keys/${top.id}`)).expectProblem(403);
  (await as_admin.request('DELETE', `/v1/api-keys/${other.id}`)).expect(200);
  (await api.with(top.key).request('DELETE', `/v1/api-keys/${admin.id}`)).expect(200);
  const refused = (await api.post('/v1/api-keys', { name: 'x', role: 'viewer', scopes: ['events:read', 'destinations:write'] })).expectProblem(422);
  assert.equal(refused.errors[0].pointer, '/scopes/1');
});

test('the master key is rotated while the server runs, and the old one is no longer needed', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  const api = await own.workspace();
  await api.webhook(receiver.url, { bearer_key: 'bearer-before-the-rotation' });
  const before = await api.postEvent(makeEvent());
  await receiver.next((r) => r.json.id === before.id);
  const file = join(own.data_dir, 'master.key');
  const old_lines = readFileSync(file, 'utf8');
  const rotated = await own.cli(['keys', 'rotate']);
  assert.equal(rotated.code, 0, rotated.output);
  assert.match(rotated.output, /SIGHUP/);
  own.child.process.kill('SIGHUP');
  const line = await eventually('the keys are wrapped anew', () => own.log.find((l) => l.what === 'keys.rotated'));
  assert.ok(line.count >= 4, JSON.stringify(line));
  // Everything goes on: what was sealed before opens, what is new is sealed.
  assert.equal((await api.event(before.id)).data.envelope.title, 'Contrat fournisseur');
  const later = await api.postEvent(makeEvent());
  const request = await receiver.next((r) => r.json.id === later.id);
  assert.equal(request.headers.authorization, 'Bearer bearer-before-the-rotation');
  const fresh = await own.workspace('Fresh');
  await fresh.postEvent(makeEvent());
  await own.stop();

  const now = readFileSync(file, 'utf8');
  const newest = now.split('\n').filter((l) => l && !l.startsWith('#') && !old_lines.includes(l));
  assert.equal(newest.length, 1);
  own.env = { BLOTTER_KEYS_MASTER: newest[0].split(' ').at(-1) };
  await own.start();
  assert.equal((await api.event(before.id)).data.envelope.title, 'Contrat fournisseur');
  const last = await api.postEvent(makeEvent());
  await receiver.next((r) => r.json.id === last.id);
  const check = await own.cli(['ledger', 'verify'], { env: own.env });
  assert.equal(check.code, 0, check.output);
});

test('certificate authorities of a destination are read when they are saved', async () => {
  const api = await server.workspace();
  const { ca_pem: pem } = await makeAuthority();
  await api.webhook('https://receiver.example/', { ca_pem: pem });
  const wrong = [
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /certificate 1 cannot be read/],
    ['-----BEGIN CERTIFICATE-----', /cannot be read/],
    ['not PEM at all', /there is no certificate/],
    [`${pem}-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgME\n-----END PRIVATE KEY-----\n`, /private key/],
    [pem.repeat(17), /more than 16/],
  ];
  for (const [ca_pem, words] of wrong) {
    const problem = (await api.tryWebhook('https://receiver.example/', { ca_pem })).expectProblem(422);
    assert.match(problem.detail, words);
    assert.equal(problem.errors[0].pointer, '/config/ca_pem');
  }
});

test('what was sent to a destination is listed after it was deleted; a test says that it is one', async (t) => {
  const api = await server.workspace();
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  const destination = await api.webhook(receiver.url, { format: 'flat' });
  const event = await api.postEvent(makeEvent());
  await api.delivered({ event_id: event.id });
  await api.destinationAction(destination.id, 'test', { event_type: 'envelope.completed' });
  const [real, simulated] = await receiver.waitFor(2);
  assert.equal(real.json.test, undefined);
  assert.equal(simulated.json.test, true);
  await api.deleteDestination(destination.id);
  assert.deepEqual((await api.deliveries({ destination_id: destination.id })).map((d) => d.event_id), [event.id]);
});
