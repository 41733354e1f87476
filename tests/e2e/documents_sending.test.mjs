// One document, one id, one posting: under a hundred calls at once, among many entities, when the
// power goes, and when attempts are made again by themselves.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeDocument } from './lib/api.mjs';
import { parseMetrics, valueOf } from './lib/prometheus.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

const entities = 50;
const documents = Number(process.env.BLOTTER_TEST_DOCUMENTS ?? 10_000);
const callers = 40;

const development = { 'development.enabled': 'true' };
// One with the times that users have, and one that waits a second, for receivers that do not answer.
const server = await startServer({ settings: development });
after(() => server.close());
const hasty = await startServer({ settings: {
  ...development, 'delivery.schedule': '0s,1s,5s', 'delivery.timeout': '1s', 'delivery.connect_timeout': '500ms' } });
after(() => hasty.close());

const ids = (receiver) => receiver.requests.map((r) => r.headers['idempotency-key']);
const receive = async (answer) => {
  const made = await Receiver.start({ answer });
  after(() => made.close());
  return made;
};
async function sender(url, settings = {}, on = server) {
  const api = await on.workspace();
  const entity = await api.createEntity({ reference: 'FR-1', name: 'Example France' });
  await api.saveAccounting({ url, enabled: true, ...settings });
  return { api, entity };
}
async function eventTypes(api) {
  return (await api.events({ order: 'oldest' })).data.map((e) => e.type);
}
const documentWhen = (api, id, status) => eventually(`the document is ${status}`, async () => {
  const found = await api.document(id);
  if (found.status === status) return found;
  throw new Error(`it is ${JSON.stringify(found)}`);
});

test('a hundred sends of one document at once make one request with one id', async () => {
  const accounting = await receive({ body: { id: 'A-1' }, after_ms: 100 });
  const { api, entity } = await sender(accounting.url);
  const document = await api.validated(entity.id);
  const answers = await Promise.all(Array.from({ length: 100 }, () => api.trySend(document.id)));
  assert.deepEqual(ids(accounting), [document.request_id]);
  const outcomes = answers.map((a) => (a.status === 200 ? a.json.outcome : a.status));
  assert.equal(outcomes.filter((o) => o === 'sent').length, 1);
  for (const [i, outcome] of outcomes.entries()) {
    assert.ok(['sent', 'already_sent', 409].includes(outcome), answers[i].text);
    if (outcome === 409) assert.match(answers[i].expectProblem(409).detail, /is being sent right now/);
  }
  assert.deepEqual(await eventTypes(api),
                   ['document.validated', 'document.dispatched', 'document.posted']);
});

test('a document that was sent says so, and goes out again only when forced, under the same id', async () => {
  const accounting = await receive({ body: { id: 'A-1' } });
  const { api, entity } = await sender(accounting.url);
  const document = await api.validated(entity.id);
  await api.send(document.id);
  const again = await api.send(document.id);
  assert.equal(again.outcome, 'already_sent');
  assert.match(again.message, /was sent before, at .* \(Ref: A-1\)/);
  assert.equal(accounting.count, 1);
  assert.equal((await api.send(document.id, { force: true })).outcome, 'sent');
  assert.deepEqual(ids(accounting), [document.request_id, document.request_id]);
  assert.deepEqual(accounting.requests[0].body, accounting.requests[1].body);
  accounting.answer = { status: 500 };
  const failed = await api.send(document.id, { force: true });
  assert.equal(failed.outcome, 'failed');
  assert.equal(failed.document.status, 'sent', 'it was posted, and that stays so');
  assert.equal(failed.document.reference, 'A-1');
});

test('a document is a draft, validated, sending and sent, each since a time', async () => {
  const accounting = await receive({ body: { id: 'A-1' }, after_ms: 800 });
  const { api, entity } = await sender(accounting.url);
  const draft = await api.createDocument(makeDocument(entity.id));
  const validated = await api.validateDocument(draft.id);
  const sending = api.send(draft.id);
  await accounting.next();
  const under_way = await api.document(draft.id);
  const { document: sent } = await sending;
  const seen = [draft, validated, under_way, sent];
  assert.deepEqual(seen.map((d) => d.status), ['draft', 'validated', 'sending', 'sent']);
  const times = [draft.created_at, validated.validated_at, under_way.sending_since, sent.sent_at];
  assert.deepEqual(times.map((t) => Number.isNaN(Date.parse(t))), [false, false, false, false]);
  assert.deepEqual([...times].sort(), times);
  assert.deepEqual([sent.sending_since, draft.sent_at], [undefined, undefined]);
  const listed = async (filter) => (await api.documents(filter)).data.map((d) => d.id);
  assert.deepEqual(await listed({ status: 'sent', created_from: draft.created_at }), [draft.id]);
  assert.deepEqual(await listed({ created_before: draft.created_at }), []);
});

test('a receiver that answers too late leaves the document unknown, and the next send has the same id', async () => {
  const accounting = await receive({ status: 200 });
  accounting.script.push({ body: { id: 'TOO-LATE' }, after_ms: 1_500 });
  const { api, entity } = await sender(accounting.url, {}, hasty);
  const document = await api.validated(entity.id);
  const { outcome, message, document: unknown } = await api.send(document.id);
  assert.equal(outcome, 'unknown');
  assert.match(message, /timed out after 1 s/);
  assert.equal(unknown.status, 'unknown');
  for (const action of ['reopen', 'validate'])
    (await api.tryDocumentAction(document.id, action)).expectProblem(409);
  (await api.tryReplaceDocument(document.id, makeDocument(entity.id))).expectProblem(409);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal((await api.document(document.id)).status, 'unknown', 'also when the answer has come');
  const { outcome: second, document: sent } = await api.send(document.id);
  assert.deepEqual([second, sent.reference], ['sent', undefined]);
  assert.deepEqual(ids(accounting), [document.request_id, document.request_id]);
  assert.deepEqual(await eventTypes(api), [
    'document.validated', 'document.dispatched', 'document.post_failed', 'document.dispatched',
    'document.posted']);
});

test('what was being sent when the power went is unknown after the start, and goes out under the same id', async (t) => {
  const own = await startServer({ settings: { ...development } });
  t.after(() => own.close());
  const accounting = await receive({ body: { id: 'A-1' } });
  accounting.script.push(() => undefined);
  const { api, entity } = await sender(accounting.url, {}, own);
  const document = await api.validated(entity.id);
  const cut = api.trySend(document.id).catch((error) => error);
  await accounting.next();
  await own.kill();
  await cut;
  await own.start();
  const found = await documentWhen(api, document.id, 'unknown');
  assert.equal(found.last_error.code, 'interrupted');
  await api.alertWhen('the document was not posted',
                      (a) => a.kind === 'document_not_posted' && a.subject === document.id);
  assert.equal((await api.send(document.id)).outcome, 'sent');
  const [alert] = await api.alerts();
  assert.deepEqual([alert.state, alert.resolved_by], ['resolved', 'sent'], 'nothing is left to look at');
  assert.deepEqual(ids(accounting), [document.request_id, document.request_id]);
  assert.deepEqual(accounting.requests[0].body, accounting.requests[1].body);
  assert.deepEqual(await eventTypes(api), [
    'document.validated', 'document.dispatched', 'document.post_failed', 'document.dispatched',
    'document.posted']);
  await own.stop();
  const verified = await own.cli(['ledger', 'verify']);
  assert.equal(verified.code, 0, verified.output);
});

test('with retries on, it is sent again by itself under the same id until it is posted', async () => {
  const accounting = await receive({ body: { id: 'A-1' } });
  accounting.script.push({ status: 503 }, () => undefined);
  const { api, entity } = await sender(accounting.url, { retries: true }, hasty);
  const document = await api.validated(entity.id);
  const first = await api.send(document.id);
  assert.equal(first.outcome, 'failed');
  assert.ok(Date.parse(first.document.next_attempt_at) > Date.now() - 5_000);
  const sent = await documentWhen(api, document.id, 'sent');
  assert.equal(sent.reference, 'A-1');
  assert.equal(sent.next_attempt_at, undefined);
  assert.deepEqual(new Set(ids(accounting)), new Set([document.request_id]));
  assert.equal(accounting.count, 3);
});

test('retries that are used up raise an alert, which a later success resolves; an answer that refuses is not repeated', async () => {
  const accounting = await receive({ status: 503 });
  const { api, entity } = await sender(accounting.url, { retries: true }, hasty);
  const document = await api.validated(entity.id);
  await api.send(document.id);
  await api.alertWhen('given up', (a) => a.kind === 'document_not_posted');
  const given_up = await api.document(document.id);
  assert.equal(given_up.next_attempt_at, undefined);
  assert.equal(given_up.attempts, 3);
  const alertOf = async () => (await api.alerts()).find((a) => a.subject === document.id);
  accounting.answer = { status: 422 };
  await api.send(document.id);
  assert.equal((await alertOf()).state, 'open', 'a send that fails resolves nothing');
  accounting.answer = { status: 200 };
  await api.send(document.id);
  assert.deepEqual([(await alertOf()).state, (await alertOf()).resolved_by], ['resolved', 'sent']);
  accounting.answer = { status: 422 };
  const refused = await api.validated(entity.id);
  const { document: seen } = await api.send(refused.id);
  assert.equal(seen.next_attempt_at, undefined);
});

test('the metrics count what sends come to', async () => {
  const accounting = await receive({ status: 200 });
  const { api, entity } = await sender(accounting.url);
  const read = async () => parseMetrics((await api.get('/metrics')).text);
  const counted = (families) => ['sent', 'failed', 'unknown'].map(
    (outcome) => valueOf(families, 'blotter_document_sends_total', { outcome }));
  const before = counted(await read());
  accounting.script.push({ status: 500 }, (seen, response) => { response.destroy(); });
  const document = await api.validated(entity.id);
  const outcomes = [];
  for (let i = 0; i < 3; ++i) outcomes.push((await api.send(document.id)).outcome);
  assert.deepEqual(outcomes, ['failed', 'unknown', 'sent']);
  const after_them = await read();
  assert.deepEqual(counted(after_them).map((n, i) => n - before[i]), [1, 1, 1]);
  assert.equal(valueOf(after_them, 'blotter_document_sends_in_flight'), 0);
});

test('without retries nothing is sent by itself', async () => {
  const accounting = await receive({ status: 503 });
  const { api, entity } = await sender(accounting.url);
  const { document } = await api.send((await api.validated(entity.id)).id);
  assert.equal(document.next_attempt_at, undefined);
  assert.equal(accounting.count, 1);
});

test('a retry whose webhook was taken away sends nothing and says why', async () => {
  const accounting = await receive({ status: 503 });
  const { api, entity } = await sender(accounting.url, { retries: true }, hasty);
  const document = await api.validated(entity.id);
  await api.send(document.id);
  await api.saveAccounting({ use_custom: true, enabled: true, retries: true }, entity.id);
  await api.alertWhen('it has nowhere to go', (a) => a.kind === 'document_not_posted');
  const found = await api.document(document.id);
  assert.match(found.last_error.message, /"Example France" .* no URL is set/);
  assert.equal(accounting.count, 1);
});

test('a document is corrected after a refusal and goes out with the next revision and the same id', async () => {
  const accounting = await receive({ status: 200 });
  accounting.script.push({ status: 422, body: { error: 'unknown account' } });
  const { api, entity } = await sender(accounting.url);
  const document = await api.validated(entity.id);
  assert.equal((await api.send(document.id)).outcome, 'failed');
  (await api.tryReplaceDocument(document.id, makeDocument(entity.id))).expectProblem(409);
  const reopened = (await api.tryDocumentAction(document.id, 'reopen')).expect(200);
  assert.equal(reopened.status, 'draft');
  const corrected = (await api.tryReplaceDocument(document.id, makeDocument(entity.id, { number: 'B-2' }))).expect(200);
  assert.equal(corrected.number, 'B-2');
  await api.validateDocument(document.id);
  assert.equal((await api.send(document.id)).outcome, 'sent');
  assert.deepEqual(ids(accounting), [document.request_id, document.request_id]);
  assert.deepEqual(accounting.requests.map((r) => r.json.revision), [1, 2]);
});

test('the test button sends a sample that says so, and stores nothing', async () => {
  const accounting = await receive({ body: { id: 'T-1' } });
  const { api, entity } = await sender(accounting.url);
  const tested = await api.testAccounting();
  assert.equal(tested.outcome, 'sent');
  assert.equal(tested.reference, 'T-1');
  const [request] = accounting.requests;
  assert.equal(request.json.test, true);
  assert.equal(request.headers['idempotency-key'], tested.request_id);
  assert.equal((await api.documents()).data.length, 0);
  (await api.tryTestAccounting(entity.id)).expectProblem(409);
  accounting.answer = { status: 404, body: 'no such flow' };
  assert.match((await api.testAccounting()).message, /404 Not Found\. It said: "no such flow"/);
});

test('totals, suppliers and dimensions that do not fit are clear errors', async () => {
  const { api, entity } = await sender((await receive()).url);
  const refuse = async (rest, pointer, words) => {
    const problem = (await api.tryCreateDocument(makeDocument(entity.id, rest))).expectProblem(422);
    assert.equal(problem.pointer ?? problem.errors?.[0]?.pointer, pointer, JSON.stringify(problem));
    assert.match(problem.detail, words);
  };
  await refuse({ gross_total: '120.01' }, '/gross_total', /120\.01 does not agree: net \+ VAT gives 120\.00, a difference of 0\.01/);
  await refuse({ supplier: 'F-1' }, '/supplier', /no supplier with the reference id 'F-1'/);
  await refuse({ dimensions: { cost_center: 'X' } }, '/dimensions/cost_center', /no dimension of the type cost_center/);
  const counts = await api.upsert(entity.id, 'suppliers', [{ reference_id: 'F-1', name: 'One' }, { reference_id: 'F-2', name: 'Two' }]);
  assert.deepEqual(counts, { created: 2, updated: 0, unchanged: 0 });
  assert.deepEqual(await api.upsert(entity.id, 'suppliers',
    [{ reference_id: 'F-1', name: 'One' }, { reference_id: 'F-2', name: 'Two', active: false }]),
    { created: 0, updated: 1, unchanged: 1 });
  await refuse({ supplier: 'F-2' }, '/supplier', /no longer active/);
  const other = await api.createEntity({ reference: 'DE-1', name: 'Other' });
  const elsewhere = (await api.tryCreateDocument(makeDocument(other.id, { supplier: 'F-1' }))).expectProblem(422);
  assert.match(elsewhere.detail, /the entity has no supplier/);
  const bad = (await api.tryUpsert(entity.id, 'dimensions', [
    { type: 'project', reference_id: 'P', name: 'P' }, { type: 'Project', reference_id: 'P', name: 'P' }])).expectProblem(422);
  assert.equal(bad.pointer ?? bad.errors?.[0]?.pointer, '/dimensions/1/type');
  assert.equal((await api.get(`/v1/entities/${entity.id}/dimensions`)).expect(200).data.length, 0, 'all or none');
  const made = await api.createDocument(makeDocument(entity.id, { supplier: 'F-1' }));
  assert.equal(made.supplier.name, 'One');
  assert.equal(made.gross_total, '120.00');
  const found = await api.documents({ supplier: 'F-1', status: 'draft', entity_id: entity.id });
  assert.deepEqual(found.data.map((d) => d.id), [made.id]);
  (await api.request('DELETE', `/v1/documents/${made.id}`)).expect(204);
  (await api.get(`/v1/documents/${made.id}`)).expectProblem(404);
});

test('documents of another workspace cannot be seen, changed or sent', async () => {
  const accounting = await receive({ status: 200 });
  const { api, entity } = await sender(accounting.url);
  const document = await api.validated(entity.id);
  const other = await server.workspace('Other');
  (await other.get(`/v1/documents/${document.id}`)).expectProblem(404);
  (await other.trySend(document.id)).expectProblem(404);
  (await other.tryDocumentAction(document.id, 'reopen')).expectProblem(404);
  (await other.trySaveAccounting({ use_custom: true }, entity.id)).expectProblem(404);
  (await other.tryUpsert(entity.id, 'suppliers', [{ reference_id: 'F', name: 'F' }])).expectProblem(404);
  assert.equal(accounting.count, 0);
});

test(`${documents} documents of ${entities} entities never reach another entity's URL`, async (t) => {
  const api = await server.workspace();
  const sites = [];
  for (let i = 0; i < entities; ++i) {
    const entity = await api.createEntity({ reference: `E-${i}`, name: `Entity ${i}` });
    const site = { entity, ids: new Map(), wrong: [] };
    // Counted as they come: ten thousand requests are not kept.
    site.receiver = await receive((request) => {
      const { entity: sent_for, requestId } = request.json;
      if (sent_for.id !== entity.id || request.headers.authorization !== `Bearer key-${i}`) site.wrong.push(requestId);
      site.ids.set(requestId, (site.ids.get(requestId) ?? 0) + 1);
      site.receiver.requests.length = 0;
      return { body: { id: requestId } };
    });
    await api.saveAccounting({ use_custom: true, enabled: true, url: site.receiver.url, api_key: `key-${i}` }, entity.id);
    sites.push(site);
  }
  const expected = sites.map(() => new Set());
  let next = 0;
  const work = async () => {
    while (next < documents) {
      const index = next++ % entities;
      const document = await api.validated(sites[index].entity.id);
      const { outcome, document: sent } = await api.send(document.id);
      assert.equal(outcome, 'sent');
      assert.equal(sent.reference, document.request_id);
      expected[index].add(document.request_id);
    }
  };
  const started = Date.now();
  await Promise.all(Array.from({ length: callers }, work));
  t.diagnostic(`${documents} documents created, validated and sent in ${Date.now() - started} ms`);
  for (const [index, site] of sites.entries()) {
    assert.deepEqual(site.wrong, []);
    assert.deepEqual(new Set(site.ids.keys()), expected[index]);
    assert.ok([...site.ids.values()].every((times) => times === 1));
  }
});
