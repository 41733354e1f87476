// A person asks for what is known of them to be erased: documents and events that were set aside.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeDocument, makeEvent } from './lib/api.mjs';
import { makePdf } from './lib/pdf.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { filesBelow, findIn, person } from './lib/traces.mjs';
import { eventually } from './lib/wait.mjs';

const settings = { 'development.enabled': 'true', 'delivery.schedule': '0s,1s' };
const key = 'key-of-the-accounting-system-3f81';
const server = await startServer({ settings });
after(() => server.close());

const receive = async (answer) => {
  const made = await Receiver.start({ answer });
  after(() => made.close());
  return made;
};
async function sender(accounting, on = server, saved = {}) {
  const api = await on.workspace();
  const entity = await api.createEntity({ reference: 'FR-1', name: 'Example France' });
  await api.saveAccounting({ url: accounting.url, api_key: key, enabled: true, ...saved });
  return { api, entity };
}
const about = (entity, who, rest = {}) => makeDocument(entity.id, {
  number: `N ${who.word}`, description: `Fees of ${who.name}`, metadata: { customer: who.email }, ...rest });
const erase = (api, id, body) => api.post(`/v1/documents/${id}/erase`, body);

test('after an erasure nothing of a document is in any byte of the data directory, and the proofs hold', async (t) => {
  const own = await startServer({ settings });
  t.after(() => own.close());
  const who = person();
  // Both repeat what they got: their answers are kept, in attempts and in the words of an alert.
  const accounting = await receive((seen) => ({ status: 503, body: { refused: seen.json.number, it: seen.json } }));
  const echo = await receive((seen) => ({ status: 200, body: seen.body }));
  const { api, entity } = await sender(accounting, own, { retries: true });
  await api.upsert(entity.id, 'suppliers', [{ reference_id: 'F-2891', name: 'A supplier' }]);
  await api.webhook(echo.url, { name: 'Echo' });
  const creation = [about(entity, who, { supplier: 'F-2891' }), { 'idempotency-key': `for ${who.email}` }];
  const draft = (await api.tryCreateDocument(...creation)).expect(201);
  (await api.tryPutDocumentFile(draft.id, makePdf('Invoice', `first, for ${who.name}`), { name: `${who.word}-1.pdf` })).expect(200);
  (await api.tryPutDocumentFile(draft.id, makePdf('Invoice', `for ${who.name}`), { name: `${who.word}.pdf` })).expect(200);
  const document = await api.validateDocument(draft.id);
  assert.equal((await api.send(document.id)).outcome, 'failed');
  const alert = await api.alertWhen('given up', (a) => a.kind === 'document_not_posted');
  assert.ok(JSON.stringify(alert).includes(who.word), 'the words of the answer are in the alert');
  accounting.answer = (seen) => ({ status: 200, body: { id: 'A-1', of: seen.json.number } });
  assert.equal((await api.send(document.id)).outcome, 'sent');
  const events = (await api.events({ document_id: document.id, limit: 200 })).data;
  assert.deepEqual(new Set(events.map((e) => e.type)), new Set([
    'document.validated', 'document.dispatched', 'document.post_failed', 'document.posted']));
  await eventually('all of it was delivered', async () =>
    (await api.deliveries({ state: 'delivered', limit: 200 })).length === events.length);
  assert.equal((await fetch(`${own.url}/v1/documents/${document.id}/file`, { headers: { authorization: `Bearer ${key}` } })).status, 200);
  await own.restart();
  assert.ok(findIn(own.data_dir, who.word).length > 1, 'the search finds what is there');

  const erased = (await erase(api, document.id, { basis: 'gdpr_17_1_b' })).expect(200);
  assert.deepEqual({ ...erased, erased_at: undefined }, {
    subject: document.id, erased_at: undefined, basis: 'gdpr_17_1_b', events: events.length,
    deliveries_cancelled: 0, files_removed: 2, files_kept: 0 });
  assert.deepEqual((await erase(api, document.id)).expect(200), erased, 'the same again gives the first answer');
  await eventually('nothing is left, beside the running server', () => findIn(own.data_dir, who.word).length === 0, 30_000);
  await own.stop();
  assert.deepEqual(findIn(own.data_dir, who.word), []);
  const check = await own.cli(['ledger', 'verify']);
  assert.equal(check.code, 0, check.output);
  assert.match(check.output, new RegExp(`erased[^\\n]*: ${events.length}\\b`), check.output);
  const folder = join(own.data_dir, '..', 'export');
  assert.equal((await own.cli(['ledger', 'export', folder])).code, 0);
  const leaves = filesBelow(folder).map((path) => readFileSync(path, 'latin1')).join('\n');
  assert.match(leaves, new RegExp(`"basis":"gdpr_17_1_b","events":${events.length},"files":2,"k":"erasure"[^}]*"subject":"${document.id}"`));
  await own.start();

  const shown = await api.document(document.id);
  assert.deepEqual([shown.status, shown.erased, shown.erased_at], ['sent', true, erased.erased_at]);
  assert.equal(shown.number, undefined);
  assert.deepEqual((await api.documents()).data, [shown]);
  assert.deepEqual((await api.documents({ supplier: 'F-2891' })).data, []);
  for (const { id } of events) {
    const event = await api.event(id);
    assert.deepEqual([event.erased, event.erased_at, event.data], [true, erased.erased_at, undefined]);
    assert.match((await api.tryProof(id)).text, /^c2sp\.org\/tlog-proof@v1\n/);
  }
  for (const a of await api.alerts()) assert.ok(!JSON.stringify(a).includes(who.word));
  (await api.get(`/v1/documents/${document.id}/sends`)).expectProblem(410);
  for (const action of ['send', 'reopen', 'validate']) (await api.tryDocumentAction(document.id, action)).expectProblem(410);
  (await api.tryDocumentAction(document.id, 'send', { force: true })).expectProblem(410);
  (await api.get(`/v1/documents/${document.id}/file`)).expectProblem(410);
  const with_key = await fetch(`${own.url}/v1/documents/${document.id}/file`, { headers: { authorization: `Bearer ${key}` } });
  assert.equal(with_key.status, 401);
  (await api.tryCreateDocument(...creation)).expectProblem(410);
  const [delivery] = await api.deliveries({ state: 'delivered', limit: 1 });
  (await api.post(`/v1/deliveries/${delivery.id}/replay`)).expectProblem(410);
});

test('a document is erased in every state but while it is being sent, and is not sent after it', async () => {
  const accounting = await receive({ status: 503 });
  const { api, entity } = await sender(accounting, server, { retries: true });
  const who = person();
  const waiting = await api.validateDocument((await api.createDocument(about(entity, who))).id);
  assert.ok((await api.send(waiting.id)).document.next_attempt_at);
  (await erase(api, waiting.id)).expect(200);
  assert.equal(accounting.count, 1);
  const held = [];
  accounting.answer = (seen, response) => { held.push(response); };
  const busy = await api.validateDocument((await api.createDocument(about(entity, who))).id);
  const sending = api.send(busy.id);
  await accounting.waitFor(2);
  const shown = await api.document(busy.id);
  assert.equal(shown.status, 'sending');
  assert.ok(Date.parse(shown.sending_since) >= Date.parse(shown.validated_at));
  assert.match((await erase(api, busy.id)).expectProblem(409).detail, /is being sent right now/);
  for (const response of held) response.end();
  assert.equal((await sending).outcome, 'sent');
  (await erase(api, busy.id)).expect(200);
  const draft = await api.createDocument(about(entity, who));
  assert.equal((await erase(api, draft.id)).expect(200).events, 0);
  // The retry that was planned would have come after a second.
  const other = await api.validated(entity.id);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  accounting.answer = { status: 200 };
  await api.send(other.id);
  const ids = accounting.requests.map((r) => r.headers['idempotency-key']);
  assert.deepEqual(ids, [waiting.id, busy.id, other.id]);
});

test('a draft whose events are on record is not deleted but erased, and its events with it', async () => {
  const { api, entity } = await sender(await receive({ status: 200 }));
  const document = await api.validated(entity.id);
  (await api.tryDocumentAction(document.id, 'reopen')).expect(200);
  const refused = (await api.request('DELETE', `/v1/documents/${document.id}`)).expectProblem(409);
  assert.match(refused.detail, new RegExp(`/v1/documents/${document.id}/erase`));
  const [event] = (await api.events({ document_id: document.id })).data;
  assert.equal(event.document_id, document.id);
  assert.match((await api.post(`/v1/events/${event.id}/erase`)).expectProblem(409).detail,
               new RegExp(`/v1/documents/${document.id}/erase`));
  for (const role of ['member', 'viewer', 'auditor']) {
    const made = (await api.post('/v1/api-keys', { name: role, role })).expect(201);
    (await erase(api.with(made.key), document.id)).expectProblem(403);
  }
  (await erase(await server.workspace('Other'), document.id)).expectProblem(404);
  assert.equal((await erase(api, document.id)).expect(200).events, 1);
  assert.equal((await api.event(event.id)).erased, true);
});

test('a document that is kept here gets its events from what is done with it, and from nobody else', async () => {
  const { api, entity } = await sender(await receive({ status: 200 }));
  const document = await api.validated(entity.id);
  const [known] = (await api.events({ document_id: document.id })).data;
  const { data } = await api.event(known.id);
  const forged = (await api.tryPostEvent({ type: 'document.posted', data })).expectProblem(409);
  assert.match(forged.detail, /this document is kept here/);
  const foreign = { ...data, document: { ...data.document, id: 'their-document-7' } };
  assert.equal((await api.postEvent({ type: 'document.posted', data: foreign })).status, 'accepted');
});

test('an event that was set aside is erased, whether it waits or was rejected', async (t) => {
  const own = await startServer({ settings });
  t.after(() => own.close());
  const api = await own.workspace();
  await api.putSettings({ metadata_schema: { type: 'object', required: ['montant_ht'] } });
  const who = person();
  const suspicious = () => makeEvent({ envelope: { title: who.name, metadata: { [who.word]: who.email } } });
  const aside = async () => (await api.postEvent(suspicious())).quarantine_id;
  const [waits, rejected, released] = [await aside(), await aside(), await aside()];
  (await api.post(`/v1/quarantine/${rejected}/reject`)).expect(200);
  const { event } = (await api.post(`/v1/quarantine/${released}/release`)).expect(200);
  await own.restart();
  assert.ok(findIn(own.data_dir, who.word).length === 0, 'it is sealed');
  const erase_aside = (id, body) => api.post(`/v1/quarantine/${id}/erase`, body);
  assert.match((await erase_aside(released)).expectProblem(409).detail, /was released/);
  const stranger = await own.workspace('Other');
  (await stranger.post(`/v1/quarantine/${waits}/erase`)).expectProblem(404);
  const member = (await api.post('/v1/api-keys', { name: 'm', role: 'member' })).expect(201);
  (await api.with(member.key).post(`/v1/quarantine/${waits}/erase`)).expectProblem(403);
  for (const id of [waits, rejected]) {
    const erased = (await erase_aside(id, { basis: 'gdpr_17_1_b' })).expect(200);
    assert.deepEqual([erased.subject, erased.events], [id, 0]);
    assert.deepEqual((await erase_aside(id)).expect(200), erased);
    const seen = (await api.get(`/v1/quarantine/${id}`)).expect(200);
    assert.deepEqual([seen.erased, seen.state, seen.reason, seen.payload], [true, 'rejected', '', undefined]);
    (await api.post(`/v1/quarantine/${id}/release`)).expectProblem(409);
  }
  assert.ok((await api.event(event.id)).data, 'the one that was released is another matter');
  (await api.post(`/v1/events/${event.id}/erase`)).expect(200);
  assert.equal((await api.get(`/v1/quarantine/${released}`)).expect(200).erased, true);
  await own.stop();
  const check = await own.cli(['ledger', 'verify']);
  assert.equal(check.code, 0, check.output);
});

test('what was set aside under the id of an event that came again is erased without that event', async () => {
  const api = await server.workspace();
  await api.putSettings({ metadata_schema: { type: 'object', required: ['montant_ht'] } });
  const id = `evt_${'01KSJ4V5RV0000000000000'}${Math.random().toString(36).slice(2, 5).toUpperCase().replace(/[ILOU]/g, '0')}`;
  const bad = { ...makeEvent({ envelope: { metadata: { a: 1 } } }), id };
  const { quarantine_id } = await api.postEvent(bad);
  const good = await api.postEvent({ ...makeEvent({ envelope: { metadata: { montant_ht: 1 } } }), id });
  assert.equal(good.status, 'accepted');
  (await api.post(`/v1/quarantine/${quarantine_id}/erase`)).expect(200);
  assert.ok((await api.event(id)).data);
  assert.equal((await api.post(`/v1/events/${id}/erase`)).expect(200).subject, id);
});
