// A person asks for what is known of them to be erased: it is gone, and every proof holds.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { makePdf, sha256 } from './lib/pdf.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { filesBelow, findIn, person } from './lib/traces.mjs';
import { eventually } from './lib/wait.mjs';

const server = await startServer();
after(() => server.close());

async function receiverFor(t, options) {
  const receiver = await Receiver.start(options);
  t.after(() => receiver.close());
  return receiver;
}

async function completed(api, who, { shared_file, headers } = {}) {
  const file = shared_file ?? await api.upload(makePdf('Contrat', `for ${who.name}`), { name: `${who.word}.pdf` });
  const request = {
    title: `Contrat de ${who.name}`, level: 'advanced', metadata: { customer: who.email },
    recipients: [{ name: who.name, email: who.email, phone: who.phone, role: 'signer', order: 1 }],
    files: [{ file_id: file.id, kind: 'original' }] };
  const envelope = (await api.post('/v1/envelopes', request, headers)).expect(201);
  await api.envelopeAction(envelope.id, 'send');
  await api.report(envelope.id, envelope.recipients[0].id, 'signed', { ip: '203.0.113.7', method: 'email_otp' });
  const pdf = await api.upload(makePdf('Signed', `by ${who.name}`), { name: `signed-${who.word}.pdf` });
  await api.attach(envelope.id, [{ file_id: pdf.id, kind: 'signed_pdf' }]);
  return eventually('it is completed', async () => {
    const now = await api.envelope(envelope.id);
    return now.status === 'completed' ? { ...now, request } : undefined;
  });
}

test('after an erasure the data of the person is in no byte of the data directory, and the proofs hold', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const api = await own.workspace();
  const who = person();
  // A receiver that repeats what it got: its answers are kept with the attempts.
  const echo = await receiverFor(t, { answer: (seen) => ({ status: 200, body: seen.body }) });
  await api.webhook(echo.url);
  const envelope = await completed(api, who, { headers: { 'idempotency-key': `create for ${who.email}` } });
  const events = (await api.events({ envelope_id: envelope.id, limit: 200 })).data;
  await eventually('all of it was delivered and is on record', async () =>
    (await api.deliveries({ state: 'delivered', limit: 200 })).length === events.length);
  const last = (await echo.next((r) => r.json.type === 'envelope.completed')).json;
  const link = last.data.files.signed_pdf.url;
  assert.equal((await fetch(link)).status, 200);
  await own.restart();
  assert.ok(findIn(own.data_dir, who.word).length > 1, 'the search finds what is there');

  const erased = (await api.post(`/v1/envelopes/${envelope.id}/erase`, { basis: 'gdpr_17_1_b' })).expect(200);
  assert.equal(erased.subject, envelope.id);
  assert.equal(erased.basis, 'gdpr_17_1_b');
  assert.equal(erased.events, events.length);
  assert.equal(erased.files_removed, 3);
  assert.equal(erased.files_kept, 0);
  const again = (await api.post(`/v1/envelopes/${envelope.id}/erase`)).expect(200);
  assert.deepEqual(again, erased, 'the same again gives the first answer');

  await eventually('nothing is left, beside the running server', () => findIn(own.data_dir, who.word).length === 0, 30_000);
  await own.stop();
  assert.deepEqual(findIn(own.data_dir, who.word), []);
  const check = await own.cli(['ledger', 'verify']);
  assert.equal(check.code, 0, check.output);
  assert.match(check.output, new RegExp(`erased[^\\n]*: ${events.length}\\b`), check.output);
  await own.start();

  const shown = await api.envelope(envelope.id);
  assert.deepEqual([shown.status, shown.erased, shown.erased_at], ['completed', true, erased.erased_at]);
  assert.equal(shown.recipients, undefined);
  for (const { id } of events) {
    const event = await api.event(id);
    assert.deepEqual([event.erased, event.erased_at, event.data], [true, erased.erased_at, undefined]);
    assert.match((await api.tryProof(id)).text, /^c2sp\.org\/tlog-proof@v1\n/);
  }
  assert.ok((await api.events({ envelope_id: envelope.id })).data.every((event) => event.erased === true));
  // The server has another port since.
  assert.equal((await fetch(own.url + new URL(link).pathname)).status, 410);
  for (const file of envelope.files) (await api.tryFileContent(file.file_id)).expectProblem(404);
  (await api.get(`/v1/envelopes/${envelope.id}/history`)).expectProblem(410);
  (await api.tryEnvelopeAction(envelope.id, 'void')).expectProblem(410);
  // The request that made it is not answered with what it made, nor does it make another one.
  (await api.post('/v1/envelopes', envelope.request, { 'idempotency-key': `create for ${who.email}` })).expectProblem(410);

  const [delivery] = await api.deliveries({ state: 'delivered', limit: 1 });
  const log = (await api.delivery(delivery.id)).attempts_log;
  assert.deepEqual([log[0].erased, log[0].status, log[0].answer], [true, 200, undefined]);
  (await api.post(`/v1/deliveries/${delivery.id}/replay`)).expectProblem(410);
  // A leaf of its own says that it happened, with none of the data.
  const folder = join(own.data_dir, '..', 'export');
  assert.equal((await own.cli(['ledger', 'export', folder])).code, 0);
  const leaves = filesBelow(folder).map((path) => readFileSync(path, 'latin1')).join('\n');
  assert.match(leaves, new RegExp(`"basis":"gdpr_17_1_b","events":${events.length},"files":3,"k":"erasure"[^}]*"subject":"${envelope.id}"`));
});

test('what was not sent yet is not sent any more, and says why', async (t) => {
  const api = await server.workspace();
  const who = person();
  const failing = await receiverFor(t, { answer: { status: 503 } });
  const paused = await receiverFor(t);
  const slow = await receiverFor(t, { answer: { status: 200, after_ms: 3000, body: { note: who.word } } });
  const first = await api.webhook(failing.url, { schedule: ['0s', '4s'] });
  const second = await api.webhook(paused.url);
  await api.destinationAction(second.id, 'pause');
  const third = await api.webhook(slow.url);
  const event = await api.postEvent(makeEvent({ envelope: { id: 'elsewhere', title: who.name } }));
  await failing.next();
  await slow.next();
  await api.deliveryWhen({ event_id: event.id, destination_id: first.id }, 'waiting', (d) => d.state === 'retrying');

  const erased = (await api.post(`/v1/events/${event.id}/erase`)).expect(200);
  assert.equal(erased.basis, 'request');
  assert.equal(erased.deliveries_cancelled, 2);
  for (const destination of [first, second]) {
    const [delivery] = await api.deliveries({ event_id: event.id, destination_id: destination.id });
    assert.deepEqual([delivery.state, delivery.reason], ['cancelled', 'erased']);
  }
  // What was under way ended as it did: whoever erases must know who has the data.
  const sent = await api.deliveryWhen({ event_id: event.id, destination_id: third.id }, 'delivered', (d) => d.state === 'delivered');
  assert.equal(sent.attempts_log[0].status, 200);
  assert.equal(sent.attempts_log[0].answer, undefined);
  await api.destinationAction(second.id, 'resume');
  // Another event comes through to both: so the erased one would have come as well.
  const other = await api.postEvent(makeEvent());
  await paused.next((r) => r.json.id === other.id);
  await failing.waitFor(2, (r) => r.json.id === other.id);
  assert.equal(failing.requests.filter((r) => r.json.id === event.id).length, 1);
  assert.equal(paused.requests.filter((r) => r.json.id === event.id).length, 0);
});

test('a replay counts and sends what can still be sent: events whose data was erased are left out', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  const first = await api.webhook(receiver.url);
  const [erased, kept] = [await api.postEvent(makeEvent()), await api.postEvent(makeEvent())];
  for (const event of [erased, kept]) await api.delivered({ event_id: event.id });
  (await api.post(`/v1/events/${erased.id}/erase`)).expect(200);
  const later = await receiverFor(t);
  const second = await api.webhook(later.url);
  const range = { from: '2020-01-01T00:00:00Z', until: '2099-01-01T00:00:00Z' };
  for (const [destination, state] of [[first, 'delivered'], [second, 'missing']]) {
    const preview = await api.destinationAction(destination.id, 'replay', { ...range, state, preview: true });
    assert.deepEqual([preview.count, preview.complete], [1, true], state);
    const started = await api.destinationAction(destination.id, 'replay', { ...range, state });
    const replay = await eventually(`the replay of what is ${state}`, async () => {
      const found = (await api.get(`/v1/replays/${started.replay_id}`)).expect(200);
      return found.state === 'done' && found;
    });
    assert.deepEqual([replay.total, replay.done], [1, 1], state);
  }
  assert.deepEqual((await later.waitFor(1)).map((r) => r.json.id), [kept.id]);
});

test('files that something else names stay, and so does what belongs to others', async () => {
  const api = await server.workspace();
  const who = person();
  const other = person();
  const shared = await api.upload(makePdf('General terms'), { name: 'terms.pdf' });
  const twin = await api.upload(makePdf('Price list'), { name: 'prices.pdf' });
  const again = await api.upload(makePdf('Price list'), { name: 'prices-again.pdf' });
  const mine = await completed(api, who, { shared_file: shared });
  const kept = await completed(api, other, { shared_file: shared });
  const priced = await completed(api, person(), { shared_file: twin });
  const erased = (await api.post(`/v1/envelopes/${mine.id}/erase`)).expect(200);
  assert.deepEqual([erased.files_removed, erased.files_kept], [2, 1]);
  (await api.tryFileContent(shared.id)).expect(200);
  const same = (await api.post(`/v1/envelopes/${priced.id}/erase`)).expect(200);
  assert.deepEqual([same.files_removed, same.files_kept], [2, 1], 'the same content under another name');
  (await api.tryFileContent(twin.id)).expectProblem(404);
  assert.equal(sha256((await api.tryFileContent(again.id)).bytes), sha256(makePdf('Price list')));
  assert.equal((await api.envelope(kept.id)).recipients[0].name, other.name);
  // The last one to name it takes it away, and then it can come again.
  (await api.post(`/v1/envelopes/${kept.id}/erase`)).expect(200);
  (await api.tryFileContent(shared.id)).expectProblem(404);
  const fresh = await api.upload(makePdf('General terms'), { name: 'terms.pdf' });
  assert.equal(sha256((await api.tryFileContent(fresh.id)).bytes), sha256(makePdf('General terms')));
});

test('an erasure is refused where it cannot be meant, with what to do instead', async () => {
  const api = await server.workspace();
  const who = person();
  const done = await completed(api, who);
  const running = await api.createEnvelope({
    title: 'Under way', recipients: [{ name: who.name, email: who.email, role: 'signer', order: 1 }],
    files: [{ file_id: (await api.upload(makePdf('x'))).id, kind: 'original' }] });
  const busy = (await api.post(`/v1/envelopes/${running.id}/erase`)).expectProblem(409);
  assert.match(busy.detail, /draft.*void it, or delete it/);
  const [event] = (await api.events({ envelope_id: done.id })).data;
  assert.match((await api.post(`/v1/events/${event.id}/erase`)).expectProblem(409).detail, new RegExp(`/v1/envelopes/${done.id}/erase`));
  for (const basis of ['Because Mr. X asked', '', 'x'.repeat(65), 7])
    (await api.post(`/v1/envelopes/${done.id}/erase`, { basis })).expectProblem(422);
  assert.equal((await api.envelope(done.id)).recipients[0].name, who.name, 'nothing happened');
  for (const role of ['member', 'viewer', 'auditor']) {
    const key = (await api.post('/v1/api-keys', { name: role, role })).expect(201);
    (await api.with(key.key).post(`/v1/envelopes/${done.id}/erase`)).expectProblem(403);
  }
  const stranger = await server.workspace();
  (await stranger.post(`/v1/envelopes/${done.id}/erase`)).expectProblem(404);
  // A draft that was deleted has ended, and its events go with it.
  (await api.request('DELETE', `/v1/envelopes/${running.id}`)).expect(204);
  const erased = (await api.post(`/v1/envelopes/${running.id}/erase`)).expect(200);
  assert.equal(erased.events, 2);
});
