// Signing processes from draft to proof: the story of a supplier contract, and what must not happen.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { temporaryFolder } from './lib/paths.mjs';
import { makePdf, sha256 } from './lib/pdf.mjs';
import { check } from './lib/processes.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { eventually, pause } from './lib/wait.mjs';
import { verifyWebhook } from './lib/webhooks.mjs';

const server = await startServer({ settings: { 'links.lifetime': '2s' } });
after(() => server.close());

const metadata = { type: 'contrat_fournisseur', montant_ht: 12500, compte_comptable: '607', fournisseur_id: 'F-2891' };
const camille = { name: 'Camille Martin', email: 'camille@supplier.example', role: 'signer', order: 1 };
const noa = { name: 'Noa Petit', email: 'noa@buyer.example', role: 'signer', order: 2 };
const original = makePdf('Contrat fournisseur', 'Montant HT: 12 500 EUR');
const signed = makePdf('Contrat fournisseur', 'Signed by Camille Martin and Noa Petit');

async function draft(api, options = {}) {
  const file = await api.upload(original, { name: 'contrat.pdf' });
  return api.createEnvelope({ title: 'Contrat fournisseur F-2891', level: 'advanced', metadata,
                              recipients: [camille, noa], files: [{ file_id: file.id, kind: 'original' }],
                              ...options });
}

/** Sent, and signed by everybody in their order. */
async function signedEnvelope(api, options) {
  const envelope = await draft(api, options);
  await api.envelopeAction(envelope.id, 'send');
  for (const recipient of envelope.recipients)
    await api.report(envelope.id, recipient.id, 'signed', { ip: '203.0.113.7', method: 'email_otp' });
  return envelope;
}

async function completedEnvelope(api, options) {
  const envelope = await signedEnvelope(api, options);
  const pdf = await api.upload(signed, { name: 'contrat-signed.pdf' });
  await api.attach(envelope.id, [{ file_id: pdf.id, kind: 'signed_pdf' }]);
  return eventually('the envelope is completed', async () => {
    const now = await api.envelope(envelope.id);
    return now.status === 'completed' ? now : undefined;
  });
}

async function receiverFor(t, options) {
  const receiver = await Receiver.start(options);
  t.after(() => receiver.close());
  return receiver;
}

test('a supplier contract goes from draft to signed PDF and audit trail in the hands of the receiver', async (t) => {
  const api = await server.workspace('Buyer');
  const receiver = await receiverFor(t);
  const destination = await api.webhook(receiver.url);

  const file = await api.upload(original, { name: 'contrat.pdf' });
  assert.deepEqual([file.sha256, file.bytes], [sha256(original), original.length]);
  const content = await api.tryFileContent(file.id);
  content.expect(200);
  assert.ok(content.bytes.equals(original));
  assert.match(content.headers.get('content-type'), /^application\/pdf/);

  const envelope = await api.createEnvelope({
    title: 'Contrat fournisseur F-2891', level: 'advanced', external_id: 'PO-77', metadata,
    recipients: [camille, noa], files: [{ file_id: file.id, kind: 'original' }] });
  assert.equal(envelope.status, 'draft');
  assert.deepEqual(envelope.metadata, metadata);
  assert.equal(envelope.files[0].sha256, sha256(original));
  const [first, second] = envelope.recipients;
  assert.equal((await api.envelopeAction(envelope.id, 'send')).status, 'sent');
  const seen = { ip: '203.0.113.7', user_agent: 'Mozilla/5.0 (X11)', method: 'email_otp' };
  await api.report(envelope.id, first.id, 'notified');
  await api.report(envelope.id, first.id, 'viewed', seen);
  await api.report(envelope.id, first.id, 'authenticated', seen);
  await api.report(envelope.id, first.id, 'signed', seen);
  await api.report(envelope.id, second.id, 'viewed', { ...seen, ip: '198.51.100.4' });
  await api.report(envelope.id, second.id, 'signed', { ip: '198.51.100.4', method: 'sms_otp' });
  assert.equal((await api.envelope(envelope.id)).status, 'sealing', 'not completed before both files are there');

  const pdf = await api.upload(signed, { name: 'contrat-signed.pdf' });
  await api.attach(envelope.id, [{ file_id: pdf.id, kind: 'signed_pdf' }]);
  const completed = await receiver.next((r) => r.json.type === 'envelope.completed');
  const done = await api.envelope(envelope.id);
  assert.equal(done.status, 'completed');
  assert.deepEqual(done.files.map((f) => f.kind).sort(), ['audit_trail', 'original', 'signed_pdf']);

  verifyWebhook(destination.signing_secret, completed);
  const { data } = completed.json;
  assert.equal(data.envelope.id, envelope.id);
  assert.equal(data.envelope.external_id, 'PO-77');
  assert.deepEqual(data.envelope.metadata, metadata);
  assert.deepEqual(data.recipients.map((r) => [r.name, r.status]),
                   [['Camille Martin', 'signed'], ['Noa Petit', 'signed']]);
  assert.equal(data.files.signed_pdf.sha256, sha256(signed));

  // The receiver has no key: the links alone open the files, for as long as they are fresh.
  const folder = temporaryFolder();
  for (const kind of ['signed_pdf', 'audit_trail']) {
    const { url, sha256: expected } = data.files[kind];
    const answer = await fetch(url);
    assert.equal(answer.status, 200, url);
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.equal(sha256(bytes), expected, kind);
    writeFileSync(join(folder, `${kind}.pdf`), bytes);
  }
  // Every fetch is on record, with the event whose link it was.
  const trail_id = done.files.find((f) => f.kind === 'audit_trail').file_id;
  const [access, ...rest] = (await api.get(`/v1/files/${trail_id}/accesses`)).expect(200).data;
  assert.deepEqual(rest, []);
  assert.deepEqual([access.event_id, access.destination_id, access.status], [completed.json.id, destination.id, 200]);
  await check('qpdf', ['--check', join(folder, 'audit_trail.pdf')]);
  const trail = await check('pdftotext', ['-layout', join(folder, 'audit_trail.pdf'), '-']);
  for (const words of ['Contrat fournisseur F-2891', 'Camille Martin', 'camille@supplier.example', 'Noa Petit',
                       '203.0.113.7', '198.51.100.4', 'advanced'])
    assert.ok(trail.includes(words), `the audit trail must say ${words}:\n${trail}`);
  // The checkpoint in it is one that proves every event that it tells of, the last signature too.
  assert.match(trail, /covers\s+all\s+of\s+these\s+events/);
  const [, size] = /^\s*\S+\n\s*(\d+)\n\s*[A-Za-z0-9+/]{43}=\s*$/m.exec(trail);
  const last = (await api.events({ type: 'envelope.all_signed' })).data[0];
  const proof = await eventually('the proof', async () => {
    const answer = await api.tryProof(last.id);
    return answer.status === 200 ? answer : undefined;
  });
  const [, index] = /^index (\d+)$/m.exec(proof.text);
  assert.ok(Number(size) > Number(index), `${size} covers ${index}`);
  const packed = trail.replaceAll(/\s/g, '');
  assert.ok(packed.includes(sha256(original)), trail);
  assert.ok(packed.includes(sha256(signed)), trail);
  assert.match(trail, /not .*qualified|non-qualified/is);

  // Every event, once, in the API too.
  const story = ['envelope.created', 'envelope.sent', 'recipient.notified', 'recipient.viewed',
                 'recipient.authenticated', 'recipient.signed', 'envelope.partially_signed', 'recipient.viewed',
                 'envelope.delivered', 'recipient.signed', 'envelope.all_signed', 'evidence.ready', 'envelope.completed'];
  await receiver.waitFor(story.length);
  assert.deepEqual(receiver.requests.map((r) => r.json.type).sort(), [...story].sort());
  const listed = (await api.events({ limit: 100, order: 'oldest' })).data;
  assert.deepEqual(listed.map((e) => e.type), story);
});

test('a secure link ends with its lifetime, and only what was made works at all', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url, { event_types: ['envelope.completed'] });
  await completedEnvelope(api);
  const { url } = (await receiver.next()).json.data.files.signed_pdf;
  assert.equal((await fetch(url)).status, 200);
  const token = url.split('/').pop();
  for (const other of [`${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`, token.slice(1), 'x', `${token}A`,
                       '../v1/envelopes', '%00']) {
    const answer = await fetch(new URL(`/l/${other}`, url));
    assert.ok([400, 401, 404].includes(answer.status), `${other}: ${answer.status}`);
    await answer.arrayBuffer();
  }
  const gone = await eventually('the link is gone', async () => {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.status === 200 ? undefined : answer;
  });
  assert.equal(gone.status, 410);
});

test('a retry renews the link that it carries, without changing the body', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  receiver.script.push({ status: 503 });
  await api.webhook(receiver.url, { event_types: ['envelope.completed'], schedule: ['0s', '4s'] });
  await completedEnvelope(api);
  const first = await receiver.next();
  const { url } = first.json.data.files.signed_pdf;
  await eventually('the link is gone', async () => (await fetch(url)).status === 410);
  const [, second] = await receiver.waitFor(2);
  assert.ok(first.body.equals(second.body));
  assert.equal((await fetch(url)).status, 200, 'valid again from the start of the latest attempt');
});

test('a destination with a bearer key may fetch with it after the link is over', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url, { event_types: ['envelope.completed'], bearer_key: 'key-of-the-erp-4711' });
  await completedEnvelope(api);
  const { url } = (await receiver.next()).json.data.files.signed_pdf;
  await eventually('the link is gone', async () => (await fetch(url)).status === 410);
  const fetched = await fetch(url, { headers: { authorization: 'Bearer key-of-the-erp-4711' } });
  assert.equal(fetched.status, 200);
  assert.equal(sha256(Buffer.from(await fetched.arrayBuffer())), sha256(signed));
  const wrong = await fetch(url, { headers: { authorization: 'Bearer key-of-the-erp-4712' } });
  assert.ok([401, 410].includes(wrong.status), `${wrong.status}`);
});

test('an audit trail of the application is taken as it is', async () => {
  const api = await server.workspace();
  const envelope = await signedEnvelope(api);
  const trail = makePdf('Audit trail of the signing application');
  const pdf = await api.upload(signed);
  const own = await api.upload(trail, { name: 'trail.pdf' });
  await api.attach(envelope.id, [{ file_id: pdf.id, kind: 'signed_pdf' }, { file_id: own.id, kind: 'audit_trail' }]);
  const done = await api.envelope(envelope.id);
  assert.equal(done.status, 'completed');
  assert.equal(done.files.find((f) => f.kind === 'audit_trail').sha256, sha256(trail));
});

test('what cannot be is refused with the reason, and changes nothing', async () => {
  const api = await server.workspace();
  const envelope = await draft(api);
  const [first, second] = envelope.recipients;
  const refused = async (answer, words) => {
    const problem = (await answer).expectProblem(409, 'conflict');
    assert.match(problem.detail, words);
  };
  await refused(api.tryReport(envelope.id, first.id, 'signed'), /draft/);
  await api.envelopeAction(envelope.id, 'send');
  await refused(api.tryReport(envelope.id, second.id, 'signed'), /turn/);
  const pdf = await api.upload(signed);
  await refused(api.tryAttach(envelope.id, [{ file_id: pdf.id, kind: 'signed_pdf' }]), /not signed yet/);
  await api.report(envelope.id, first.id, 'signed');
  await refused(api.tryReport(envelope.id, first.id, 'declined', { reason: 'changed my mind' }), /already signed/);
  await refused(api.tryReport(envelope.id, second.id, 'approved'), /no approver/);
  const before = await api.envelope(envelope.id);
  await api.report(envelope.id, first.id, 'signed');  // the same report again is no news
  assert.deepEqual(await api.envelope(envelope.id), before);
  await api.report(envelope.id, second.id, 'signed');
  await api.attach(envelope.id, [{ file_id: pdf.id, kind: 'signed_pdf' }]);
  await eventually('completed', async () => (await api.envelope(envelope.id)).status === 'completed');
  for (const action of ['send', 'void', 'return', 'resubmit', 'fail'])
    await refused(api.tryEnvelopeAction(envelope.id, action, { reason: 'x' }), /completed/);
  (await api.tryReport(envelope.id, 'rcp_00000000000000000000000000', 'signed')).expectProblem(404);
  (await api.tryReport('env_00000000000000000000000000', first.id, 'signed')).expectProblem(404);
});

test('a value of an enumeration that does not exist is refused with those that do', async () => {
  const api = await server.workspace();
  const body = { title: 'Lease', recipients: [{ name: 'Ada Moreau', email: 'ada@example.com' }] };
  const refused = async (answer, pointer, accepted) => {
    const problem = (await answer).expectProblem(422, 'invalid_argument');
    assert.ok(problem.detail.endsWith(accepted), problem.detail);
    assert.equal(problem.errors[0].pointer, pointer);
  };
  await refused(api.post('/v1/envelopes', { ...body, level: 'super' }), '/level', ': simple, advanced, qualified');
  await refused(api.post('/v1/envelopes', { ...body, recipients: [{ ...body.recipients[0], role: 'boss' }] }),
                '/recipients/0/role', ': signer, approver, viewer, copy');
  await refused(api.get('/v1/envelopes?status=done'), '/query/status',
                ': draft, sent, in_progress, returned, sealing, completed, declined, expired, voided, failed');
  await refused(api.get('/v1/documents?status=done'), '/query/status', ': draft, validated, sending, unknown, sent');
});

test('a time-out names those who have not signed, by itself', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url, { event_types: ['envelope.expired', 'recipient.expired'], order: 'per_envelope' });
  const expires_at = new Date(Date.now() + 2000).toISOString();
  const envelope = await draft(api, { expires_at });
  await api.envelopeAction(envelope.id, 'send');
  await api.report(envelope.id, envelope.recipients[0].id, 'signed');
  const [person, request] = await receiver.waitFor(2);
  assert.deepEqual([person.json.type, request.json.type], ['recipient.expired', 'envelope.expired']);
  assert.deepEqual([person.json.data.recipient.name, person.json.data.recipient.status], ['Noa Petit', 'expired']);
  assert.equal(person.json.timestamp, expires_at);
  assert.deepEqual(request.json.data.missing_recipients.map((r) => r.name), ['Noa Petit']);
  assert.equal(request.json.timestamp, expires_at);
  assert.ok(request.at >= Date.parse(expires_at));
  assert.equal((await api.envelope(envelope.id)).status, 'expired');
  (await api.tryReport(envelope.id, envelope.recipients[1].id, 'signed')).expectProblem(409, 'conflict');
});

test('an expiry that passes while the server is off is noticed at its start', async (t) => {
  const own = await startServer();
  t.after(() => own.close());
  const api = await own.workspace();
  const envelope = await draft(api, { expires_at: new Date(Date.now() + 1500).toISOString() });
  await api.envelopeAction(envelope.id, 'send');
  await own.stop();
  await pause(1600);
  await own.start();
  await eventually('expired', async () => (await api.envelope(envelope.id)).status === 'expired');
});

test('a refusal ends the envelope and carries its reason', async (t) => {
  const api = await server.workspace();
  const receiver = await receiverFor(t);
  await api.webhook(receiver.url, { event_types: ['envelope.declined', 'recipient.declined'] });
  const envelope = await draft(api);
  await api.envelopeAction(envelope.id, 'send');
  const reason = 'Le montant est faux : 12 500 au lieu de 11 500';
  await api.report(envelope.id, envelope.recipients[0].id, 'declined', { reason });
  const declined = await receiver.next((r) => r.json.type === 'envelope.declined');
  assert.equal(declined.json.data.reason, reason);
  const after_all = await api.envelope(envelope.id);
  assert.deepEqual([after_all.status, after_all.reason], ['declined', reason]);
  assert.equal(after_all.recipients[0].status, 'declined');
});

test('an envelope can be withdrawn, returned and resubmitted, given up, and its people changed', async () => {
  const api = await server.workspace();
  const voided = await draft(api);
  await api.envelopeAction(voided.id, 'send');
  assert.equal((await api.envelopeAction(voided.id, 'void', { reason: 'wrong supplier' })).status, 'voided');
  const back = await draft(api);
  await api.envelopeAction(back.id, 'send');
  assert.equal((await api.envelopeAction(back.id, 'return', { reason: 'page 2 is missing' })).status, 'returned');
  assert.equal((await api.envelopeAction(back.id, 'resubmit')).status, 'sent');
  const [first, second] = back.recipients;
  await api.report(back.id, first.id, 'delivery-failed', { reason: 'mailbox full' });
  await api.report(back.id, first.id, 'reminded');
  await api.report(back.id, first.id, 'reassigned', { name: 'Alix Roy', email: 'alix@supplier.example' });
  await api.report(back.id, second.id, 'removed');
  await api.report(back.id, first.id, 'authentication-failed', { method: 'sms_otp' });
  await api.report(back.id, first.id, 'started');
  await api.report(back.id, first.id, 'signed');
  const now = await api.envelope(back.id);
  assert.equal(now.status, 'sealing');
  assert.equal(now.recipients[0].name, 'Alix Roy');
  const failed = await draft(api);
  await api.envelopeAction(failed.id, 'send');
  assert.equal((await api.envelopeAction(failed.id, 'fail', { reason: 'the provider lost it' })).status, 'failed');
});

test('what is wrong in a request is named by its place', async () => {
  const api = await server.workspace();
  const file = await api.upload(original);
  const good = { title: 'T', level: 'simple', recipients: [camille], files: [{ file_id: file.id, kind: 'original' }] };
  const cases = [
    [{ title: undefined }, /title/], [{ level: 'enormous' }, /level/],
    [{ recipients: [{ ...camille, email: 'nobody' }] }, /recipients\/0\/email/],
    [{ recipients: [{ ...camille, role: 'king' }] }, /recipients\/0\/role/],
    [{ files: [{ file_id: 'file_00000000000000000000000000', kind: 'original' }] }, /files/],
    [{ files: [{ file_id: file.id, kind: 'signed_pdf' }] }, /files\/0\/kind/],
    [{ expires_at: 'tomorrow' }, /expires_at/],
    [{ metadata: { long: 'x'.repeat(70_000) } }, /metadata/],
    [{ metadata: 'text' }, /metadata/],
  ];
  for (const [change, place] of cases) {
    const answer = await api.tryCreateEnvelope({ ...good, ...change });
    assert.ok([400, 404, 422].includes(answer.status), answer.text);
    answer.expectProblem(answer.status);
    assert.match(answer.text, place);
  }
});

test('the daily reconciliation lists what was completed since, page by page', async () => {
  const api = await server.workspace();
  const earlier = await completedEnvelope(api);
  await pause(20);
  const since = new Date().toISOString();
  await pause(20);
  const expected = [];
  for (let i = 0; i < 5; ++i) expected.push((await completedEnvelope(api, { title: `Contract ${i}` })).id);
  await draft(api);
  const found = [];
  let cursor;
  let pages = 0;
  do {
    const page = await api.envelopes({ status: 'completed', completed_since: since, limit: 2, cursor });
    assert.ok(page.data.length <= 2);
    found.push(...page.data.map((e) => e.id));
    cursor = page.next_cursor ?? undefined;
    pages += 1;
  } while (cursor && pages < 10);
  assert.deepEqual([...found].sort(), [...expected].sort());
  assert.ok(!found.includes(earlier.id));
  assert.ok(pages >= 3);
  const all = await api.envelopes({ status: 'completed' });
  assert.equal(all.data.length, 6);
  assert.equal((await api.envelopes({ status: 'draft' })).data.length, 1);
});

test('files come back as they went in, and one byte too many is refused', async () => {
  const api = await server.workspace();
  const large = Buffer.alloc(50 << 20, 'blotter ');
  const stored = await api.upload(large, { type: 'application/octet-stream', name: 'large.bin' });
  assert.deepEqual([stored.bytes, stored.sha256], [large.length, sha256(large)]);
  assert.ok((await api.tryFileContent(stored.id)).bytes.equals(large));
  (await api.tryUpload(Buffer.alloc((50 << 20) + 1))).expectProblem(413, 'too_large');
  const again = await api.upload(large, { type: 'application/octet-stream', name: 'same.bin' });
  assert.equal(again.sha256, stored.sha256);
  const named = await api.upload(original, { name: encodeURIComponent('../../étage "1".pdf') });
  const content = await api.tryFileContent(named.id);
  assert.doesNotMatch(content.headers.get('content-disposition') ?? '', /\.\.\//);
  assert.equal(content.headers.get('x-content-type-options'), 'nosniff');
});
