// Validated documents go to the accounting system: what users are promised, one row for each
// sentence, against the real program and a real Node-RED flow.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import Ajv from 'ajv';
import { makeDocument } from './lib/api.mjs';
import { startNodeRed } from './lib/node_red.mjs';
import { root_dir } from './lib/paths.mjs';
import { makePdf } from './lib/pdf.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { makeAuthority } from './lib/tls.mjs';

const key = 'key-of-the-accounting-system-3f81';
const other_key = 'another-key-of-the-accounting-system';

// Two accounting systems, as a person would draw them: each checks its key, makes one record for
// each request id however often it comes, fetches the original file with the same key, and answers.
// The first is at /post, the other one at /own.
const take = `
const given = msg.req.headers['authorization'] || '';
msg.system = msg.req.route.path;
msg.headers = { 'content-type': 'application/json' };
if (given !== 'Bearer ' + global.get('keys')[msg.system]) {
    msg.statusCode = 401;
    msg.payload = { error: 'this key is not known' };
    return [null, msg];
}
const document = JSON.parse(Buffer.from(msg.payload).toString('utf8'));
const id = msg.req.headers['idempotency-key'];
const records = flow.get(msg.system) || {};
records[id] = records[id] || { number: 'INV-2026-' + String(42 + Object.keys(records).length).padStart(4, '0'),
                               times: 0, document };
records[id].times += 1;
flow.set(msg.system, records);
msg.record = records[id];
if (document.fileUrl) {
    msg.url = document.fileUrl;
    msg.method = 'GET';
    msg.headers = { authorization: 'Bearer ' + global.get('keys')[msg.system] };
    msg.payload = '';
    return [msg, null];
}
msg.statusCode = 200;
msg.payload = { accountingReferenceId: msg.record.number };
return [null, msg];
`;
const keep_file = `
const crypto = global.get('crypto');
msg.record.file = { status: msg.statusCode, type: msg.headers['content-type'],
                    sha256: crypto.createHash('sha256').update(msg.payload).digest('hex') };
msg.statusCode = 200;
msg.headers = { 'content-type': 'application/json' };
msg.payload = { accountingReferenceId: msg.record.number, fetched: msg.record.file };
return msg;
`;
const show = `
msg.headers = { 'content-type': 'application/json' };
msg.payload = flow.get('/' + msg.req.params.system) || {};
return msg;
`;
// Endpoints that answer in other ways: with a field of that name, with nothing, never.
const name_it = `
msg.headers = { 'content-type': 'application/json' };
msg.payload = { [msg.req.params.field]: 'INV-2026-0042' };
return msg;
`;
const empty = `
msg.payload = '';
msg.statusCode = 200;
return msg;
`;
const post = (id, url, next) => ({
  id, z: 'tab', type: 'http in', url, method: 'post', upload: false, skipBodyParsing: true, wires: [next] });
const work = (id, func) => ({
  id, z: 'tab', type: 'function', func, outputs: 1, libs: [], wires: [['out']] });
const flow = [
  { id: 'tab', type: 'tab', label: 'Accounting' },
  post('in', '/post', ['take']), post('in_own', '/own', ['take']),
  post('in_field', '/field/:field', ['name_it']), work('name_it', name_it),
  post('in_empty', '/empty', ['empty']), work('empty', empty),
  post('in_silent', '/silent', []),
  { id: 'take', z: 'tab', type: 'function', name: 'Take', func: take, outputs: 2, libs: [],
    wires: [['fetch'], ['out']] },
  { id: 'fetch', z: 'tab', type: 'http request', method: 'use', ret: 'bin', wires: [['keep']] },
  { id: 'keep', z: 'tab', type: 'function', name: 'Keep the file', func: keep_file, outputs: 1,
    libs: [], wires: [['out']] },
  { id: 'look', z: 'tab', type: 'http in', url: '/records/:system', method: 'get', wires: [['show']] },
  { id: 'show', z: 'tab', type: 'function', name: 'Show', func: show, outputs: 1, libs: [],
    wires: [['out']] },
  { id: 'out', z: 'tab', type: 'http response', wires: [] },
];

const authority = await makeAuthority();
const server = await startServer({ settings: {
  'development.enabled': 'true', 'egress.extra_ca_file': authority.ca_file } });
after(() => server.close());
const node_red = await startNodeRed(flow, { keys: { '/post': key, '/own': other_key } });
after(() => node_red.stop());

const posting_url = `${node_red.url}/post`;
const own_url = `${node_red.url}/own`;
const records = async (system = 'post') => (await fetch(`${node_red.url}/records/${system}`)).json();
/** How often a document was posted in the first system, and in the other one. */
async function posted({ request_id }) {
  const all = [await records('post'), await records('own')];
  return all.map((known) => known[request_id]?.times ?? 0);
}
const receiver = async (answer) => {
  const made = await Receiver.start({ answer });
  after(() => made.close());
  return made;
};

/** A workspace with one entity. */
async function tenant(name = 'Example France') {
  const api = await server.workspace();
  const entity = await api.createEntity({ reference: 'FR-1', name });
  return { api, entity };
}
/** The same whose workspace sends to `url`. */
async function sender(url, settings = {}) {
  const made = await tenant();
  await made.api.saveAccounting({ url, enabled: true, ...settings });
  return made;
}
async function roleKey(api, role) {
  const made = (await api.post('/v1/api-keys', { name: role, role })).expect(201);
  return api.with(made.key);
}

// Takes as long as people are told; it runs beside the others.
const thirty_seconds = (async () => {
  const { api, entity } = await sender(`${node_red.url}/silent`);
  const document = await api.validated(entity.id);
  const started = Date.now();
  const answer = await api.send(document.id);
  return { answer, took: Date.now() - started };
})();
thirty_seconds.catch(() => {});

const full = (entity_id) => makeDocument(entity_id, {
  description: 'Summer campaign', due_date: '2026-06-25', supplier: 'F-2891',
  dimensions: { cost_center: 'CC-10' }, metadata: { campaign: 'summer' },
  lines: [{ description: 'Printing', quantity: '2.5', unit_price: '5000.04', vat_rate: '20',
            vat_amount: '2500.02', dimensions: { posting_account: '607000', vat_code: 'FR20' } }],
  net_total: '12500.10', vat_total: '2500.02', gross_total: '15000.12',
});
async function withLists() {
  const made = await sender(posting_url, { api_key: key });
  await made.api.upsert(made.entity.id, 'suppliers',
                        [{ reference_id: 'F-2891', name: 'Example Supplies', tax_id: 'FR00' }]);
  await made.api.upsert(made.entity.id, 'dimensions', [
    { type: 'cost_center', reference_id: 'CC-10', name: 'Marketing' },
    { type: 'posting_account', reference_id: '607000', name: 'Purchases' },
    { type: 'vat_code', reference_id: 'FR20', name: '20 %' }]);
  return made;
}

const rows = [
  ['documents are sent directly to the accounting system when somebody clicks Send on a validated document', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const draft = await api.createDocument(makeDocument(entity.id));
    assert.equal(draft.status, 'draft');
    (await api.trySend(draft.id)).expectProblem(409, 'conflict');
    const document = await api.validateDocument(draft.id);
    assert.equal(document.status, 'validated');
    assert.equal(document.can_send, true);
    const { outcome } = await api.send(document.id);
    assert.equal(outcome, 'sent');
    assert.equal((await records())[document.request_id].times, 1);
  }],
  ['a webhook is a URL in the accounting system that accepts document data as JSON, by HTTP POST', async () => {
    const accounting = await receiver({ status: 200 });
    const { api, entity } = await sender(accounting.url);
    const document = await api.validated(entity.id);
    await api.send(document.id);
    const request = await accounting.next();
    assert.equal(request.method, 'POST');
    assert.equal(request.url, '/hook');
    assert.match(request.headers['content-type'], /^application\/json/);
    assert.equal(request.headers['idempotency-key'], document.request_id);
    assert.equal(request.json.requestId, document.request_id);
  }],
  ['the payload has all document data: header fields, line items, dimensions, and a URL to download the original file', async () => {
    const { api, entity } = await withLists();
    const draft = await api.createDocument(full(entity.id));
    (await api.tryPutDocumentFile(draft.id, makePdf('Invoice'))).expect(200);
    const document = await api.validateDocument(draft.id);
    assert.equal((await api.send(document.id)).outcome, 'sent');
    const { document: posted } = (await records())[document.request_id];
    const page = readFileSync(join(root_dir, 'docs/formats/documents.md'), 'utf8');
    const schema = JSON.parse(/```json schema\n([\s\S]*?)\n```/.exec(page)[1]);
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    assert.ok(validate(posted), JSON.stringify(validate.errors));
    const example = JSON.parse(/```json payload\n([\s\S]*?)\n```/.exec(page)[1]);
    assert.ok(validate(example), JSON.stringify(validate.errors));
    assert.ok(!validate({ ...posted, netTotal: 12500.1 }), 'amounts are text');
    assert.equal(posted.number, 'INV-2026-0042');
    assert.equal(posted.grossTotal, '15000.12');
    assert.deepEqual(posted.supplier,
                     { referenceId: 'F-2891', name: 'Example Supplies', taxId: 'FR00' });
    assert.deepEqual(posted.dimensions,
                     [{ type: 'cost_center', referenceId: 'CC-10', name: 'Marketing' }]);
    assert.equal(posted.lines[0].netAmount, '12500.10');
    assert.deepEqual(posted.lines[0].dimensions.map((d) => `${d.type} ${d.name}`),
                     ['posting_account Purchases', 'vat_code 20 %']);
    assert.deepEqual(posted.metadata, { campaign: 'summer' });
    assert.equal(posted.fileUrl, `${server.url}/v1/documents/${document.id}/file`);
  }],
  ['the accounting system receives the data, creates a record, and returns its reference id, which is stored on the document', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const document = await api.validated(entity.id);
    const { document: sent } = await api.send(document.id);
    const record = (await records())[document.request_id];
    assert.equal(sent.reference, record.number);
    assert.equal(sent.reference_label, `Ref: ${record.number}`);
    assert.equal((await api.document(document.id)).reference, record.number);
    const found = Object.values(await records()).filter((r) => r.number === sent.reference);
    assert.deepEqual(found.map((r) => r.document.documentId), [document.id], 'the reference finds the record');
  }],
  ['the original file is not embedded in the payload, and the same API key fetches it', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const pdf = makePdf('The original');
    const file = await api.upload(pdf);
    const document = await api.validated(entity.id, { file_id: file.id });
    const url = `${server.url}/v1/documents/${document.id}/file`;
    const fetchWith = (token) => fetch(url, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await fetchWith(key)).status, 401, 'not before it was sent');
    assert.equal((await api.send(document.id)).outcome, 'sent');
    const record = (await records())[document.request_id];
    assert.equal(record.file.status, 200);
    assert.equal(record.file.sha256, file.sha256);
    assert.ok(!JSON.stringify(record.document).includes(pdf.toString('base64').slice(0, 100)));
    assert.equal((await fetchWith(api.key)).status, 200);
    assert.equal((await fetchWith('wrong')).status, 401);
    assert.equal((await fetch(url)).status, 401);
    const unknown = await fetch(url.replace(/doc_./, 'doc_7'), { headers: { authorization: `Bearer ${key}` } });
    assert.equal(unknown.status, 401, 'nobody learns which documents there are');
  }],
  ['webhooks are configured at the workspace and at the entity level, for a different accounting system', async () => {
    const { api, entity } = await tenant();
    const workspace = await api.saveAccounting({ url: posting_url, api_key: key, enabled: true });
    assert.deepEqual([workspace.url, workspace.enabled], [posting_url, true]);
    assert.deepEqual(await api.accounting(), workspace);
    const own = await api.saveAccounting({ use_custom: true, url: own_url, api_key: other_key, enabled: true }, entity.id);
    assert.deepEqual([own.use_custom, own.url, own.enabled, own.effective.webhook], [true, own_url, true, 'entity']);
    assert.deepEqual(await api.accounting(entity.id), own);
  }],
  ['an entity webhook is used if the entity has a custom webhook enabled with a URL', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    await api.saveAccounting({ use_custom: true, enabled: true, url: own_url, api_key: other_key }, entity.id);
    const other = await api.createEntity({ reference: 'DE-1', name: 'Example Deutschland' });
    const [mine, theirs] = [await api.validated(entity.id), await api.validated(other.id)];
    for (const { id } of [mine, theirs]) assert.equal((await api.send(id)).outcome, 'sent');
    assert.deepEqual([await posted(mine), await posted(theirs)], [[0, 1], [1, 0]]);
    assert.equal((await records('own'))[mine.request_id].document.entity.referenceId, 'FR-1');
  }],
  ['the workspace webhook is the default for all entities that do not have their own', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const other = await api.createEntity({ reference: 'DE-1', name: 'Example Deutschland' });
    for (const [id, reference] of [[entity.id, 'FR-1'], [other.id, 'DE-1']]) {
      const document = await api.validated(id);
      await api.send(document.id);
      assert.equal((await records())[document.request_id].document.entity.referenceId, reference);
    }
    assert.equal((await api.accounting(entity.id)).effective.webhook, 'workspace');
  }],
  ['if neither is configured, Send is not offered, and documents cannot be sent', async () => {
    const { api, entity } = await tenant();
    const document = await api.validated(entity.id);
    assert.equal(document.can_send, false);
    assert.match(document.can_send_reason, /no webhook is configured/);
    const listed = (await api.documents()).data[0];
    assert.equal(listed.can_send, false);
    assert.match((await api.trySend(document.id)).expectProblem(409).detail, /no webhook is configured/);
    assert.equal((await api.document(document.id)).status, 'validated');
  }],
  ['a custom webhook that is on without a URL fails with an explicit error, and does not fall back to the workspace webhook', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    await api.saveAccounting({ use_custom: true, enabled: true, url: '' }, entity.id);
    const document = await api.validated(entity.id);
    assert.equal(document.can_send, false);
    const problem = (await api.trySend(document.id)).expectProblem(409);
    assert.match(problem.detail, /"Example France" is set to use its own outbound webhook, but no URL is set/);
    assert.deepEqual(await posted(document), [0, 0]);
  }],
  ['the custom webhook is activated by its own toggle; until then nothing is sent, and nothing falls back', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const custom = { use_custom: true, enabled: false, url: own_url, api_key: other_key };
    await api.saveAccounting(custom, entity.id);
    const document = await api.validated(entity.id);
    assert.match((await api.trySend(document.id)).expectProblem(409).detail, /not enabled/);
    assert.deepEqual(await posted(document), [0, 0]);
    await api.saveAccounting({ ...custom, enabled: true }, entity.id);
    assert.equal((await api.send(document.id)).outcome, 'sent');
    assert.deepEqual(await posted(document), [0, 1]);
  }],
  ['the Admin or Owner role is required to configure webhooks', async () => {
    const { api, entity } = await tenant();
    for (const role of ['owner', 'admin', 'member', 'viewer', 'auditor']) {
      const caller = role === 'owner' ? server.owner : await roleKey(api, role);
      const headers = role === 'owner' ? { 'blotter-workspace': api.workspace_id } : {};
      for (const path of ['/v1/accounting-webhook', `/v1/entities/${entity.id}/accounting-webhook`]) {
        const allowed = ['owner', 'admin'].includes(role);
        const saved = await caller.request('PUT', path, { json: { url: posting_url, enabled: true }, headers });
        saved.expect(allowed ? 200 : 403);
        (await caller.request('GET', path, { headers })).expect(allowed ? 200 : 403);
        (await caller.request('POST', `${path}/test`, { json: {}, headers })).expect(allowed ? 200 : 403);
      }
    }
  }],
  ['the API key is sent as a Bearer token in the Authorization header on every request', async () => {
    const accounting = await receiver({ status: 500 });
    const { api, entity } = await sender(accounting.url, { api_key: key });
    const document = await api.validated(entity.id);
    for (let i = 0; i < 3; ++i) await api.send(document.id);
    await api.testAccounting();
    assert.equal(accounting.count, 4);
    for (const request of accounting.requests)
      assert.equal(request.headers.authorization, `Bearer ${key}`);
  }],
  ['without an API key no Authorization header is sent', async () => {
    const accounting = await receiver({ status: 200 });
    const { api, entity } = await sender(accounting.url);
    await api.send((await api.validated(entity.id)).id);
    assert.equal(accounting.requests[0].headers.authorization, undefined);
  }],
  ['the webhook is used while it is toggled on', async () => {
    const accounting = await receiver({ status: 200 });
    const { api, entity } = await sender(accounting.url, { enabled: false });
    const document = await api.validated(entity.id);
    assert.match((await api.trySend(document.id)).expectProblem(409).detail, /is not enabled/);
    await api.saveAccounting({ url: accounting.url, enabled: true });
    assert.equal((await api.send(document.id)).outcome, 'sent');
    (await api.trySaveAccounting({ url: '', enabled: true })).expectProblem(422);
  }],
  ['the API key field is always empty when the page is opened; blank keeps the key, a new value replaces it', async () => {
    const accounting = await receiver({ status: 200 });
    const { api, entity } = await sender(accounting.url, { api_key: key });
    const seen = await api.accounting();
    assert.equal(seen.api_key, '');
    assert.equal(seen.api_key_masked, '••••••••');
    const sendOne = async () => {
      await api.send((await api.validated(entity.id)).id);
      return accounting.requests.at(-1).headers.authorization;
    };
    await api.saveAccounting({ ...seen });
    assert.equal(await sendOne(), `Bearer ${key}`);
    await api.saveAccounting({ url: accounting.url, enabled: true });
    assert.equal(await sendOne(), `Bearer ${key}`);
    await api.saveAccounting({ url: accounting.url, enabled: true, api_key: other_key });
    assert.equal(await sendOne(), `Bearer ${other_key}`);
    await api.saveAccounting({ url: accounting.url, enabled: true, api_key: null });
    assert.equal(await sendOne(), undefined);
    assert.equal((await api.accounting()).api_key_masked, null);
  }],
  ['turning off the custom webhook and saving reverts the entity to the workspace webhook', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const custom = { use_custom: true, enabled: true, url: own_url, api_key: other_key };
    await api.saveAccounting(custom, entity.id);
    const before = await api.validated(entity.id);
    await api.send(before.id);
    await api.saveAccounting({ ...custom, use_custom: false, api_key: '' }, entity.id);
    const later = await api.validated(entity.id);
    await api.send(later.id);
    assert.deepEqual([await posted(before), await posted(later)], [[0, 1], [1, 0]]);
    assert.equal((await api.accounting(entity.id)).effective.webhook, 'workspace');
    const kept = await api.saveAccounting({ ...custom, api_key: '' }, entity.id);
    assert.deepEqual([kept.api_key, kept.api_key_masked], ['', '••••••••']);
    const last = await api.validated(entity.id);
    await api.send(last.id);
    assert.deepEqual(await posted(last), [0, 1], 'with the key that was kept');
  }],
  ['turning it off without saving discards the change', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const saved = await api.saveAccounting({ use_custom: true, enabled: true, url: own_url, api_key: other_key }, entity.id);
    (await api.trySaveAccounting({ ...saved, use_custom: false, url: 'nonsense' }, entity.id)).expectProblem(422);
    assert.deepEqual(await api.accounting(entity.id), saved);
    const document = await api.validated(entity.id);
    await api.send(document.id);
    assert.deepEqual(await posted(document), [0, 1]);
  }],
  ['if the send succeeds, the status changes to sent and a timestamp appears', async () => {
    const { api, entity } = await sender(posting_url, { api_key: key });
    const document = await api.validated(entity.id);
    assert.equal(document.sent_at, undefined);
    await api.send(document.id);
    const sent = await api.document(document.id);
    assert.equal(sent.status, 'sent');
    assert.ok(Date.parse(sent.sent_at) >= Date.parse(document.validated_at));
  }],
  ['if the webhook URL returns an HTTP error, an error message appears, with status and excerpt', async () => {
    const { api, entity } = await sender(posting_url, { api_key: 'not the right key'.replaceAll(' ', '-') });
    const document = await api.validated(entity.id);
    const { outcome, message, document: after_send } = await api.send(document.id);
    assert.equal(outcome, 'failed');
    assert.match(message, /HTTP error 401 Unauthorized\. It said: .*this key is not known/);
    assert.equal(after_send.status, 'validated');
    assert.equal(after_send.last_error.message, message);
    assert.equal(after_send.last_error.status, 401);
    const [attempt] = await api.sends(document.id);
    assert.equal(attempt.status, 401);
    assert.match(attempt.answer, /this key is not known/);
    await api.saveAccounting({ url: posting_url, enabled: true, api_key: key });
    const again = await api.send(document.id);
    assert.equal(again.outcome, 'sent');
    assert.equal(again.document.last_error, undefined);
  }],
  ['a redirect is an HTTP error, and is not followed', async () => {
    const target = await receiver({ status: 200 });
    const accounting = await receiver({ status: 307, headers: { location: target.url } });
    const { api, entity } = await sender(accounting.url);
    const { outcome, message } = await api.send((await api.validated(entity.id)).id);
    assert.equal(outcome, 'failed');
    assert.match(message, /307/);
    assert.equal(target.count, 0);
  }],
  ['an excerpt of an answer is bounded and has no control characters', async () => {
    const accounting = await receiver({ status: 500, body: `\u001b[31m"<b>\r\n${'x'.repeat(20_000)}` });
    const { api, entity } = await sender(accounting.url);
    const { message } = await api.send((await api.validated(entity.id)).id);
    assert.ok(message.length < 500);
    assert.ok(!/[\u0000-\u001f]/.test(message), message);
  }],
  ['if nothing listens at the URL, the message says so', async () => {
    const accounting = await Receiver.start();
    const { url } = accounting;
    await accounting.close();
    const { api, entity } = await sender(url);
    const { outcome, message, document } = await api.send((await api.validated(entity.id)).id);
    assert.equal(outcome, 'failed');
    assert.match(message, /was not sent: .*Connection refused/);
    assert.equal(document.status, 'validated');
  }],
  ...['accountingReferenceId', 'AccountingReferenceId', 'id'].map((name) => [
    `the reference id is taken from the field ${name}`, async () => {
      const { api, entity } = await sender(`${node_red.url}/field/${name}`);
      const { document } = await api.send((await api.validated(entity.id)).id);
      assert.equal(document.reference_label, 'Ref: INV-2026-0042');
    }]),
  ['a reference id may be a number, and is bounded; text that is none is no error', async () => {
    const accounting = await receiver({ body: { id: 4711 } });
    const { api, entity } = await sender(accounting.url);
    const referenceFor = async (body) => {
      accounting.answer = { body };
      return (await api.send((await api.validated(entity.id)).id)).document.reference;
    };
    assert.equal(await referenceFor({ id: 4711 }), '4711');
    assert.equal((await referenceFor({ id: 'x'.repeat(5000) })).length, 200);
    assert.equal(await referenceFor('<html>'), undefined);
    assert.equal(await referenceFor({ id: { nested: 1 } }), undefined);
    assert.equal(await referenceFor({ id: 'a\u0000b' }), undefined);
    assert.equal(await referenceFor({ id: '<script>alert(1)</script>' }), '<script>alert(1)</script>');
  }],
  ['returning a reference id is optional: an empty 200 OK is valid', async () => {
    const { api, entity } = await sender(`${node_red.url}/empty`);
    const { outcome, document } = await api.send((await api.validated(entity.id)).id);
    assert.equal(outcome, 'sent');
    assert.equal(document.reference, undefined);
    assert.equal(document.reference_label, undefined);
  }],
  ['API keys are encrypted at rest', async () => {
    const secret = 'key-that-must-not-be-found-on-the-disk';
    const { api, entity } = await sender(posting_url, { api_key: secret });
    await api.saveAccounting({ use_custom: true, url: posting_url, api_key: `${secret}-2` }, entity.id);
    await api.send((await api.validated(entity.id)).id).catch(() => {});
    for (const name of readdirSync(server.data_dir, { recursive: true })) {
      const path = join(server.data_dir, name);
      if (statSync(path).isFile()) assert.ok(!readFileSync(path).includes(secret), name);
    }
    assert.ok(!server.output.includes(secret), 'the log');
  }],
  ['the full API key is never displayed after saving', async () => {
    const { api, entity } = await tenant();
    const answers = [
      await api.trySaveAccounting({ url: posting_url, enabled: true, api_key: key }),
      await api.tryAccounting(),
      await api.trySaveAccounting({ use_custom: true, url: posting_url, api_key: key }, entity.id),
      await api.tryAccounting(entity.id),
      await api.tryTestAccounting(),
      await api.get('/v1/events'),
    ];
    const document = await api.validated(entity.id);
    answers.push(await api.trySend(document.id), await api.get(`/v1/documents/${document.id}/sends`));
    for (const answer of answers) assert.ok(!answer.text.includes(key), `${answer.call}: ${answer.text}`);
    assert.match((await api.accounting()).api_key_masked, /^•+$/);
  }],
  ['nor is it shown when the accounting system repeats it', async () => {
    const accounting = await receiver((seen) => ({ status: 500, body: { headers: seen.headers } }));
    const { api, entity } = await sender(accounting.url, { api_key: key });
    const document = await api.validated(entity.id);
    const { message } = await api.send(document.id);
    assert.match(message, /Bearer \(a secret\)/);
    const tested = await api.tryTestAccounting();
    assert.match(tested.json.message, /Bearer \(a secret\)/);
    for (const path of [`/v1/documents/${document.id}`, `/v1/documents/${document.id}/sends`])
      assert.ok(!(await api.get(path)).text.includes(key), path);
  }],
  ['requests are always sent over HTTPS, to an endpoint with a valid certificate', async (t) => {
    const good = await Receiver.start({ tls: await authority.issue('IP:127.0.0.1'), answer: { body: { id: 'A-1' } } });
    const wrong = await Receiver.start({ tls: await authority.issue('DNS:other.example') });
    t.after(() => Promise.all([good.close(), wrong.close()]));
    const { api, entity } = await sender(good.url, { api_key: key });
    const sent = await api.send((await api.validated(entity.id)).id);
    assert.equal(sent.document.reference, 'A-1', sent.message);
    await api.saveAccounting({ url: wrong.url, enabled: true });
    const refused = await api.send((await api.validated(entity.id)).id);
    assert.equal(refused.outcome, 'failed');
    assert.match(refused.message, /certificate is for another host/);
    assert.equal(wrong.count, 0);
  }],
  ['plain http works in development mode only, to this machine only, with a warning', async (t) => {
    const { api } = await tenant();
    const saved = await api.saveAccounting({ url: posting_url, enabled: true });
    assert.match(saved.warning, /without TLS/);
    assert.ok(server.log.some((l) => l.what === 'accounting.plain_http' && l.level === 'warning'));
    const refused = (await api.trySaveAccounting({ url: 'http://accounting.example.com/hook' })).expectProblem(422);
    assert.equal(refused.pointer ?? refused.errors?.[0]?.pointer, '/url');
    const strict = await startServer();
    t.after(() => strict.close());
    const there = await strict.workspace();
    const problem = (await there.trySaveAccounting({ url: posting_url, enabled: true })).expectProblem(422);
    assert.match(problem.detail, /HTTPS only/);
  }],
  ['the request times out after 30 seconds without a response, and whether it was posted is unknown', async () => {
    const { answer, took } = await thirty_seconds;
    assert.equal(answer.outcome, 'unknown');
    assert.match(answer.message, /timed out after 30 s/);
    assert.equal(answer.document.status, 'unknown');
    assert.equal(answer.document.last_error.code, 'timed_out');
    assert.ok(took >= 29_000, `it waited ${took} ms`);
  }],
];

for (const [sentence, run] of rows) test(sentence, run);
