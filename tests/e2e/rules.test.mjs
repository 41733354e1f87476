// Rules of files, envelopes and events that the stories of the other tests do not touch.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { makeEventId } from './lib/ids.mjs';
import { makePdf, sha256 } from './lib/pdf.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';

const server = await startServer();
after(() => server.close());

const person = { name: 'Camille Martin', email: 'camille@supplier.example', role: 'signer', order: 1 };
const strict = { metadata_schema: { type: 'object', required: ['montant_ht'],
                                    properties: { montant_ht: { type: 'number', minimum: 0 } } } };

async function draft(api, options = {}) {
  const file = await api.upload(Buffer.from('%PDF-1.4 original'));
  return api.createEnvelope({ title: 'T', level: 'simple', recipients: [person],
                              files: [{ file_id: file.id, kind: 'original' }], ...options });
}

const remove = (api, id) => api.request('DELETE', `/v1/envelopes/${id}`);

test('a draft can be deleted, is gone then, and its event says so', async () => {
  const api = await server.workspace();
  const [gone, kept] = [await draft(api), await draft(api)];
  (await remove(api, gone.id)).expect(204);
  (await remove(api, gone.id)).expectProblem(404, 'not_found');
  (await api.get(`/v1/envelopes/${gone.id}`)).expectProblem(404);
  (await api.tryEnvelopeAction(gone.id, 'send')).expectProblem(404);
  assert.deepEqual((await api.envelopes()).data.map((e) => e.id), [kept.id]);
  const events = (await api.events({ envelope_id: gone.id, order: 'oldest' })).data;
  assert.deepEqual(events.map((e) => [e.type, e.envelope_id]),
                   [['envelope.created', gone.id], ['envelope.deleted', gone.id]]);
  await api.envelopeAction(kept.id, 'send');
  (await remove(api, kept.id)).expectProblem(409, 'conflict');
});

test('a new workspace sets aside an amount that is null, negative or a text, until its settings are replaced', async (t) => {
  const api = await server.workspace();
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  await api.webhook(receiver.url);
  const of = (montant_ht) => makeEvent({ envelope: { metadata: { montant_ht } } });
  const guarded = { metadata_schema: { type: 'object', properties: { montant_ht: { type: 'number', minimum: 0 } } } };
  const settings = async () => (await api.get('/v1/settings')).expect(200);
  assert.deepEqual(await settings(), guarded);
  for (const amount of [null, -1, -0.01, '12500']) {
    const answer = await api.postEvent(of(amount));
    assert.deepEqual([answer.status, answer.pointer], ['quarantined', '/data/envelope/metadata/montant_ht'], `${amount}`);
  }
  await api.alertWhen('the amounts', (alert) => alert.kind === 'event_quarantined');
  const kept = [await api.postEvent(of(0)), await api.postEvent(of(12500.1)), await api.postEvent(makeEvent())];
  await receiver.waitFor(3);
  await api.putSettings({});
  assert.deepEqual(await settings(), {});
  kept.push(await api.postEvent(of(null)));
  const got = (await receiver.waitFor(4)).map(({ json }) => json.id);
  assert.deepEqual(got.toSorted(), kept.map(({ id }) => id).toSorted());
});

test('metadata that breaks the schema of the workspace is refused with its place, and an alert stays', async () => {
  const api = await server.workspace();
  await api.putSettings(strict);
  const file = await api.upload(Buffer.from('%PDF-1.4 original'));
  const body = (metadata) => ({ title: 'T', recipients: [person], metadata, files: [{ file_id: file.id }] });
  const problem = (await api.tryCreateEnvelope(body({ montant_ht: -1 }))).expectProblem(422, 'invalid_argument');
  assert.equal(problem.errors[0].pointer, '/metadata/montant_ht');
  (await api.tryCreateEnvelope(body(undefined))).expectProblem(422);
  (await api.tryCreateEnvelope(body({ montant_ht: null }))).expectProblem(422);
  const alert = await api.alertWhen('metadata', (a) => a.kind === 'metadata_rejected' && a.count === 2);
  assert.match(JSON.stringify(alert), /montant_ht/);
  assert.equal((await api.events()).data.length, 0);
  await api.createEnvelope(body({ montant_ht: 12500.10 }));
});

test('the same upload under the same key is the same file, other bytes under it a conflict', async () => {
  const api = await server.workspace();
  const put = (bytes, name = 'a.pdf') => api.request('POST', '/v1/files', { body: Buffer.from(bytes), headers: {
    'content-type': 'application/pdf', 'x-file-name': name, 'idempotency-key': 'upload-1' } });
  const first = (await put('%PDF-1.4 one')).expect(201);
  assert.equal((await put('%PDF-1.4 one')).expect(201).id, first.id);
  (await put('%PDF-1.4 two')).expectProblem(409, 'conflict');
  (await put('%PDF-1.4 one', 'b.pdf')).expectProblem(409, 'conflict');
  (await api.tryUpload(Buffer.alloc(0))).expectProblem(422);
  (await api.tryUpload(Buffer.from('x'), { name: '%zz' })).expectProblem(422);
  (await api.tryUpload(Buffer.from('x'), { type: 'nonsense' })).expectProblem(415);
  const page = await api.upload(Buffer.from('<script>'), { type: 'text/html', name: 'page.html' });
  const content = await api.tryFileContent(page.id);
  assert.match(content.headers.get('content-type'), /^application\/octet-stream/);
  assert.match(content.headers.get('content-disposition'), /^attachment/);
});

test('attaching the same files again after completion is no conflict, and the history is kept', async () => {
  const api = await server.workspace();
  const envelope = await draft(api);
  await api.envelopeAction(envelope.id, 'send');
  await api.report(envelope.id, envelope.recipients[0].id, 'signed', { ip: '203.0.113.7' });
  const pdf = await api.upload(Buffer.from('%PDF-1.4 signed'));
  const files = [{ file_id: pdf.id, kind: 'signed_pdf' }];
  // Several at once: one completes it, all get the same envelope.
  const answers = await Promise.all([1, 2, 3].map(() => api.attach(envelope.id, files)));
  assert.deepEqual(new Set(answers.map((a) => a.status)), new Set(['completed']));
  const again = await api.attach(envelope.id, files);
  assert.deepEqual(again, await api.envelope(envelope.id));
  assert.equal(again.files.filter((f) => f.kind === 'audit_trail').length, 1);
  const types = (await api.events({ envelope_id: envelope.id, order: 'oldest' })).data.map((e) => e.type);
  assert.equal(types.filter((type) => type === 'envelope.completed').length, 1);
  const history = (await api.get(`/v1/envelopes/${envelope.id}/history`)).expect(200).data;
  assert.equal(history[0].what, 'envelope.created');
  assert.equal(history.at(-1).what, 'envelope.completed');
  assert.ok(history.some((n) => n.what === 'recipient.signed' && n.presence.ip === '203.0.113.7'));
  const viewer = (await server.owner.createApiKey(api.workspace_id, { name: 'v', role: 'viewer' })).key;
  (await api.with(viewer).get(`/v1/envelopes/${envelope.id}/history`)).expectProblem(403);
  const whole = await api.envelope(envelope.id);
  const [listed] = (await api.with(viewer).get('/v1/envelopes')).expect(200).data.filter(({ id }) => id === envelope.id);
  const seen = await api.with(viewer).envelope(envelope.id);
  assert.deepEqual(listed, seen);
  assert.deepEqual([seen.status, seen.title, seen.metadata], [whole.status, whole.title, whole.metadata]);
  assert.ok(whole.recipients.length > 0);
  for (const [i, { name, email, phone, presence, reason, ...rest }] of whole.recipients.entries()) {
    assert.ok(name && email);
    assert.deepEqual(seen.recipients[i], rest, 'states and times without the person');
  }
  const text = JSON.stringify(seen);
  for (const { name, email } of whole.recipients) assert.ok(!text.includes(name) && !text.includes(email), text);
});

test('a report from the future, an address that is none and an unknown member are refused', async () => {
  const api = await server.workspace();
  const envelope = await draft(api);
  const [{ id }] = envelope.recipients;
  await api.envelopeAction(envelope.id, 'send');
  const later = new Date(Date.now() + 3_600_000).toISOString();
  for (const [body, pointer] of [[{ occurred_at: later }, '/occurred_at'], [{ occurred_at: '1999-01-01T00:00:00Z' }, '/occurred_at'],
                                 [{ ip: '300.1.1.1' }, '/ip'],
                                 [{ seen: true }, '/seen'], [{ reason: 'x'.repeat(2_001) }, '/reason']]) {
    const problem = (await api.tryReport(envelope.id, id, 'viewed', body)).expectProblem(422);
    assert.equal(problem.errors[0].pointer, pointer);
  }
  (await api.tryReport(envelope.id, id, 'reassigned', {})).expectProblem(422);
  assert.equal((await api.tryReport(envelope.id, id, 'declined', {})).expectProblem(422).errors[0].pointer, '/reason');
  (await api.tryReport(envelope.id, id, 'danced', {})).expectProblem(404);
  (await api.tryAttach(envelope.id, [])).expectProblem(422);
  (await api.tryAttach(envelope.id, [{ file_id: envelope.files[0].file_id, kind: 'original' }])).expectProblem(422);
});

test('only a PDF is taken as the signed PDF or the audit trail', async () => {
  const api = await server.workspace();
  const envelope = await draft(api);
  await api.envelopeAction(envelope.id, 'send');
  for (const { id } of envelope.recipients) await api.report(envelope.id, id, 'signed');
  const uploads = [[Buffer.from('not a PDF'), 'application/pdf'], [makePdf('x'), 'text/plain']];
  for (const [bytes, type] of uploads) {
    const file = await api.upload(bytes, { type });
    for (const kind of ['signed_pdf', 'audit_trail'])
      assert.equal((await api.tryAttach(envelope.id, [{ file_id: file.id, kind }])).expectProblem(422).errors[0].pointer, '/files/0/file_id');
    await api.attach(envelope.id, [{ file_id: file.id, kind: 'attachment' }]);
  }
  assert.equal((await api.envelope(envelope.id)).status, 'sealing');
});

test('metadata has the same bound in an event as in an envelope', async () => {
  const api = await server.workspace();
  const metadata = { note: 'x'.repeat(65_536) };
  for (const data of [{ envelope: { id: 'e', metadata } }, { envelope: { id: 'e' }, metadata }])
    assert.match((await api.post('/v1/events', { type: 'envelope.sent', data })).expectProblem(422).errors[0].pointer, /metadata$/);
  assert.deepEqual((await api.events()).data, []);
});

test('files that an event names must be there, and what it leaves out is filled in', async (t) => {
  const api = await server.workspace();
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  await api.webhook(receiver.url);
  const bytes = Buffer.from('%PDF-1.4 signed elsewhere');
  const file = await api.upload(bytes);
  const event = (signed_pdf) => ({ type: 'envelope.completed', data: {
    envelope: { id: 'elsewhere-1' }, files: { signed_pdf, audit_trail: { url: 'https://app.example.com/t' } } } });
  const unknown = (await api.tryPostEvent(event({ file_id: 'file_00000000000000000000000000' }))).expectProblem(422);
  assert.equal(unknown.errors[0].pointer, '/data/files/signed_pdf/file_id');
  const other = (await api.tryPostEvent(event({ file_id: file.id, sha256: '0'.repeat(64) }))).expectProblem(422);
  assert.equal(other.errors[0].pointer, '/data/files/signed_pdf/sha256');
  await api.postEvent(event({ file_id: file.id }));
  const { signed_pdf } = (await receiver.next()).json.data.files;
  assert.equal(signed_pdf.sha256, sha256(bytes));
  const fetched = await fetch(signed_pdf.url);
  assert.equal(sha256(Buffer.from(await fetched.arrayBuffer())), sha256(bytes));
  assert.match(fetched.headers.get('content-disposition'), /^attachment/);
  // The key of another workspace opens nothing more than no key does.
  const stranger = await server.workspace();
  (await stranger.tryFileContent(file.id)).expectProblem(404);
});

test('the history of an envelope that is kept here cannot be written past its state machine', async () => {
  const api = await server.workspace();
  const envelope = await draft(api);
  const forged = makeEvent({ type: 'envelope.voided', envelope: { id: envelope.id } });
  (await api.tryPostEvent(forged)).expectProblem(409, 'conflict');
  const [answer] = await api.postBatch([forged]);
  assert.deepEqual([answer.index, answer.status, answer.error.code], [0, 'rejected', 'conflict']);
  // In another workspace that id means nothing.
  assert.equal((await (await server.workspace()).postEvent(forged)).status, 'accepted');
});

test('a quarantined event that is sent again is set aside once, and a corrected one passes', async () => {
  const api = await server.workspace();
  await api.putSettings(strict);
  const id = makeEventId();
  const bad = makeEvent({ id, envelope: { metadata: { montant_ht: -1 } } });
  const first = await api.postEvent(bad);
  assert.deepEqual([first.status, first.pointer], ['quarantined', '/data/envelope/metadata/montant_ht']);
  assert.equal((await api.postEvent(bad)).quarantine_id, first.quarantine_id);
  const keyed = makeEvent({ envelope: { metadata: { montant_ht: -2 } } });
  const key = { 'idempotency-key': 'bad-1' };
  const second = await api.postEvent(keyed, key);
  assert.equal((await api.postEvent(keyed, key)).quarantine_id, second.quarantine_id);
  assert.equal((await api.quarantine()).length, 2);
  const good = makeEvent({ id, envelope: { metadata: { montant_ht: 1 } } });
  assert.equal((await api.postEvent(good)).status, 'accepted');
  assert.equal((await api.postEvent(good)).repeated, true);
  (await api.tryPostEvent(bad)).expectProblem(409, 'conflict');
});

test('a batch says what is wrong with each event, and is the same under the same key', async () => {
  const api = await server.workspace();
  const once = makeEvent({ id: makeEventId() });
  const events = [once, { type: 'nonsense', data: {} }, 7, once, makeEvent({ timestamp: 'then' })];
  const key = { 'idempotency-key': 'batch-1' };
  const results = await api.postBatch(events, key);
  assert.deepEqual(results.map((r) => [r.index, r.status]),
                   [[0, 'accepted'], [1, 'rejected'], [2, 'rejected'], [3, 'accepted'], [4, 'rejected']]);
  assert.deepEqual([results[1].error.pointer, results[4].error.pointer], ['/type', '/timestamp']);
  assert.equal(results[3].repeated, true);
  assert.deepEqual(await api.postBatch(events, key), results);
  (await api.tryPostBatch([makeEvent()], key)).expectProblem(409, 'conflict');
  (await api.tryPostBatch([])).expectProblem(422);
  assert.equal((await api.events()).data.length, 1);
  // Large ones too: each event with as much as a contract may carry.
  const wide = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`field_${n}`, n]));
  const large = Array.from({ length: 1000 }, (_, n) => makeEvent({ envelope: { id: `w-${n}`, metadata: wide } }));
  assert.ok((await api.postBatch(large)).every((r) => r.status === 'accepted'));
});

test('events are listed by type, time and envelope, and their data is for those who may read it', async () => {
  const api = await server.workspace();
  const sent = await api.postEvent(makeEvent({ type: 'envelope.sent' }));
  const voided = await api.postEvent(makeEvent({ type: 'envelope.voided' }));
  const ids = async (filter) => (await api.events(filter)).data.map((e) => e.id);
  assert.deepEqual(await ids({}), [voided.id, sent.id]);
  assert.deepEqual(await ids({ order: 'oldest' }), [sent.id, voided.id]);
  assert.deepEqual(await ids({ type: 'envelope.canceled' }), [voided.id]);
  assert.deepEqual(await ids({ until: '2026-01-01T00:00:00Z' }), []);
  for (const filter of ['type=nonsense', 'from=then', 'envelope_id=x', 'envelope_id=env_00000000000000000000000000',
                        'entity_id=ent_00000000000000000000000000'])
    (await api.get(`/v1/events?${filter}`)).expectProblem(422);
  const viewer = (await server.owner.createApiKey(api.workspace_id, { name: 'v', role: 'viewer' })).key;
  const seen = await api.with(viewer).event(sent.id);
  assert.deepEqual([seen.id, seen.data], [sent.id, undefined]);
  assert.equal((await api.get('/v1/event-types/signer.signed')).expect(200).type, 'recipient.signed');
});

test('what a filter could not judge is left out, explained, and sent once the filter is mended', async (t) => {
  const api = await server.workspace();
  const receiver = await Receiver.start();
  t.after(() => receiver.close());
  const destination = await api.webhook(receiver.url, { filter: 'metadata.montant_ht > 1000' });
  const [renamed, fitting] = [{ montant: 5000 }, { montant_ht: 5000 }];
  const left_out = await api.postEvent(makeEvent({ envelope: { metadata: renamed } }));
  const taken = await api.postEvent(makeEvent({ envelope: { metadata: fitting } }));
  await api.delivered({ event_id: taken.id });
  assert.deepEqual(await api.eventDeliveries(left_out.id), []);
  const why = await api.destinationAction(destination.id, 'explain-filter', { event_id: left_out.id });
  assert.deepEqual([why.taken, why.filter_matched], [false, false]);
  assert.match(why.problem, /there is no field 'montant_ht'/);

  const range = { from: '2020-01-01T00:00:00Z', until: '2099-01-01T00:00:00Z', state: 'missing' };
  const count = async () => (await api.destinationAction(destination.id, 'replay', { ...range, preview: true })).count;
  assert.equal(await count(), 0, 'the filter still does not take it');
  await api.patchDestination(destination.id, { config: { filter: 'coalesce(metadata.montant_ht, metadata.montant) > 1000' } });
  assert.equal(await count(), 1);
  await api.destinationAction(destination.id, 'replay', range);
  await api.delivered({ event_id: left_out.id });
  assert.deepEqual(receiver.requests.map((r) => r.headers['webhook-id']), [taken.id, left_out.id]);
});
