// An admin who connects Slack: the browser's part of OAuth and the API's part of Slack.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Server options for a fake Slack. */
export function slackSettings(fake, settings = {}) {
  return {
    settings: { 'slack.base_url': fake.url, 'slack.client_id': fake.app.client_id, 'slack.fold_after': '20',
                'slack.envelope_url': 'https://sign.example/envelopes/{id}',
                'slack.recheck_interval': '1s', 'slack.workspace_messages_per_minute': '6000',
                'ledger.checkpoint_interval': '50ms', ...settings },
    env: { BLOTTER_SLACK_CLIENT_SECRET: fake.app.client_secret,
           BLOTTER_SLACK_SIGNING_SECRET: fake.app.signing_secret },
  };
}

/** As if the program had been stopped for so long: what it wrote down is older by that. */
export async function passTime(server, ms, columns) {
  await server.stop();
  const name = readdirSync(server.data_dir).find((file) => file.endsWith('.db'));
  const db = new DatabaseSync(join(server.data_dir, name));
  for (const [table, column] of Object.entries(columns)) db.prepare(`UPDATE ${table} SET ${column} = ${column} - ?`).run(ms);
  db.close();
  await server.start();
}

export class SlackAdmin {
  static async connected(server, fake, options = {}) {
    const admin = new SlackAdmin(server, options.api ?? await server.workspace());
    await admin.connect(fake, options);
    return admin;
  }

  constructor(server, api) {
    this.server = server;
    this.api = api;
  }

  async begin() {
    const answer = await this.api.post('/v1/slack/connect');
    const cookie = answer.headers.get('set-cookie')?.split(';')[0];
    return { ...answer.expect(200), cookie };
  }

  /** The browser follows Slack's redirect. */
  async comeBack(url, { cookie } = {}) {
    const at = url.replace(/^https?:\/\/[^/]+/, this.server.url);
    const response = await fetch(at, { headers: cookie ? { cookie } : {}, redirect: 'manual' });
    return { status: response.status, text: await response.text() };
  }

  async connect(fake, { team } = {}) {
    const begun = await this.begin();
    const done = await this.comeBack(fake.consent(begun.authorize_url, { team }), begun);
    assert.equal(done.status, 200, done.text);
    this.connection = (await this.connections())[0];
    return this.connection;
  }

  async connections() { return (await this.api.get('/v1/slack/connections')).expect(200).data; }

  async channels() {
    const found = [];
    let cursor;
    do {
      const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : '';
      const page = (await this.api.get(`/v1/slack/connections/${this.connection.id}/channels${query}`)).expect(200);
      found.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor);
    return found;
  }

  tryDestination({ name = 'Slack', ...config }) {
    return this.api.tryCreateDestination({ name, kind: 'slack',
      config: { connection_id: this.connection.id, event_types: ['*'], ...config } });
  }
  async destination(config) { return (await this.tryDestination(config)).expect(201); }
  async disconnect() {
    return (await this.api.post(`/v1/slack/connections/${this.connection.id}/disconnect`)).expect(200);
  }

  async messages(state) {
    const found = [];
    let cursor;
    do {
      const query = new URLSearchParams({ limit: '200', ...(state && { state }), ...(cursor && { cursor }) });
      const page = (await this.api.get(`/v1/slack/messages?${query}`)).expect(200);
      found.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor);
    return found;
  }
  tryResolve(id, decision) { return this.api.post(`/v1/slack/messages/${id}/resolve`, { decision }); }
  async resolve(id, decision) { return (await this.tryResolve(id, decision)).expect(200); }

  /** Everything in the data folder, as one text. */
  async storedBytes() {
    const content = (path) => {
      try {
        return readFileSync(path, 'latin1');
      } catch (error) {
        if (error.code === 'ENOENT') return '';  // a file that was being replaced
        throw error;
      }
    };
    const read = (folder) => readdirSync(folder, { withFileTypes: true }).map((entry) =>
      (entry.isDirectory() ? read(join(folder, entry.name)) : content(join(folder, entry.name)))).join('');
    return read(this.server.data_dir);
  }

  /** The entries of the workspace's log, one a line. */
  async ledgerText() { return (await this.storedBytes()).replaceAll(/\{"at"/g, '\n{"at"'); }
}
