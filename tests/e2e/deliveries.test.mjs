// Deliveries, judged by receivers and a verification library that Blotter's authors did not write.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { makeAuthority } from './lib/tls.mjs';
import { parseMetrics, valueOf } from './lib/prometheus.mjs';
import { eventually, pause } from './lib/wait.mjs';
import { hmacHex, publicKeyOfSeed, verifyEd25519, verifyWebhook } from './lib/webhooks.mjs';

const server = await startServer();
after(() => server.close());

/** A receiver that closes with the test. */
async function receiverFor(t, options) {
  const receiver = await Receiver.start(options);
  t.after(() => receiver.close());
  return receiver;
}

test('a webhook verifies with the Standard Webhooks library, and nothing but that webhook does', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const { signing_secret } = await api.webhook(receiver.url);
  assert.match(signing_secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const accepted = await api.postEvent(makeEvent({
    timestamp: '2026-05-26T14:32:00Z',
    envelope: { id: 'contract-1', title: 'Contrat fournisseur — été', metadata: { montant_ht: 12500.10 } } }));
  assert.equal(accepted.status, 'accepted');
  const request = await receiver.next();

  assert.equal(request.method, 'POST');
  assert.match(request.headers['content-type'], /^application\/json/);
  assert.equal(request.headers['webhook-id'], accepted.id);
  assert.deepEqual(verifyWebhook(signing_secret, request), request.json);
  assert.equal(request.json.id, accepted.id);
  assert.equal(request.json.type, 'envelope.sent');
  assert.equal(request.json.timestamp, '2026-05-26T14:32:00.000Z');
  assert.equal(request.json.workspace_id, api.workspace_id);
  assert.equal(request.json.data.envelope.title, 'Contrat fournisseur — été');
  assert.match(request.body.toString(), /"montant_ht":12500\.1[,}]/, 'no float noise');

  const changed = Buffer.from(request.body);
  changed[changed.length - 2] ^= 1;
  assert.throws(() => verifyWebhook(signing_secret, { ...request, body: changed }), /No matching signature/);
  const other_id = { ...request.headers, 'webhook-id': `${accepted.id}X` };
  assert.throws(() => verifyWebhook(signing_secret, { ...request, headers: other_id }), /No matching signature/);
  const other_secret = `whsec_${randomBytes(32).toString('base64')}`;
  assert.throws(() => verifyWebhook(other_secret, request), /No matching signature/);
  const shifted = { ...request.headers,
                    'webhook-timestamp': String(Number(request.headers['webhook-timestamp']) + 1) };
  assert.throws(() => verifyWebhook(signing_secret, { ...request, headers: shifted }), /No matching signature/);
  // The very same message, six minutes later and six minutes too early.
  const sent_at = Number(request.headers['webhook-timestamp']) * 1000;
  t.mock.timers.enable({ apis: ['Date'], now: sent_at + 360_000 });
  assert.throws(() => verifyWebhook(signing_secret, request), /too old/);
  t.mock.timers.setTime(sent_at + 1);
  verifyWebhook(signing_secret, request);
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ['Date'], now: sent_at - 360_000 });
  assert.throws(() => verifyWebhook(signing_secret, request), /too new/);
  t.mock.timers.reset();
});

test('during a rotation both secrets verify; without overlap only the new one does', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url);
  const rotated = await api.destinationAction(destination.id, 'rotate-secret', { overlap: '24h' });
  assert.notEqual(rotated.signing_secret, destination.signing_secret);
  const first = await api.postEvent(makeEvent());
  const both = await receiver.next((r) => r.headers['webhook-id'] === first.id);
  assert.equal(both.headers['webhook-signature'].split(' ').length, 2);
  verifyWebhook(destination.signing_secret, both);
  verifyWebhook(rotated.signing_secret, both);

  const fresh = await receiverFor(t);
  const other = await api.webhook(fresh.url);
  const replaced = await api.destinationAction(other.id, 'rotate-secret', { overlap: '0s' });
  const second = await api.postEvent(makeEvent());
  const one = await fresh.next((r) => r.headers['webhook-id'] === second.id);
  verifyWebhook(replaced.signing_secret, one);
  assert.throws(() => verifyWebhook(other.signing_secret, one), /No matching signature/);
});

test('a secret is shown once and never again', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const created = await api.webhook(receiver.url, { bearer_key: 'erp-key-1234567890' });
  const shown = [await api.destination(created.id), await api.destinations(),
                 await api.patchDestination(created.id, { name: 'Renamed' })];
  for (const view of shown) {
    assert.ok(!JSON.stringify(view).includes(created.signing_secret));
    assert.ok(!JSON.stringify(view).includes('erp-key-1234567890'));
  }
  assert.equal(shown[2].name, 'Renamed');
});

test('the compatibility header is the hex HMAC of the raw body', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const { signing_secret } = await api.webhook(receiver.url, {
    compatibility_scheme: 'hex_body', compatibility_header: 'X-Certyneo-Signature' });
  await api.postEvent(makeEvent());
  const request = await receiver.next();
  assert.equal(request.headers['x-certyneo-signature'], hmacHex(signing_secret, request.body));
  verifyWebhook(signing_secret, request);
});

test('the timestamped compatibility header covers time and body, with both secrets of a rotation', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url, {
    compatibility_scheme: 'timestamped', compatibility_header: 'X-Platform-Signature' });
  const rotated = await api.destinationAction(destination.id, 'rotate-secret', { overlap: '1h' });
  await api.postEvent(makeEvent());
  const request = await receiver.next();
  const match = /^t=(\d+),v1=([0-9a-f]{64}),v1=([0-9a-f]{64})$/.exec(request.headers['x-platform-signature']);
  assert.ok(match, request.headers['x-platform-signature']);
  assert.equal(match[1], request.headers['webhook-timestamp']);
  const expected = [rotated.signing_secret, destination.signing_secret]
    .map((secret) => hmacHex(secret, `${match[1]}.`, request.body));
  assert.deepEqual([match[2], match[3]], expected);
});

test('a secret of the user, a bearer key and headers of the user are on the request', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const secret = 'a secret that the receiver chose 4711';
  await api.webhook(receiver.url, { signing_secret: secret, bearer_key: 'key-of-the-erp-0001',
                                    headers: { 'X-Tenant': 'F-2891', 'X-Token': 'token-of-tenant' } });
  const event = await api.postEvent(makeEvent());
  const request = await receiver.next();
  verifyWebhook(secret, request);
  assert.equal(request.headers.authorization, 'Bearer key-of-the-erp-0001');
  assert.equal(request.headers['x-tenant'], 'F-2891');
  assert.equal(request.headers['x-token'], 'token-of-tenant');
  const delivery = await api.delivered({ event_id: event.id });
  const [attempt] = delivery.attempts_log;
  assert.match(attempt.request_headers, /x-tenant: F-2891/i);
  assert.match(attempt.request_headers, /webhook-id: evt_/i);
  assert.doesNotMatch(JSON.stringify(delivery), /key-of-the-erp-0001|token-of-tenant/);
});

test('an Ed25519 secret signs with v1a, which its public key verifies', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const seed = randomBytes(32);
  await api.webhook(receiver.url, { signing_secret: `whsk_${seed.toString('base64')}` });
  await api.postEvent(makeEvent());
  const request = await receiver.next();
  assert.match(request.headers['webhook-signature'], /^v1a,/);
  assert.ok(verifyEd25519(publicKeyOfSeed(seed), request));
  assert.ok(!verifyEd25519(publicKeyOfSeed(seed), { ...request, body: Buffer.from('{}') }));
});

test('the request of an attempt is shown as it arrived, whatever it is signed with', async (t) => {
  const api = await server.workspace();
  const compat = { compatibility_header: 'X-Platform-Signature' };
  const kinds = [
    {},
    { ...compat, compatibility_scheme: 'hex_body' },
    { ...compat, compatibility_scheme: 'timestamped' },
    { signing_secret: `whsk_${randomBytes(32).toString('base64')}` },
  ];
  for (const kind of kinds) {
    const receiver = await receiverFor(t);
    receiver.script.push({ status: 503 });
    const destination = await api.webhook(receiver.url, {
      ...kind, schedule: ['0s', '1s'], event_types: ['envelope.sent'] });
    if (!kind.signing_secret)
      await api.destinationAction(destination.id, 'rotate-secret', { overlap: '24h' });
    const event = await api.postEvent(makeEvent());
    const done = await api.delivered({ event_id: event.id, destination_id: destination.id });
    assert.equal(receiver.count, 2);
    receiver.requests.forEach((request, i) => {
      const sent = [`POST ${request.url} HTTP/1.1`];
      for (let h = 0; h < request.raw_headers.length; h += 2)
        if (request.raw_headers[h].toLowerCase() !== 'content-length')
          sent.push(`${request.raw_headers[h]}: ${request.raw_headers[h + 1]}`);
      assert.deepEqual(done.attempts_log[i].request_headers.trimEnd().split('\r\n').sort(),
                       sent.sort(), JSON.stringify(kind));
    });
    await api.deleteDestination(destination.id);
  }
});

test('a retry has the same id and the same bytes, a new time, and is announced', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  receiver.script.push({ status: 503, body: 'closed for stocktaking' });
  const { signing_secret } = await api.webhook(receiver.url, { schedule: ['0s', '3s', '1h'] });
  const event = await api.postEvent(makeEvent());
  const waiting = await api.deliveryWhen({ event_id: event.id }, 'retrying', (d) => d.state === 'retrying');
  assert.equal(waiting.attempts, 1);
  assert.equal(waiting.attempts_log[0].status, 503);
  assert.match(JSON.stringify(waiting.attempts_log[0].answer), /closed for stocktaking/);
  assert.ok(waiting.attempts_log[0].error.length > 0);
  const due = Date.parse(waiting.next_attempt_at);
  const first_at = Date.parse(waiting.attempts_log[0].started_at);
  assert.ok(due >= first_at + 3000, 'never early');
  assert.ok(due <= first_at + 3000 * 1.2 + 1000, 'late by the jitter only');

  const done = await api.delivered({ event_id: event.id });
  const [first, second] = receiver.requests;
  assert.equal(receiver.count, 2);
  assert.ok(first.body.equals(second.body));
  assert.equal(first.headers['webhook-id'], second.headers['webhook-id']);
  assert.ok(Number(second.headers['webhook-timestamp']) > Number(first.headers['webhook-timestamp']));
  assert.notEqual(first.headers['webhook-signature'], second.headers['webhook-signature']);
  verifyWebhook(signing_secret, first);
  verifyWebhook(signing_secret, second);
  assert.ok(second.at >= due - 5, 'not before its time');
  assert.equal(done.attempts, 2);
  assert.deepEqual(done.attempts_log.map((a) => [a.n, a.status]), [[1, 503], [2, 200]]);
  assert.equal(done.next_attempt_at ?? null, null);
  assert.match(done.attempts_log[1].address, /^127\.0\.0\.1/);
});

test('Retry-After counts, but not beyond twice the step', async (t) => {
  const api = await server.workspace();
  const cases = [['4', 4000], ['99999999999', 4000], ['-1', 2000], ['Thu, 01 Jan 1970 00:00:00 GMT', 2000]];
  for (const [retry_after, wait_ms] of cases) {
    const receiver = await receiverFor(t, { answer: { status: 503, headers: { 'retry-after': retry_after } } });
    const destination = await api.webhook(receiver.url, { schedule: ['0s', '2s', '1h'] });
    await api.postEvent(makeEvent());
    const waiting = await api.deliveryWhen({ destination_id: destination.id }, 'retrying',
                                           (d) => d.state === 'retrying' && d.attempts === 1);
    const wait = Date.parse(waiting.next_attempt_at) - Date.parse(waiting.attempts_log[0].started_at);
    assert.ok(wait >= wait_ms, `Retry-After: ${retry_after} gave ${wait} ms`);
    assert.ok(wait <= 4000 * 1.2 + 1000, `Retry-After: ${retry_after} gave ${wait} ms`);
    await api.deleteDestination(destination.id);
  }
});

test('after the last attempt the delivery has failed, an alert says so once, and a replay delivers', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t, { answer: { status: 500, body: 'broken' } });
  const destination = await api.webhook(receiver.url, { schedule: ['0s', '1s'] });
  const events = [await api.postEvent(makeEvent()), await api.postEvent(makeEvent())];
  const failed = [];
  for (const event of events)
    failed.push(await api.deliveryWhen({ event_id: event.id }, 'failed', (d) => d.state === 'failed'));
  assert.deepEqual(failed.map((d) => d.attempts), [2, 2]);
  const alert = await api.alertWhen('the final failure', (a) => JSON.stringify(a).includes(destination.id));
  const about = (await api.alerts()).filter((a) => JSON.stringify(a).includes(destination.id));
  assert.equal(about.length, 1, `repeated alerts fold into one: ${JSON.stringify(about)}`);
  await api.alertAction(alert.id, 'acknowledge');
  await api.alertAction(alert.id, 'resolve');

  receiver.answer = { status: 200 };
  await api.replayDelivery(failed[0].id);
  const again = await receiver.waitFor(3, (r) => r.headers['webhook-id'] === events[0].id);
  assert.equal(again.length, 3);
  await api.deliveryWhen({ event_id: events[0].id, state: 'delivered' }, 'delivered', (d) => d.state === 'delivered');
  assert.equal((await api.delivery(failed[0].id)).state, 'failed', 'a final state never changes');
});

test('410 disables the destination with an alert, and later events are kept for it', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t, { answer: { status: 410 } });
  const destination = await api.webhook(receiver.url);
  const event = await api.postEvent(makeEvent());
  await api.deliveryWhen({ event_id: event.id }, 'failed', (d) => d.state === 'failed');
  await api.alertWhen('the receiver is gone', (a) => JSON.stringify(a).includes(destination.id));
  assert.equal((await api.destination(destination.id)).state, 'disabled');
  const next = await api.postEvent(makeEvent());
  const held = await api.deliveryWhen({ event_id: next.id }, 'held', (d) => d.state === 'held');
  assert.equal(held.attempts, 0);
  assert.equal(receiver.count, 1);
});

test('redirects are failures and are not followed', async (t) => {
  const api = await server.workspace();
  const trap = await receiverFor(t);
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url, { schedule: ['0s'] });
  for (const status of [301, 302, 303, 307, 308]) {
    receiver.script.push({ status, headers: { location: trap.url } });
    const event = await api.postEvent(makeEvent());
    const failed = await api.deliveryWhen({ event_id: event.id }, 'failed', (d) => d.state === 'failed');
    assert.deepEqual([failed.attempts_log[0].status, failed.attempts_log[0].outcome], [status, 'redirect']);
  }
  assert.equal(trap.connections, 0);
  assert.equal((await api.destination(destination.id)).state, 'enabled');
});

test('events for a paused destination are held and leave when it is resumed', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url);
  assert.equal((await api.destinationAction(destination.id, 'pause')).state, 'paused');
  const events = [];
  for (let i = 0; i < 3; ++i) events.push(await api.postEvent(makeEvent()));
  for (const event of events)
    await api.deliveryWhen({ event_id: event.id }, 'held', (d) => d.state === 'held');
  assert.equal(receiver.count, 0);
  assert.equal((await api.destinationAction(destination.id, 'resume')).state, 'enabled');
  for (const event of events) await api.delivered({ event_id: event.id });
  assert.deepEqual(new Set(receiver.requests.map((r) => r.headers['webhook-id'])),
                   new Set(events.map((e) => e.id)));
  assert.equal(receiver.count, 3);
});

test('a disabled destination holds its events too', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url);
  assert.equal((await api.destinationAction(destination.id, 'disable')).state, 'disabled');
  const event = await api.postEvent(makeEvent());
  const held = await api.deliveryWhen({ event_id: event.id }, 'held', (d) => d.state === 'held');
  assert.equal(held.destination_id, destination.id);
  await api.destinationAction(destination.id, 'resume');
  await api.delivered({ event_id: event.id });
});

test('a time range is replayed, with its count shown before', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url);
  const from = new Date(Date.now() - 60_000).toISOString();
  const sent = [];
  for (let i = 0; i < 4; ++i)
    sent.push(await api.postEvent(makeEvent({ type: i < 3 ? 'envelope.sent' : 'envelope.voided' })));
  await receiver.waitFor(4);
  for (const event of sent) await api.delivered({ event_id: event.id });
  const until = new Date(Date.now() + 60_000).toISOString();
  const range = { from, until, event_types: ['envelope.sent'] };
  const preview = await api.destinationAction(destination.id, 'replay', { ...range, preview: true });
  assert.equal(preview.count, 3);
  await pause(200);
  assert.equal(receiver.count, 4, 'a preview sends nothing');
  const started = await api.destinationAction(destination.id, 'replay', range);
  assert.equal(started.count, 3);
  assert.match(started.replay_id, /^rpl_/);
  await receiver.waitFor(7);
  const per_event = new Map();
  for (const { headers } of receiver.requests)
    per_event.set(headers['webhook-id'], (per_event.get(headers['webhook-id']) ?? 0) + 1);
  assert.deepEqual(sent.map((e) => per_event.get(e.id)), [2, 2, 2, 1]);
  const none = { from: '2020-01-01T00:00:00Z', until: '2020-02-01T00:00:00Z', preview: true };
  assert.equal((await api.destinationAction(destination.id, 'replay', none)).count, 0);
});

test('the flat format has everything at the top, with the names of the other vocabulary', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url, { format: 'flat', aliases: true });
  const completed = makeEvent({ type: 'envelope.completed', envelope: {
    id: 'env_01HX', completed_at: '2026-05-26T14:32:00Z',
    metadata: { type: 'contrat_fournisseur', montant_ht: 12500, compte_comptable: '607', fournisseur_id: 'F-2891' } } });
  const file = { sha256: 'a'.repeat(64), url: 'https://app.example.com/documents/signed/1' };
  completed.data.files = { signed_pdf: file, audit_trail: { ...file, url: 'https://app.example.com/trail/1' } };
  const sent = await api.postEvent(completed);
  const request = await receiver.next();
  const { event_id, occurred_at, title, ...rest } = request.json;
  assert.equal(event_id, sent.id);
  assert.ok(Date.parse(occurred_at));
  assert.equal(title, 'Contrat fournisseur');
  assert.deepEqual(rest, {
    event: 'envelope.completed', envelope_id: 'env_01HX', completed_at: '2026-05-26T14:32:00Z',
    document_url: 'https://app.example.com/documents/signed/1',
    audit_trail_url: 'https://app.example.com/trail/1',
    metadata: { type: 'contrat_fournisseur', montant_ht: 12500, compte_comptable: '607', fournisseur_id: 'F-2891' } });

  const signed = makeEvent({ type: 'recipient.signed' });
  signed.data.recipient = { name: 'Camille', email: 'camille@supplier.example' };
  await api.postEvent(signed);
  const voided = await api.postEvent(makeEvent({ type: 'envelope.canceled' }));
  await receiver.waitFor(3);
  const names = receiver.requests.slice(1).map((r) => r.json.event).sort();
  assert.deepEqual(names, ['envelope.canceled', 'signer.signed']);
  assert.equal((await api.event(voided.id)).type, 'envelope.voided');
});

test('only the event types asked for arrive', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url, { event_types: ['envelope.voided', 'signer.signed'] });
  const wanted = [makeEvent({ type: 'envelope.voided' }), makeEvent({ type: 'recipient.signed' })];
  wanted[1].data.recipient = { name: 'Camille' };
  const ids = [];
  await api.postEvent(makeEvent({ type: 'envelope.sent' }));
  for (const event of wanted) ids.push((await api.postEvent(event)).id);
  await receiver.waitFor(2);
  await pause(200);
  assert.deepEqual(new Set(receiver.requests.map((r) => r.headers['webhook-id'])), new Set(ids));
});

test('a filter chooses by metadata, and a wrong one is refused with its place', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url, { filter: 'metadata.montant_ht > 1000 && metadata.type == "contrat_fournisseur"' });
  const small = await api.postEvent(makeEvent({ envelope: { metadata: { montant_ht: 10, type: 'contrat_fournisseur' } } }));
  const without = await api.postEvent(makeEvent());
  const large = await api.postEvent(makeEvent({ envelope: { metadata: { montant_ht: 12500, type: 'contrat_fournisseur' } } }));
  const request = await receiver.next();
  assert.equal(request.headers['webhook-id'], large.id);
  await api.delivered({ event_id: large.id });
  assert.deepEqual(await api.eventDeliveries(small.id), []);
  assert.deepEqual(await api.eventDeliveries(without.id), []);
  assert.equal(receiver.count, 1);
  const refused = await api.tryWebhook(receiver.url, { filter: 'metadata.montant_ht >' });
  const problem = refused.expectProblem(422, 'invalid_argument');
  assert.match(problem.errors[0].pointer, /filter/);
  assert.match(problem.detail, /line|column|:1|\^|end/i);
  (await api.tryWebhook(receiver.url, { filter: 'unknown_name == 1' })).expectProblem(422);
  // What can never say yes or no would swallow every event.
  for (const filter of ['42', '1 + 1', '"yes"', 'size(metadata)'])
    assert.match((await api.tryWebhook(receiver.url, { filter })).expectProblem(422).errors[0].pointer, /filter/, filter);
  const [{ id }] = await api.destinations();
  const explained = await api.destinationAction(id, 'explain-filter', { event_id: small.id });
  assert.deepEqual([explained.taken, explained.filter_matched, explained.event_type_wanted], [false, false, true]);
  assert.ok(explained.steps.length > 0);
  const other = await api.destinationAction(id, 'explain-filter', { event_id: small.id, filter: 'metadata.montant_ht == 10' });
  assert.equal(other.taken, true);
});

test('a destination of an entity gets the events of that entity only', async (t) => {
  const api = await server.workspace();
  const [lyon, nice] = [await api.createEntity({ reference: 'LYON', name: 'Lyon SAS' }),
                        await api.createEntity({ reference: 'NICE', name: 'Nice SARL' })];
  const [at_lyon, at_all] = [await receiverFor(t), await receiverFor(t)];
  await api.webhook(at_lyon.url, { entity_id: lyon.id });
  await api.webhook(at_all.url);
  const first = await api.postEvent(makeEvent({ entity_id: lyon.id }));
  const second = await api.postEvent(makeEvent({ entity_id: nice.id }));
  const third = await api.postEvent(makeEvent());
  await at_all.waitFor(3);
  await at_lyon.waitFor(1);
  for (const event of [second, third]) await api.delivered({ event_id: event.id });
  assert.deepEqual(at_lyon.requests.map((r) => r.headers['webhook-id']), [first.id]);
  assert.equal(at_lyon.requests[0].json.entity_id, lyon.id);
});

test('one agreement reaches both subsidiaries that its metadata names, with the same id', async (t) => {
  const api = await server.workspace();
  await api.putSettings({ entity_metadata_keys: ['from_subsidiary', 'to_subsidiary'] });
  const receivers = {};
  for (const reference of ['SUB-A', 'SUB-B', 'SUB-C']) {
    const entity = await api.createEntity({ reference, name: `Subsidiary ${reference}` });
    receivers[reference] = await receiverFor(t);
    await api.webhook(receivers[reference].url, { entity_id: entity.id });
  }
  const sent = await api.postEvent(makeEvent({ envelope: {
    id: 'treasury-agreement-7', metadata: { from_subsidiary: 'SUB-A', to_subsidiary: ['SUB-B'] } } }));
  const [a] = await receivers['SUB-A'].waitFor(1);
  const [b] = await receivers['SUB-B'].waitFor(1);
  assert.deepEqual([a.headers['webhook-id'], b.headers['webhook-id']], [sent.id, sent.id]);
  assert.equal(a.json.data.envelope.id, 'treasury-agreement-7');
  assert.equal(b.json.data.envelope.id, 'treasury-agreement-7');
  assert.equal((await api.eventDeliveries(sent.id)).length, 2);
  assert.equal(receivers['SUB-C'].count, 0);

  // A reference that is none is taken, and somebody hears of it, without its value in the clear.
  assert.deepEqual(await api.alerts(), []);
  for (let i = 0; i < 2; ++i)
    await api.postEvent(makeEvent({ envelope: { id: `agreement-${i}`, metadata: { from_subsidiary: 'SUB-A', to_subsidiary: ['SUB-Z'] } } }));
  await receivers['SUB-A'].waitFor(3);
  const [alert, ...others] = await api.alerts();
  assert.equal(others.length, 0);
  assert.deepEqual([alert.kind, alert.subject, alert.count], ['entity_unknown', 'to_subsidiary', 2]);
  assert.ok(!JSON.stringify(alert).includes('SUB-Z'));
});

test('the test button sends a simulated event and shows request, answer and time', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t, { answer: { status: 201, body: { id: 'ENTRY-7' } } });
  const destination = await api.webhook(receiver.url, { bearer_key: 'bearer-of-the-test-button' });
  const types = (await api.eventTypes()).data.map((type) => type.name ?? type.type);
  assert.ok(types.length >= 30, types.join());
  for (const event_type of types) {
    const before = receiver.count;
    const shown = await api.destinationAction(destination.id, 'test', { event_type });
    assert.equal(shown.answer.status, 201, event_type);
    assert.match(JSON.stringify(shown.answer), /ENTRY-7/);
    assert.equal(typeof shown.took_ms, 'number');
    assert.doesNotMatch(JSON.stringify(shown), /bearer-of-the-test-button/);
    assert.equal(receiver.count, before + 1);
    const request = receiver.requests.at(-1);
    assert.equal(request.json.type, event_type);
    verifyWebhook(destination.signing_secret, request);
  }
  // It has every field of a real one, so that an integrator can map them.
  const flat = await api.webhook(receiver.url, { format: 'flat' });
  await api.destinationAction(flat.id, 'test', { event_type: 'envelope.completed' });
  const { json: sample } = receiver.requests.at(-1);
  for (const name of ['completed_at', 'document_url', 'audit_trail_url', 'signers', 'metadata', 'envelope_id'])
    assert.ok(sample[name], `${name} in ${JSON.stringify(sample)}`);
  assert.deepEqual(sample.signers.map((s) => [s.status, typeof s.signed_at]), [['signed', 'string']]);
  assert.equal((await fetch(sample.document_url)).status, 404, 'a link that leads to nothing');
  receiver.answer = { status: 500, body: 'no' };
  const refused = await api.destinationAction(destination.id, 'test', { event_type: 'envelope.completed' });
  assert.equal(refused.answer.status, 500);
  await receiver.close();
  const silent = await api.destinationAction(destination.id, 'test', { event_type: 'envelope.completed' });
  assert.match(JSON.stringify(silent), /refused|connect/);
  (await api.tryDestinationAction(destination.id, 'test', { event_type: 'no.such' })).expectProblem(422);
});

test('the accounting reference in the answer is kept with the delivery', async (t) => {
  const api = await server.workspace();
  const cases = [
    [{ body: { accountingReferenceId: 'INV-2026-0042' } }, 'INV-2026-0042'],
    [{ body: { AccountingReferenceId: 'AC-7' } }, 'AC-7'],
    [{ body: { id: 'doc-9', ok: true } }, 'doc-9'],
    [{ body: { id: 12345 } }, '12345'],
    [{ body: '' }, ''],
    [{ body: 'thank you' }, ''],
    [{ body: { accountingReferenceId: 'x'.repeat(100_000) } }, undefined],
  ];
  for (const [answer, reference] of cases) {
    const receiver = await receiverFor(t, {
      answer: { status: 200, headers: { 'content-type': 'application/json' }, ...answer } });
    const destination = await api.webhook(receiver.url);
    await api.postEvent(makeEvent());
    const delivery = await api.delivered({ destination_id: destination.id });
    if (reference === undefined) assert.ok((delivery.reference ?? '').length <= 1024);
    else assert.equal(delivery.reference ?? '', reference);
    await api.deleteDestination(destination.id);
  }
});

test('with order per envelope, later events of the envelope wait for the earlier one', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  receiver.script.push({ status: 503 });
  await api.webhook(receiver.url, { order: 'per_envelope', schedule: ['0s', '2s', '1h'] });
  const file = await api.upload(Buffer.from('%PDF-1.4 original'));
  const make = (title) => api.createEnvelope({
    title, level: 'simple', recipients: [{ name: 'Signer', email: 's@example.com', role: 'signer', order: 1 }],
    files: [{ file_id: file.id, kind: 'original' }] });
  const first = await make('First');
  await receiver.waitFor(1);
  await api.envelopeAction(first.id, 'send');
  const second = await make('Second');
  await receiver.waitFor(4);
  const seen = receiver.requests.map((r) => `${r.json.data.envelope.title} ${r.json.type}`);
  const of_first = seen.filter((s) => s.startsWith('First'));
  assert.deepEqual(of_first, ['First envelope.created', 'First envelope.created', 'First envelope.sent']);
  assert.equal(second.title, 'Second');
});

test('events of an envelope that another application keeps are in order, too, also after a start', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const api = await own.workspace();
  const receiver = await receiverFor(t);
  receiver.script.push({ status: 503 });
  await api.webhook(receiver.url, { order: 'per_envelope', schedule: ['0s', '3s', '1h'] });
  const post = (id, title) => api.postEvent(makeEvent({ envelope: { id, title } }));
  await post('PO-1', 'first');
  await receiver.waitFor(1);
  await post('PO-1', 'second');
  await post('PO-2', 'elsewhere');
  await receiver.waitFor(2);
  await own.restart();
  await post('PO-1', 'third');
  await receiver.waitFor(5);
  const titles = receiver.requests.map((r) => r.json.data.envelope.title);
  assert.deepEqual(titles, ['first', 'elsewhere', 'first', 'second', 'third']);
});

test('a filter that cannot judge an event says so once per destination', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url, { filter: 'metadata.montant_ht > 1000' });
  for (let i = 0; i < 2; ++i) await api.postEvent(makeEvent({ envelope: { id: 'e', metadata: { montant: 2000 } } }));
  const [alert, ...others] = await api.alerts();
  assert.equal(others.length, 0);
  assert.deepEqual([alert.kind, alert.subject, alert.count], ['filter_failed', destination.id, 2]);
  assert.match(JSON.stringify(alert.detail), /montant_ht/);
  // The server is shared: others may count, too.
  const counted = valueOf(parseMetrics(await (await fetch(`${server.url}/metrics`)).text()), 'blotter_filter_errors_total');
  assert.ok(counted >= 2, `${counted}`);
});

test('a receiver that does not answer in time costs one attempt of that length', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t, { answer: () => undefined });
  const destination = await api.webhook(receiver.url, { timeout_ms: 1000, schedule: ['0s'] });
  await api.postEvent(makeEvent());
  const failed = await api.deliveryWhen({ destination_id: destination.id }, 'failed', (d) => d.state === 'failed');
  const [attempt] = failed.attempts_log;
  assert.equal(attempt.outcome, 'answer_timeout');
  assert.ok(attempt.took_ms >= 1000, `${attempt.took_ms}`);
});

test('hostile answers end as failures or are cut, and keep nothing busy', async (t) => {
  const api = await server.workspace();
  const cases = {
    'an endless body': [(request, response) => {
      response.writeHead(200);
      const more = () => { while (!response.destroyed && response.write(Buffer.alloc(65536, 'x'))); };
      response.on('drain', more);
      more();
    }, { state: 'delivered' }],
    'a closed connection': [(request, response) => { response.socket.destroy(); },
                            { outcome: 'connection_closed' }],
    'a head that is too large': [(request, response) => {
      response.writeHead(200, { 'x-large': 'y'.repeat(100_000) });
      response.end();
    }, { outcome: 'header_too_large' }],
    'no HTTP at all': [(request, response) => { response.socket.end('hello\r\n\r\n'); },
                       { outcome: 'protocol_error' }],
    'a status that does not exist': [(request, response) => {
      response.socket.end('HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n');
    }, { outcome: /bad_status|protocol_error/ }],
    'endless interim answers': [(request, response) => {
      const timer = setInterval(() => {
        for (let i = 0; i < 100; ++i) response.socket?.write('HTTP/1.1 103 Early Hints\r\n\r\n');
      }, 1);
      response.on('close', () => clearInterval(timer));
    }, { outcome: 'too_many_interim' }],
    'text with escapes': [{ status: 400, body: Buffer.from('<script>\x1b[31m\xff\x00', 'latin1') },
                          { outcome: 'refused' }],
  };
  for (const [name, [answer, expected]] of Object.entries(cases)) {
    const receiver = await receiverFor(t, { answer });
    const destination = await api.webhook(receiver.url, { timeout_ms: 5000, schedule: ['0s'], name });
    await api.postEvent(makeEvent());
    const state = expected.state ?? 'failed';
    const ended = await api.deliveryWhen({ destination_id: destination.id }, `${state} after ${name}`,
                                         (d) => d.state === state);
    if (expected.outcome) assert.match(ended.attempts_log[0].outcome, new RegExp(expected.outcome), name);
    assert.ok(JSON.stringify(ended.attempts_log[0]).length < 64 << 10, name);
    assert.equal(receiver.count, 1, name);
    await api.deleteDestination(destination.id);
  }
  for (const line of server.output.split('\n')) assert.ok(!/[\x00-\x08\x0b-\x1f]/.test(line), line);
});

test('TLS 1.3 with a trusted certificate is the default, TLS 1.2 a choice', async (t) => {
  const api = await server.workspace();
  const authority = await makeAuthority();
  const good = await authority.issue('IP:127.0.0.1');
  const wrong = await authority.issue('DNS:other.example');
  const deliver = async (receiver, options) => {
    const destination = await api.webhook(receiver.url, { schedule: ['0s'], ...options });
    await api.postEvent(makeEvent());
    const ended = await api.deliveryWhen({ destination_id: destination.id }, 'over',
                                         (d) => ['delivered', 'failed'].includes(d.state));
    await api.deleteDestination(destination.id);
    return ended.attempts_log[0];
  };
  const modern = await receiverFor(t, { tls: good });
  const attempt = await deliver(modern, { ca_pem: authority.ca_pem });
  assert.deepEqual([attempt.outcome, attempt.tls_version], ['delivered', 'TLSv1.3']);
  assert.equal((await deliver(modern, {})).outcome, 'certificate_untrusted');
  const elsewhere = await receiverFor(t, { tls: wrong });
  assert.equal((await deliver(elsewhere, { ca_pem: authority.ca_pem })).outcome, 'certificate_wrong_host');
  const old = await receiverFor(t, { tls: { ...good, maxVersion: 'TLSv1.2' } });
  assert.equal((await deliver(old, { ca_pem: authority.ca_pem })).outcome, 'tls_version');
  const chosen = await deliver(old, { ca_pem: authority.ca_pem, tls_min: '1.2' });
  assert.deepEqual([chosen.outcome, chosen.tls_version], ['delivered', 'TLSv1.2']);
  assert.deepEqual([elsewhere.count, modern.count, old.count], [0, 1, 1]);
});

test('what was due at a stop is sent after the start', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t, { answer: { status: 503 } });
  const destination = await api.webhook(receiver.url, { schedule: ['0s', '1s', '2s', '3s', '4s', '5s', '1h'] });
  const event = await api.postEvent(makeEvent());
  await api.deliveryWhen({ event_id: event.id }, 'retrying', (d) => d.state === 'retrying');
  await server.stop();
  receiver.answer = { status: 200 };
  await server.start();
  const done = await api.delivered({ event_id: event.id });
  assert.ok(done.attempts >= 2);
  assert.ok(receiver.requests.every((r) => r.body.equals(receiver.requests[0].body)));
  assert.equal((await api.destination(destination.id)).state, 'enabled');
});

test('a delivery behind an open circuit says so, and when it is tried again', async (t) => {
  const api = await server.workspace();
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  const url = receiver.url;
  await receiver.close();  // nobody listens there any more
  const destination = await api.webhook(url, { concurrency: 1 });
  const events = await api.postBatch(Array.from({ length: 8 }, () => makeEvent()));
  const all = await eventually('the circuit is open', async () => {
    const found = await api.deliveries({ destination_id: destination.id });
    return found.length === 8 ? found : undefined;
  });
  const waiting = all.filter((d) => d.state === 'queued');
  assert.equal(all.filter((d) => d.state === 'retrying' && d.attempts === 1).length, 5, JSON.stringify(all));
  assert.equal(waiting.length, 3);
  // What comes while it is open waits in the same way.
  const later = await api.postEvent(makeEvent());
  waiting.push(...await api.deliveries({ event_id: later.id }));
  for (const delivery of waiting) {
    assert.equal(delivery.reason, 'circuit_open', JSON.stringify(delivery));
    assert.equal(delivery.attempts, 0, 'no attempt was used up');
    const ahead_ms = Date.parse(delivery.next_attempt_at) - Date.now();
    assert.ok(ahead_ms > 0 && ahead_ms <= 60_000, `${ahead_ms}`);
  }
  assert.equal((await api.delivery(waiting[3].id)).reason, 'circuit_open');
  assert.equal(events.length, 8);
});

test('what was held of an ordered destination comes before what follows it, however much it is', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const { id } = await api.webhook(receiver.url, { order: 'per_envelope' });
  const events = Array.from({ length: 1201 }, (_, i) => makeEvent({ envelope: { id: 'PO-1', title: `${i}` } }));
  await api.destinationAction(id, 'pause');
  await api.postBatch(events.slice(0, 1000));
  await api.postBatch(events.slice(1000, 1200));
  await api.destinationAction(id, 'resume');
  await api.postEvent(events[1200]);
  await receiver.waitFor(1201);
  const titles = receiver.requests.map((r) => Number(r.json.data.envelope.title));
  assert.deepEqual(titles, Array.from({ length: 1201 }, (_, i) => i));
});
