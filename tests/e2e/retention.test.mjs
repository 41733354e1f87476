// When the time of data is over it goes; the ledger's entries stay, and so do their proofs.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { makePdf } from './lib/pdf.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

// The first round is a minute after the start.
const round_ms = 90_000;
const server = await startServer({ settings: { 'development.enabled': 'true', 'retention.payloads': '1s' } });
after(() => server.close());

test('events and sent documents go with their files; proofs are given, and what waits for a person stays', async (t) => {
  const accounting = await Receiver.start({ answer: { body: { id: 'A-1' } } });
  t.after(() => accounting.close());
  const api = await server.workspace();
  const entity = await api.createEntity({ reference: 'FR-1', name: 'Example France' });
  await api.saveAccounting({ url: accounting.url, enabled: true });
  const file = await api.upload(makePdf('Invoice'));
  const sent = await api.validated(entity.id, { file_id: file.id });
  assert.equal((await api.send(sent.id)).outcome, 'sent');
  const waiting = await api.validated(entity.id, { file_id: (await api.upload(makePdf('Other'))).id });
  const old = await api.postEvent(makeEvent());
  const events = [...(await api.events({ document_id: sent.id })).data.map((e) => e.id), old.id];
  const proofs = new Map();
  for (const id of events) proofs.set(id, (await api.tryProof(id)).text);
  // The newest event of all stays, so that no number is given twice.
  await api.postEvent(makeEvent());

  await eventually('its time is over', async () => (await api.get(`/v1/documents/${sent.id}`)).status === 404, round_ms);
  await eventually('so is that of its file', async () => (await api.tryFileContent(file.id)).status === 404, round_ms);
  for (const id of events) {
    (await api.tryEvent(id)).expectProblem(404);
    const proof = await api.tryProof(id);
    assert.equal(proof.status, 200, proof.text);
    assert.equal(proof.text.split('\n')[1], proofs.get(id).split('\n')[1], 'the entry');
    assert.match(Buffer.from(proof.text.split('\n')[1].replace(/^extra /, ''), 'base64').toString('latin1'), new RegExp(id));
  }
  (await (await server.workspace('Other')).tryProof(old.id)).expectProblem(404);
  assert.equal((await api.document(waiting.id)).status, 'validated');
  assert.equal((await api.get(`/v1/documents/${waiting.id}/file`)).status, 200);
  await server.stop();
  const check = await server.cli(['ledger', 'verify']);
  assert.equal(check.code, 0, check.output);
  const proven = await server.cli(['ledger', 'prove', old.id]);
  assert.equal(proven.code, 0, proven.output);
});
