// The one place that knows the paths and shapes of the HTTP API.
import assert from 'node:assert/strict';
import { eventually, pause } from './wait.mjs';

/** The pairs of `object` that have a value, as a query string with its question mark. */
function query(object) {
  const pairs = Object.entries(object).filter(([, value]) => value !== undefined);
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}

/** An answer of the server. `json` is undefined when there is none. */
class Answer {
  constructor(call, response, bytes) {
    this.call = call;
    this.status = response.status;
    this.headers = response.headers;
    this.bytes = bytes;
    this.text = bytes.toString('utf8');
    const type = response.headers.get('content-type') ?? '';
    if (/[/+]json/.test(type) && this.text !== '') this.json = JSON.parse(this.text);
  }

  /** The document, when the status is one of those expected. */
  expect(...statuses) {
    assert.ok(statuses.includes(this.status),
              `${this.call}: ${statuses.join(' or ')} expected, got ${this.status}: ` +
              this.text.slice(0, 2000));
    return this.json;
  }

  /** Checks that this is a problem document (RFC 9457) of that status and, if given, code. */
  expectProblem(status, code) {
    this.expect(status);
    assert.match(this.headers.get('content-type') ?? '', /^application\/problem\+json/, this.call);
    assert.equal(this.json.status, status, this.call);
    assert.equal(typeof this.json.title, 'string', this.call);
    assert.equal(typeof this.json.type, 'string', this.call);
    // What the listener refuses before it is a request of the API has no id.
    if (![413, 415, 431].includes(status)) assert.match(this.headers.get('request-id') ?? '', /^req_/, this.call);
    assert.equal(this.json.request_id ?? this.headers.get('request-id'),
                 this.headers.get('request-id'), this.call);
    if (code !== undefined) assert.equal(this.json.code, code, `${this.call}: ${this.text}`);
    return this.json;
  }
}

/** A caller with one key. Methods named after what they do return the document or fail; those
 *  named `try…` and `request` return the whole answer. */
export class Api {
  constructor(server, key) {
    this.server = server;
    this.key = key;
  }

  with(key) { return new Api(this.server, key); }

  async request(method, path, { json, body, headers = {} } = {}) {
    const all = { ...headers };
    if (this.key !== undefined && all.authorization === undefined)
      all.authorization = `Bearer ${this.key}`;
    if (json !== undefined) all['content-type'] ??= 'application/json';
    const url = /^https?:/.test(path) ? path : this.server.url + path;
    const response = await fetch(url, {
      method,
      headers: all,
      body: json === undefined ? body : JSON.stringify(json),
      redirect: 'manual',
      signal: AbortSignal.timeout(60_000),
    }).catch(async (error) => {
      const { child } = this.server;
      await Promise.race([child?.over, pause(500)]);  // the end is known a moment later
      if (child?.exit && !child.ending) throw child.failure(`ended by itself at ${method} ${path}`);
      throw new Error(`${method} ${path}: ${error.cause?.message ?? error.message}`, { cause: error });
    });
    return new Answer(`${method} ${path}`, response, Buffer.from(await response.arrayBuffer()));
  }

  get(path) { return this.request('GET', path); }
  post(path, json = {}, headers) { return this.request('POST', path, { json, headers }); }

  // Administration.
  async createWorkspace(body) { return (await this.post('/v1/workspaces', body)).expect(201); }
  async createApiKey(workspace_id, body) {
    return (await this.post(`/v1/workspaces/${workspace_id}/api-keys`, body)).expect(201);
  }
  async createEntity(body) { return (await this.post('/v1/entities', body)).expect(201); }
  trySettings(json) { return this.request('PUT', '/v1/settings', { json }); }
  async putSettings(body) { return (await this.trySettings(body)).expect(200, 204); }

  // Files.
  tryUpload(body, { type = 'application/pdf', name = 'document.pdf' } = {}) {
    const headers = {};
    if (type) headers['content-type'] = type;
    if (name) headers['x-file-name'] = name;
    return this.request('POST', '/v1/files', { body, headers });
  }
  async upload(body, options) { return (await this.tryUpload(body, options)).expect(201); }
  tryFileContent(id) { return this.get(`/v1/files/${id}/content`); }

  // Envelopes.
  tryCreateEnvelope(body) { return this.post('/v1/envelopes', body); }
  async createEnvelope(body) { return (await this.tryCreateEnvelope(body)).expect(201); }
  async envelope(id) { return (await this.get(`/v1/envelopes/${id}`)).expect(200); }
  async envelopes(filter = {}) { return (await this.tryEnvelopes(filter)).expect(200); }
  tryEnvelopes(filter = {}) { return this.get(`/v1/envelopes${query(filter)}`); }
  /** send, void, return, resubmit, fail */
  tryEnvelopeAction(id, action, body = {}) { return this.post(`/v1/envelopes/${id}/${action}`, body); }
  async envelopeAction(id, action, body) {
    return (await this.tryEnvelopeAction(id, action, body)).expect(200);
  }
  /** notified, delivery-failed, viewed, authenticated, … */
  tryReport(id, recipient_id, what, body = {}) {
    return this.post(`/v1/envelopes/${id}/recipients/${recipient_id}/${what}`, body);
  }
  async report(id, recipient_id, what, body) {
    return (await this.tryReport(id, recipient_id, what, body)).expect(200);
  }
  tryAttach(id, files) { return this.post(`/v1/envelopes/${id}/files`, { files }); }
  async attach(id, files) { return (await this.tryAttach(id, files)).expect(200); }

  // Events.
  tryPostEvent(body, headers) { return this.post('/v1/events', body, headers); }
  async postEvent(body, headers) { return (await this.tryPostEvent(body, headers)).expect(202); }
  tryPostBatch(events, headers) { return this.post('/v1/events/batch', { events }, headers); }
  async postBatch(events, headers) {
    return (await this.tryPostBatch(events, headers)).expect(202).results;
  }
  tryEvent(id) { return this.get(`/v1/events/${id}`); }
  async event(id) { return (await this.tryEvent(id)).expect(200); }
  async events(filter = {}) { return (await this.get(`/v1/events${query(filter)}`)).expect(200); }
  async eventDeliveries(id) {
    return (await this.get(`/v1/events/${id}/deliveries`)).expect(200).data;
  }
  tryProof(id) { return this.get(`/v1/events/${id}/proof`); }
  async eventTypes() { return (await this.get('/v1/event-types')).expect(200); }
  async quarantine() { return (await this.get('/v1/quarantine')).expect(200).data; }

  // Destinations.
  tryCreateDestination(body) { return this.post('/v1/destinations', body); }
  async createDestination(body) { return (await this.tryCreateDestination(body)).expect(201); }
  /** A destination for a URL with everything usual filled in. */
  webhookBody(url, { name = 'Receiver', entity_id, signing_secret, bearer_key, ...config } = {}) {
    return {
      name, kind: 'webhook', entity_id, signing_secret, bearer_key,
      config: { url, event_types: ['*'], ...config },
    };
  }
  tryWebhook(url, options) { return this.tryCreateDestination(this.webhookBody(url, options)); }
  webhook(url, options) { return this.createDestination(this.webhookBody(url, options)); }
  tryDestination(id) { return this.get(`/v1/destinations/${id}`); }
  async destination(id) { return (await this.tryDestination(id)).expect(200); }
  async destinations() { return (await this.get('/v1/destinations')).expect(200).data; }
  tryPatchDestination(id, json) { return this.request('PATCH', `/v1/destinations/${id}`, { json }); }
  async patchDestination(id, json) { return (await this.tryPatchDestination(id, json)).expect(200); }
  async deleteDestination(id) {
    (await this.request('DELETE', `/v1/destinations/${id}`)).expect(204, 200);
  }
  /** test, pause, resume, disable, rotate-secret, replay */
  tryDestinationAction(id, action, body) { return this.post(`/v1/destinations/${id}/${action}`, body); }
  async destinationAction(id, action, body) {
    return (await this.tryDestinationAction(id, action, body)).expect(200, 202);
  }

  // Deliveries.
  async deliveries(filter = {}) {
    return (await this.get(`/v1/deliveries${query(filter)}`)).expect(200).data;
  }
  async delivery(id) { return (await this.get(`/v1/deliveries/${id}`)).expect(200); }
  async replayDelivery(id) { return (await this.post(`/v1/deliveries/${id}/replay`)).expect(200, 202); }
  /** The one delivery that the filter finds, with its attempts, once `ready(delivery)`. */
  deliveryWhen(filter, what, ready, timeout_ms) {
    let last;
    return eventually(`the delivery is ${what}`, async () => {
      const found = await this.deliveries(filter);
      if (found.length === 0) throw new Error('there is none');
      last = await this.delivery(found[0].id);
      if (ready(last)) return last;
      throw new Error(`it is ${JSON.stringify(last).slice(0, 1500)}`);
    }, timeout_ms);
  }
  delivered(filter) { return this.deliveryWhen(filter, 'delivered', (d) => d.state === 'delivered'); }

  // Alerts.
  async alerts() { return (await this.get('/v1/alerts')).expect(200).data; }
  async alertAction(id, action) {
    return (await this.post(`/v1/alerts/${id}/${action}`)).expect(200);
  }
  alertWhen(what, which) {
    return eventually(`an alert: ${what}`, async () => {
      const all = await this.alerts();
      const found = all.find(which);
      if (found) return found;
      throw new Error(`there are ${JSON.stringify(all).slice(0, 1500)}`);
    });
  }

  // Documents and where they go.
  tryCreateDocument(body, headers) { return this.post('/v1/documents', body, headers); }
  async createDocument(body) { return (await this.tryCreateDocument(body)).expect(201); }
  tryReplaceDocument(id, json) { return this.request('PUT', `/v1/documents/${id}`, { json }); }
  async document(id) { return (await this.get(`/v1/documents/${id}`)).expect(200); }
  async documents(filter = {}) { return (await this.get(`/v1/documents${query(filter)}`)).expect(200); }
  /** validate, reopen, send */
  tryDocumentAction(id, action, body = {}) { return this.post(`/v1/documents/${id}/${action}`, body); }
  async validateDocument(id) { return (await this.tryDocumentAction(id, 'validate')).expect(200); }
  trySend(id, body) { return this.tryDocumentAction(id, 'send', body); }
  async send(id, body) { return (await this.trySend(id, body)).expect(200); }
  async sends(id) { return (await this.get(`/v1/documents/${id}/sends`)).expect(200).data; }
  tryPutDocumentFile(id, body, { type = 'application/pdf', name = 'invoice.pdf' } = {}) {
    return this.request('PUT', `/v1/documents/${id}/file`,
                        { body, headers: { 'content-type': type, 'x-file-name': name } });
  }
  /** A document that was validated, for the entity. */
  async validated(entity_id, rest = {}) {
    const draft = await this.createDocument(makeDocument(entity_id, rest));
    return this.validateDocument(draft.id);
  }
  static webhookPath(entity_id) {
    return entity_id ? `/v1/entities/${entity_id}/accounting-webhook` : '/v1/accounting-webhook';
  }
  /** Of the workspace, or of an entity. */
  tryAccounting(entity_id) { return this.get(Api.webhookPath(entity_id)); }
  async accounting(entity_id) { return (await this.tryAccounting(entity_id)).expect(200); }
  trySaveAccounting(json, entity_id) {
    return this.request('PUT', Api.webhookPath(entity_id), { json });
  }
  async saveAccounting(json, entity_id) {
    return (await this.trySaveAccounting(json, entity_id)).expect(200);
  }
  tryTestAccounting(entity_id) { return this.post(`${Api.webhookPath(entity_id)}/test`); }
  async testAccounting(entity_id) { return (await this.tryTestAccounting(entity_id)).expect(200); }
  tryUpsert(entity_id, what, items) {
    return this.post(`/v1/entities/${entity_id}/${what}/batch`, { [what]: items });
  }
  /** suppliers or dimensions */
  async upsert(entity_id, what, items) {
    return (await this.tryUpsert(entity_id, what, items)).expect(200);
  }

  async openapi() { return (await this.get('/openapi.json')).expect(200); }
}

/** A small valid event. `data` members are laid over the usual ones. */
export function makeEvent({ type = 'envelope.sent', envelope = {}, ...rest } = {}) {
  return {
    type,
    data: {
      envelope: { id: `contract-${Math.random().toString(36).slice(2)}`,
                  title: 'Contrat fournisseur', level: 'advanced', ...envelope },
    },
    ...rest,
  };
}

/** A small document that adds up. */
export function makeDocument(entity_id, rest = {}) {
  return {
    entity_id,
    number: 'INV-2026-0042',
    issue_date: '2026-05-26',
    currency: 'EUR',
    lines: [{ description: 'Printing', net_amount: '100.00', vat_amount: '20.00' }],
    ...rest,
  };
}
