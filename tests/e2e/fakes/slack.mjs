// A Slack that is as strict as the real one where its reference is precise: tokens, scopes,
// membership, Block Kit's limits, one message a second in each channel, single-use codes, paging
// with short and empty pages. Knows nothing of Blotter. On loopback, in this process.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import http from 'node:http';
import { checkMessage } from './slack_blocks.mjs';

const random = (n = 16) => randomBytes(n).toString('hex');

/** What a method needs. `token: false` is for those that authenticate the app instead. */
const methods = {
  'oauth.v2.access': { token: false, forms: ['form'] },
  'auth.test': { scopes: [] },
  'auth.revoke': { scopes: [] },
  'apps.uninstall': { scopes: [] },
  'conversations.list': { scopes: ['channels:read'], forms: ['form', 'query'] },
  'conversations.info': { scopes: ['channels:read'], forms: ['form', 'query'] },
  'chat.postMessage': { scopes: ['chat:write'] },
  'chat.postEphemeral': { scopes: ['chat:write'] },
  'chat.update': { scopes: ['chat:write'] },
};

export class FakeSlack {
  static async start(options = {}) {
    const fake = new FakeSlack(options);
    await new Promise((resolve, reject) => {
      fake.server.once('error', reject);
      fake.server.listen(0, '127.0.0.1', resolve);
    });
    return fake;
  }

  constructor({ burst = 4, per_second = 1, team, rotation = false, pkce = false, answer_ms = 0 } = {}) {
    this.app = { id: 'A0FAKE', client_id: '111.222', client_secret: random(), signing_secret: random() };
    // `team`: { burst, per_second } of a whole workspace, where it is to be limited.
    // `answer_ms`: what has been done is answered so much later, as over a real network.
    this.options = { burst, per_second, team, rotation, pkce, answer_ms };
    this.teams = new Map();
    this.codes = new Map();
    this.tokens = new Map();
    this.refreshes = new Map();
    this.buckets = new Map();
    this.messages = [];  // accepted ones, in order
    this.notes = [];     // ephemeral ones
    this.dropped = [];   // those of them of which nobody was told
    this.calls = [];
    this.refused = [];   // { method, error }
    this.faults = [];    // functions (method, args) → undefined or what to do
    this.page_shapes = [];  // sizes of the next pages of conversations.list; 0 is an empty page
    this.clock = 0;
    this.server = http.createServer((request, response) => this.take(request, response));
    this.addTeam('T0ONE', 'One');
  }

  get url() { return `http://127.0.0.1:${this.server.address().port}`; }
  close() {
    return new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections();
    });
  }

  // --- What the test arranges. ---

  addTeam(id, name) {
    const team = { id, name, channels: new Map(), installed: false, bot: `U${id.slice(1)}BOT` };
    this.teams.set(id, team);
    return team;
  }

  addChannel(id, name, { member = true, team = 'T0ONE', archived = false, is_private = false } = {}) {
    const channel = { id, name, member, archived, is_private, restricted: false };
    this.teams.get(team).channels.set(id, channel);
    return channel;
  }

  channel(id, team = 'T0ONE') { return this.teams.get(team).channels.get(id); }

  /** The consent page's "Allow": gives the address to which the browser goes. */
  consent(authorize_url, { team = 'T0ONE', deny = false } = {}) {
    const url = new URL(authorize_url);
    const asked = Object.fromEntries(url.searchParams);
    if (url.pathname !== '/oauth/v2/authorize') throw new Error(`no consent page at ${url.pathname}`);
    if (asked.client_id !== this.app.client_id) throw new Error('invalid_client_id');
    if (!asked.redirect_uri) throw new Error('bad_redirect_uri');
    if (!asked.scope) throw new Error('invalid_scope_requested');
    const back = new URL(asked.redirect_uri);
    if (asked.state !== undefined) back.searchParams.set('state', asked.state);
    if (deny) {
      back.searchParams.set('error', 'access_denied');
      return back.href;
    }
    const code = random();
    this.codes.set(code, { team, scopes: asked.scope.split(','), redirect_uri: asked.redirect_uri,
                           challenge: asked.code_challenge, method: asked.code_challenge_method });
    back.searchParams.set('code', code);
    return back.href;
  }

  /** A token as an installation would give it. */
  install({ team = 'T0ONE', scopes = ['chat:write', 'channels:read'], expires_in } = {}) {
    const token = `xoxb-${team}-${random()}`;
    this.teams.get(team).installed = true;
    this.tokens.set(token, { team, scopes, state: 'live',
                             expires: expires_in === undefined ? undefined : Date.now() + expires_in * 1000 });
    return token;
  }

  /** Somebody removes the app in Slack. */
  uninstall(team = 'T0ONE', error = 'account_inactive') {
    this.teams.get(team).installed = false;
    for (const token of this.tokens.values()) if (token.team === team) token.state = error;
  }

  /** The next call of the method is answered so: { status, body, headers }, 'drop' (accepted, then
   *  the line breaks), 'cut' (nothing accepted, the line breaks), 'hang', or { error }. */
  once(method, what) {
    let used = false;
    this.faults.push((called) => {
      if (used || called !== method) return undefined;
      used = true;
      return what;
    });
  }

  posted(channel) { return this.messages.filter((m) => m.channel === channel); }

  /** A press of a button as Slack sends it: { body, headers }. */
  interaction(message, action, { secret = this.app.signing_secret, at = Math.floor(Date.now() / 1000) } = {}) {
    const payload = { type: 'block_actions', api_app_id: this.app.id, team: { id: message.team },
                      user: { id: 'U0PERSON' }, channel: { id: message.channel },
                      message: { ts: message.ts }, actions: [{ ...action, action_ts: `${at}.000001` }] };
    const body = `payload=${encodeURIComponent(JSON.stringify(payload))}`;
    return { body, headers: signed(body, secret, at) };
  }

  /** What Slack posts to the address for events: { body, headers }. */
  event(payload, { secret = this.app.signing_secret, at = Math.floor(Date.now() / 1000) } = {}) {
    const body = JSON.stringify(payload);
    return { body, headers: { ...signed(body, secret, at), 'content-type': 'application/json' } };
  }

  // --- The wire. ---

  take(request, response) {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('error', () => {});
    response.on('error', () => {});
    request.on('end', () => this.answer(request, response, Buffer.concat(pieces).toString('utf8')));
  }

  answer(request, response, body) {
    const url = new URL(request.url, this.url);
    const method = url.pathname.replace(/^\/api\//, '');
    const reply = (json, status = 200, headers = {}) => {
      if (response.destroyed) return;
      if (json.ok === false) this.refused.push({ method, error: json.error, at: Date.now() });
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
      response.end(JSON.stringify(json));
    };
    const rule = methods[method];
    if (!url.pathname.startsWith('/api/') || !rule) return reply({ ok: false, error: 'unknown_method' });
    const args = readArguments(request, url, body);
    const error = args.error ?? wrongForm(rule, args.form);
    this.calls.push({ method, args: args.values, at: Date.now(), headers: request.headers });
    let fault;
    for (const one of this.faults) if ((fault = one(method, args.values)) !== undefined) break;
    if (fault === 'hang') return undefined;
    if (fault === 'cut') return request.socket.destroy();
    if (fault?.error) return reply({ ok: false, error: fault.error, ...fault.more }, fault.status ?? 200, fault.headers);
    if (fault?.status) {
      response.writeHead(fault.status, fault.headers ?? {});
      return response.end(fault.body ?? '');
    }
    if (error) return reply({ ok: false, error });
    const result = this.run(method, rule, args, request);
    if (fault === 'drop' && result.ok) {
      if (method === 'chat.postMessage') this.dropped.push(this.messages.at(-1));
      return request.socket.destroy();
    }
    const status = result.status ?? 200;
    const headers = result.headers ?? {};
    delete result.status;
    delete result.headers;
    if (this.options.answer_ms === 0) return reply(result, status, headers);
    return setTimeout(() => reply(result, status, headers), this.options.answer_ms);
  }

  run(method, rule, args, request) {
    const values = args.values;
    if (rule.token === false) return this.access(values, request);
    const found = this.tokenOf(request, values);
    if (found.error) return { ok: false, error: found.error };
    const missing = rule.scopes.filter((scope) => !found.token.scopes.includes(scope));
    if (missing.length > 0)
      return { ok: false, error: 'missing_scope', needed: missing.join(','), provided: found.token.scopes.join(',') };
    const team = this.teams.get(found.token.team);
    switch (method) {
      case 'auth.test':
        return { ok: true, url: `https://${team.name.toLowerCase()}.slack.com/`, team: team.name, user: 'blotter',
                 team_id: team.id, user_id: team.bot, bot_id: 'B0BOT', is_enterprise_install: false,
                 headers: { 'x-oauth-scopes': found.token.scopes.join(',') } };
      case 'auth.revoke':
        if (['1', 'true', true].includes(values.test)) return { ok: true, revoked: false };
        found.token.state = 'token_revoked';
        return { ok: true, revoked: true };
      case 'apps.uninstall':
        if (values.client_id !== this.app.client_id) return { ok: false, error: 'invalid_client_id' };
        if (values.client_secret !== this.app.client_secret) return { ok: false, error: 'bad_client_secret' };
        this.uninstall(team.id);
        return { ok: true };
      case 'conversations.list': return this.list(team, values);
      case 'conversations.info': return this.info(team, values);
      case 'chat.postMessage': return this.post(team, values, args.form);
      case 'chat.postEphemeral': return this.note(team, values);
      default: return this.update(team, values);
    }
  }

  tokenOf(request, values) {
    const header = request.headers.authorization ?? '';
    const text = header.startsWith('Bearer ') ? header.slice(7) : values.token;
    if (!text) return { error: 'not_authed' };
    const token = this.tokens.get(text);
    if (!token) return { error: 'invalid_auth' };
    if (token.state !== 'live') return { error: token.state };
    if (token.expires !== undefined && token.expires <= Date.now()) return { error: 'token_expired' };
    return { token };
  }

  access(values, request) {
    const header = request.headers.authorization ?? '';
    const [id, secret] = header.startsWith('Basic ')
      ? Buffer.from(header.slice(6), 'base64').toString().split(':') : [values.client_id, values.client_secret];
    if (id !== this.app.client_id) return { ok: false, error: 'invalid_client_id' };
    if (values.grant_type === 'refresh_token') {
      if (secret !== this.app.client_secret) return { ok: false, error: 'bad_client_secret' };
      const grant = this.refreshes.get(values.refresh_token);
      if (!grant) return { ok: false, error: 'invalid_refresh_token' };
      this.refreshes.delete(values.refresh_token);
      this.tokens.delete(grant.token);
      return this.grant(grant.team, grant.scopes);
    }
    if (values.grant_type && values.grant_type !== 'authorization_code') return { ok: false, error: 'invalid_grant_type' };
    const code = this.codes.get(values.code);
    if (!code) return { ok: false, error: 'invalid_code' };
    this.codes.delete(values.code);  // used up by a wrong exchange, too
    if (values.redirect_uri !== code.redirect_uri) return { ok: false, error: 'bad_redirect_uri' };
    if (code.challenge !== undefined) {
      if (!this.options.pkce) return { ok: false, error: 'pkce_not_allowed' };
      const proof = createHash('sha256').update(values.code_verifier ?? '').digest('base64url');
      if (code.method !== 'S256' || proof !== code.challenge) return { ok: false, error: 'bad_code_verifier' };
    } else if (values.code_verifier !== undefined) {
      return { ok: false, error: 'pkce_not_allowed' };
    }
    if (secret !== this.app.client_secret) return { ok: false, error: 'bad_client_secret' };
    return this.grant(code.team, code.scopes);
  }

  grant(team_id, scopes) {
    const team = this.teams.get(team_id);
    const expires_in = this.options.rotation ? this.options.rotation_seconds ?? 43200 : undefined;
    const token = this.install({ team: team_id, scopes, expires_in });
    const answer = { ok: true, app_id: this.app.id, authed_user: { id: 'U0ADMIN' }, scope: scopes.join(','),
                     token_type: 'bot', access_token: token, bot_user_id: team.bot,
                     team: { id: team.id, name: team.name }, enterprise: null, is_enterprise_install: false };
    if (expires_in === undefined) return answer;
    const refresh = `xoxe-1-${random()}`;
    this.refreshes.set(refresh, { team: team_id, scopes, token });
    return { ...answer, expires_in, refresh_token: refresh };
  }

  describe(c) {
    return { id: c.id, name: c.name, is_channel: true, is_private: c.is_private, is_archived: c.archived,
             is_member: c.member, num_members: 3 };
  }

  list(team, values) {
    const limit = values.limit === undefined ? 100 : Number(values.limit);
    if (!Number.isInteger(limit) || limit < 1 || limit >= 1000) return { ok: false, error: 'invalid_limit' };
    const types = (values.types ?? 'public_channel').split(',');
    if (types.some((t) => t !== 'public_channel')) return { ok: false, error: 'missing_scope', needed: 'groups:read' };
    const without_archived = ['true', '1', true].includes(values.exclude_archived);
    const all = [...team.channels.values()].filter((c) => !c.is_private && !(without_archived && c.archived));
    let from = 0;
    if (values.cursor) {
      from = Number(Buffer.from(values.cursor, 'base64').toString().replace(/^at:/, ''));
      if (!Number.isInteger(from)) return { ok: false, error: 'invalid_cursor' };
    }
    const size = Math.min(limit, this.page_shapes.length > 0 ? this.page_shapes.shift() : limit);
    const to = Math.min(from + size, all.length);
    const next = to < all.length || this.page_shapes.length > 0 ? Buffer.from(`at:${to}`).toString('base64') : '';
    return { ok: true, channels: all.slice(from, to).map((c) => this.describe(c)), response_metadata: { next_cursor: next } };
  }

  info(team, values) {
    const channel = team.channels.get(values.channel);
    if (!channel || (channel.is_private && !channel.member)) return { ok: false, error: 'channel_not_found' };
    if (channel.is_private) return { ok: false, error: 'missing_scope', needed: 'groups:read' };
    return { ok: true, channel: this.describe(channel) };
  }

  refuseChannel(team, id) {
    if (/^U/.test(id ?? '')) return undefined;  // a member's own conversation with the app
    const channel = team.channels.get(id);
    if (!channel || (channel.is_private && !channel.member)) return 'channel_not_found';
    if (channel.archived) return 'is_archived';
    if (!channel.member) return 'not_in_channel';
    if (channel.restricted) return 'restricted_action';
    return undefined;
  }

  post(team, values, form) {
    const refusal = this.refuseChannel(team, values.channel);
    if (refusal) return { ok: false, error: refusal };
    const wrong = checkMessage(values);
    if (wrong) return { ok: false, error: wrong.error, response_metadata: { messages: wrong.messages ?? [] } };
    if (values.thread_ts && !this.messages.some((m) => m.channel === values.channel && m.ts === values.thread_ts))
      return { ok: false, error: 'thread_not_found' };
    const { team: whole } = this.options;
    const wait = Math.max(this.takeToken(`${team.id}/${values.channel}`, this.options),
                          whole ? this.takeToken(team.id, whole) : 0);
    if (wait > 0)
      return { ok: false, error: 'ratelimited', status: 429, headers: { 'retry-after': String(Math.ceil(wait)) } };
    this.clock += 1;
    const ts = `${Math.floor(Date.now() / 1000)}.${String(this.clock).padStart(6, '0')}`;
    const message = { team: team.id, channel: values.channel, ts, thread_ts: values.thread_ts, text: values.text,
                      blocks: values.blocks, attachments: values.attachments, metadata: values.metadata,
                      at: Date.now(), values };
    this.messages.push(message);
    const answer = { ok: true, channel: values.channel, ts, message: { text: values.text, ts } };
    if (form === 'json' && !/charset/.test(this.calls.at(-1).headers['content-type'])) answer.warning = 'missing_charset';
    return answer;
  }

  note(team, values) {
    const refusal = this.refuseChannel(team, values.channel);
    if (refusal) return { ok: false, error: refusal };
    if (!/^U/.test(values.user ?? '')) return { ok: false, error: 'user_not_in_channel' };
    const wrong = checkMessage(values);
    if (wrong) return { ok: false, error: wrong.error };
    this.notes.push({ channel: values.channel, user: values.user, text: values.text });
    return { ok: true, message_ts: `${Math.floor(Date.now() / 1000)}.000001` };
  }

  update(team, values) {
    const refusal = this.refuseChannel(team, values.channel);
    if (refusal) return { ok: false, error: refusal };
    const message = this.messages.find((m) => m.channel === values.channel && m.ts === values.ts);
    if (!message) return { ok: false, error: 'message_not_found' };
    const wrong = checkMessage(values);
    if (wrong) return { ok: false, error: wrong.error };
    Object.assign(message, { text: values.text, blocks: values.blocks, attachments: values.attachments });
    return { ok: true, channel: values.channel, ts: values.ts, text: values.text };
  }

  /** 0, or how many seconds too early. */
  takeToken(name, { burst, per_second }) {
    const now = Date.now() / 1000;
    const bucket = this.buckets.get(name) ?? { level: burst, at: now };
    bucket.level = Math.min(burst, bucket.level + (now - bucket.at) * per_second);
    bucket.at = now;
    this.buckets.set(name, bucket);
    if (bucket.level < 1) return (1 - bucket.level) / per_second;
    bucket.level -= 1;
    return 0;
  }
}

function signed(body, secret, at) {
  return { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': String(at),
           'x-slack-signature': `v0=${hmac(secret, `v0:${at}:${body}`)}` };
}

function hmac(secret, text) {
  return createHmac('sha256', secret).update(text).digest('hex');
}

function wrongForm(rule, form) {
  if (rule.forms === undefined || form === 'none' || rule.forms.includes(form)) return undefined;
  return 'invalid_arguments';
}

function readArguments(request, url, body) {
  const values = Object.fromEntries(url.searchParams);
  const type = (request.headers['content-type'] ?? '').split(';')[0].trim();
  if (body === '') return { form: url.search === '' ? 'none' : 'query', values };
  if (type === 'application/json') {
    try {
      const json = JSON.parse(body);
      if (json === null || typeof json !== 'object' || Array.isArray(json)) return { error: 'json_not_object', values };
      return { form: 'json', values: { ...values, ...json } };
    } catch {
      return { error: 'invalid_json', values };
    }
  }
  if (type !== 'application/x-www-form-urlencoded') return { error: 'invalid_post_type', values };
  for (const [name, value] of new URLSearchParams(body)) {
    values[name] = value;
    if (['blocks', 'attachments', 'metadata'].includes(name)) {
      try {
        values[name] = JSON.parse(value);
      } catch {
        return { error: name === 'blocks' ? 'invalid_blocks_format' : 'invalid_arguments', values };
      }
    }
  }
  return { form: 'form', values };
}
