// What the description says of answers, held against real ones: every reading operation is called, and its answer must
// meet its schema, which is closed against members that it does not name.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import { makeDocument, makeEvent } from './lib/api.mjs';
import { makePdf } from './lib/pdf.mjs';
import { Receiver } from './lib/receiver.mjs';
import { startServer } from './lib/server.mjs';
import { eventually } from './lib/wait.mjs';

const server = await startServer();
after(() => server.close());
const receiver = await Receiver.start();
after(() => receiver.close());

/** Objects that name their members have no others. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== 'object') return schema;
  const out = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
  if (out.type === 'object' && out.properties && out.additionalProperties === undefined) out.additionalProperties = false;
  return out;
}

/** Something of every kind that a path can name. */
async function everything(api) {
  const destination = await api.webhook(receiver.url);
  const file = await api.upload(makePdf('Contract'));
  const envelope = await api.createEnvelope({
    title: 'Contract', level: 'simple', recipients: [{ name: 'Signer', email: 's@example.com' }], files: [{ file_id: file.id }] });
  await api.envelopeAction(envelope.id, 'send');
  await api.report(envelope.id, envelope.recipients[0].id, 'signed', {});
  await api.attach(envelope.id, [{ file_id: file.id, kind: 'signed_pdf' }]);
  const event = await api.postEvent(makeEvent());
  const delivery = await api.delivered({ event_id: event.id });
  await api.postEvent({ type: 'envelope.sent', data: {} });
  const quarantined = (await api.quarantine())[0];
  const entity = await api.createEntity({ name: 'Subsidiary', reference: 'S' });
  const document = await api.createDocument(makeDocument(entity.id));
  const range = { from: '2020-01-01T00:00:00Z', until: '2099-01-01T00:00:00Z' };
  const replay = (await api.post('/v1/replays', { ...range, destination_id: destination.id })).expect(202);
  await eventually('a checkpoint', async () => (await api.get('/v1/ledger/checkpoint')).status === 200);
  return { destination_id: destination.id, file_id: file.id, envelope_id: envelope.id, event_id: event.id,
           delivery_id: delivery.id, quarantine_id: quarantined.id, entity_id: entity.id, document_id: document.id,
           replay_id: replay.replay_id, type: 'envelope.sent' };
}

test('what is answered is what the description says', async () => {
  const api = await server.workspace();
  const ids = await everything(api);
  const description = await api.openapi();
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ $id: 'https://x/description', components: closed(description.components) });
  const wrong = [];
  let compared = 0;
  for (const [path, { get: operation }] of Object.entries(description.paths)) {
    if (!operation) continue;
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    if (names.some((name) => ids[name] === undefined)) continue;
    const answer = await api.get(path.replaceAll(/\{(\w+)\}/g, (_, name) => ids[name]));
    if (answer.status >= 400) continue;  // not for this role, or not set up here
    const described = operation.responses[answer.status];
    const type = (answer.headers.get('content-type') ?? '').split(';')[0];
    const content = described?.content?.[type] ?? described?.content?.['*/*'];
    if (!content) {
      wrong.push(`${path}: ${answer.status} ${type} is not described`);
      continue;
    }
    const { schema } = content;
    if (!answer.json || !schema) continue;
    compared += 1;
    const check = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('#/components', 'https://x/description#/components')));
    if (!check(answer.json))
      for (const { instancePath, message, params } of check.errors)
        wrong.push(`${path}: ${instancePath.replaceAll(/\d+/g, 'N')} ${message} ${JSON.stringify(params)}`);
  }
  assert.deepEqual([...new Set(wrong)], []);
  assert.ok(compared >= 20, `${compared}`);
});
