// A receiver that we did not write: a real Node-RED flow verifies the webhook, maps it to an
// accounting entry and answers with the entry's reference, which is then on the delivery.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeEvent } from './lib/api.mjs';
import { makeFlow, startNodeRed } from './lib/node_red.mjs';
import { startServer } from './lib/server.mjs';
import { hmacHex } from './lib/webhooks.mjs';

const secret = 'secret of the flow, chosen by its owner';

// Runs inside Node-RED. The body comes as raw bytes; headers have lower-case names.
const verify_and_post = `
const crypto = global.get('crypto');
const raw = Buffer.from(msg.payload);
const expected = crypto.createHmac('sha256', global.get('secret')).update(raw).digest('hex');
const given = msg.req.headers['x-certyneo-signature'] || '';
msg.headers = { 'content-type': 'application/json' };
if (given.length !== expected.length ||
    !crypto.timingSafeEqual(Buffer.from(given), Buffer.from(expected))) {
    msg.statusCode = 401;
    msg.payload = { error: 'the signature does not match' };
    return msg;
}
const event = JSON.parse(raw.toString('utf8'));
const seen = flow.get('seen') || {};
seen[msg.req.headers['webhook-id']] = (seen[msg.req.headers['webhook-id']] || 0) + 1;
flow.set('seen', seen);
msg.statusCode = 200;
msg.payload = {
    accountingReferenceId: 'INV-2026-0042',
    entry: { account: event.metadata.compte_comptable, amount: event.metadata.montant_ht,
             document: event.envelope_id, times_seen: seen[msg.req.headers['webhook-id']] },
};
return msg;
`;

const server = await startServer();
after(() => server.close());
const node_red = await startNodeRed(makeFlow('/certyneo', verify_and_post), { secret });
after(() => node_red.stop());

test('the flow refuses what is not signed with its secret', async () => {
  const body = '{"envelope_id":"e","metadata":{}}';
  const post = (signature) => fetch(`${node_red.url}/certyneo`, {
    method: 'POST', body,
    headers: { 'content-type': 'application/json', 'x-certyneo-signature': signature, 'webhook-id': 'none' } });
  assert.equal((await post('0'.repeat(64))).status, 401);
  const good = await post(hmacHex(secret, body));
  assert.equal(good.status, 200);
  assert.equal((await good.json()).accountingReferenceId, 'INV-2026-0042');
});

test('the accounting reference that a Node-RED flow answers is on the delivery', async () => {
  const api = await server.workspace();
  await api.webhook(`${node_red.url}/certyneo`, {
    signing_secret: secret, format: 'flat', event_types: ['envelope.completed'],
    compatibility_scheme: 'hex_body', compatibility_header: 'X-Certyneo-Signature' });
  const completed = makeEvent({ type: 'envelope.completed', envelope: {
    id: 'env_01HX', completed_at: '2026-05-26T14:32:00Z',
    metadata: { type: 'contrat_fournisseur', montant_ht: 12500, compte_comptable: '607',
                fournisseur_id: 'F-2891', libelle: 'Prestation d’été' } } });
  const file = { sha256: 'a'.repeat(64), url: 'https://app.example.com/documents/signed/1' };
  completed.data.files = { signed_pdf: file, audit_trail: file };
  const event = await api.postEvent(completed);
  const delivery = await api.delivered({ event_id: event.id });
  assert.equal(delivery.reference, 'INV-2026-0042');
  const [attempt] = delivery.attempts_log;
  assert.equal(attempt.status, 200);
  assert.deepEqual(JSON.parse(attempt.answer).entry,
                   { account: '607', amount: 12500, document: 'env_01HX', times_seen: 1 });
});

test('a flow with another secret answers 401, and the delivery says so', async () => {
  const api = await server.workspace();
  await api.webhook(`${node_red.url}/certyneo`, {
    signing_secret: 'another secret than the flow has', format: 'flat', schedule: ['0s'],
    compatibility_scheme: 'hex_body', compatibility_header: 'X-Certyneo-Signature' });
  const event = await api.postEvent(makeEvent());
  const failed = await api.deliveryWhen({ event_id: event.id }, 'failed', (d) => d.state === 'failed');
  assert.equal(failed.attempts_log[0].status, 401);
  assert.match(failed.attempts_log[0].answer, /the signature does not match/);
  assert.equal(failed.reference ?? '', '');
});
