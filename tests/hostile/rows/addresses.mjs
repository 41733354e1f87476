// Where a destination may be: judged when it is saved, and again before anything is sent.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { readFileSync, readdirSync } from 'node:fs';
import { makeEvent } from '../../e2e/lib/api.mjs';
import { temporaryFolder } from '../../e2e/lib/paths.mjs';

/** The server that allows no address which is not public. One for all rows of this page. */
async function strict(world) {
  const server = await world.start({ 'egress.allow': '' });
  return { server, api: await world.workspace(server) };
}

/** Refused when saved, under both schemes, with the place and nothing connected to. */
const refusedAtSave = (...hosts) => async (world) => {
  const { api } = await strict(world);
  for (const host of hosts)
    for (const scheme of ['http', 'https']) {
      const answer = await api.tryWebhook(`${scheme}://${host}/`);
      const problem = answer.expectProblem(422);
      assert.match(problem.errors[0].pointer, /url$/, answer.text);
      assert.ok(problem.errors[0].detail?.length > 10 || problem.detail?.length > 10, answer.text);
    }
  assert.deepEqual(await api.destinations(), []);
};

/** Refused when saved on the usual server, which allows 127.0.0.1. */
const refusedUrls = (...urls) => async (world) => {
  const api = await world.workspace();
  for (const url of urls) {
    const answer = await api.tryWebhook(url);
    assert.ok([400, 422].includes(answer.status), `${JSON.stringify(url).slice(0, 100)}: ${answer.status} ${answer.text}`);
    answer.expectProblem(answer.status);
  }
  assert.deepEqual(await api.destinations(), []);
};

async function loopbackAtSend(world) {
  const receiver = await world.receiver();
  const own = await world.start();
  const api = await world.workspace(own);
  await api.webhook(receiver.url, { schedule: ['0s'] });
  await own.stop();
  own.settings['egress.allow'] = '';
  await own.start();
  const event = await api.postEvent(makeEvent());
  const failed = await api.deliveryWhen({ event_id: event.id }, 'failed', (d) => d.state === 'failed');
  assert.equal(failed.attempts_log[0].outcome, 'address_denied');
  assert.equal(receiver.connections, 0);
}

async function deniedIsInLedger(world) {
  const { server, api } = await strict(world);
  (await api.tryWebhook('http://169.254.169.254/latest/meta-data/')).expectProblem(422);
  await server.stop();
  const folder = join(temporaryFolder(), 'export');
  const exported = await server.cli(['ledger', 'export', folder]);
  assert.equal(exported.code, 0, exported.output);
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && /entries/.test(f.parentPath)).map((f) => readFileSync(join(f.parentPath, f.name), 'latin1'));
  assert.ok(entries.some((text) => text.includes('security.denied')), 'security.denied is an entry');
}

async function ownAddress(world) {
  const api = await world.workspace();
  const answer = await api.tryWebhook(`${world.server.url}/v1/events`);
  assert.match(answer.expectProblem(422).errors[0].detail ?? answer.text, /itself/);
}

async function ownAddressEverywhere(world) {
  const server = await world.start({ 'listen.address': '0.0.0.0:0', 'egress.allow': '127.0.0.0/8',
                                     'listen.public_url': 'https://blotter.example.com' });
  const port = server.address.split(':').pop();
  server.url = `http://127.0.0.1:${port}`;
  const api = await server.workspace();
  for (const url of [`http://127.0.0.1:${port}/`, `http://127.0.0.2:${port}/`, 'https://blotter.example.com/v1/events'])
    assert.match(JSON.stringify((await api.tryWebhook(url)).expectProblem(422)), /itself/, url);
}

async function homographs(world) {
  const api = await world.workspace();
  for (const url of ['http://１２７.0.0.1/', 'http://127。0。0。1/', 'http://①②⑦.0.0.1/'])
    (await api.tryWebhook(url)).expectProblem(422);
  for (const url of ['https://аpple.example/hook', 'https://bücher.example/hook']) {
    const answer = await api.tryWebhook(url);
    if (answer.status === 201) assert.match(answer.json.config.url, /xn--/);
    else answer.expectProblem(422);
  }
}

async function fragments(world) {
  const api = await world.workspace();
  for (const url of ['https://good.example\\@evil.example/', 'https://exam\tple.com/', 'https://example.com/\n',
                     'https://good.example\\.evil.example/', 'https://example.com/a b', 'https://exa%6dple.com@evil/'])
    (await api.tryWebhook(url)).expectProblem(422);
  const fragment = await api.tryWebhook('https://good.example#@evil.example/');
  if (fragment.status === 201) assert.doesNotMatch(fragment.json.config.url, /evil/);
  else fragment.expectProblem(422);
}

async function metadataName(world) {
  const { api } = await strict(world);
  world.names.zone['metadata.google.internal'] = [{ type: 1, data: '169.254.169.254' }];
  const answer = await api.tryWebhook('http://metadata.google.internal/');
  if (answer.status !== 201) return void answer.expectProblem(422);
  const shown = await api.destinationAction(answer.json.id, 'test', { event_type: 'envelope.sent' });
  assert.match(JSON.stringify(shown), /address_denied/);
}

export const rows = [
  { at: 1, name: 'a destination at 127.0.0.1 is refused when saved', run: refusedAtSave('127.0.0.1', '127.255.255.254', '127.0.0.1:8080') },
  { at: 1, name: 'a destination at 127.0.0.1 that was allowed when saved is refused when sent to', run: loopbackAtSend },
  { at: 2, name: 'short IPv4: 127.1 and 0', run: refusedAtSave('127.1', '0', '127.0.1') },
  { at: 3, name: 'IPv4 as one number: decimal, hexadecimal, octal', run: refusedAtSave('2130706433', '0x7f000001', '017700000001', '0x7f.1') },
  { at: 4, name: 'an address with a dot behind it, or in brackets', run: refusedAtSave('127.0.0.1.', '[127.0.0.1]') },
  { at: 5, name: 'names of this machine', run: refusedAtSave('localhost', 'LOCALHOST', 'foo.localhost', 'localhost.') },
  { at: 6, name: 'IPv6 loopback and unspecified', run: refusedAtSave('[::1]', '[::]', '[0:0:0:0:0:0:0:1]') },
  { at: 7, name: 'IPv4 loopback inside IPv6', run: refusedAtSave('[::ffff:127.0.0.1]', '[::ffff:7f00:1]') },
  { at: 8, name: 'IPv4-compatible IPv6', run: refusedAtSave('[::127.0.0.1]') },
  { at: 9, name: 'NAT64 of the metadata service', run: refusedAtSave('[64:ff9b::a9fe:a9fe]') },
  { at: 10, name: 'local NAT64 of loopback', run: refusedAtSave('[64:ff9b:1::7f00:1]') },
  { at: 11, name: '6to4 of loopback', run: refusedAtSave('[2002:7f00:1::]') },
  { at: 12, name: 'a Teredo address', run: refusedAtSave('[2001:0:4136:e378:8000:63bf:3fff:fdd2]') },
  { at: 13, name: 'the IPv6 metadata service of AWS', run: refusedAtSave('[fd00:ec2::254]') },
  { at: 14, name: 'the metadata service is refused', run: refusedAtSave('169.254.169.254', '169.254.169.254:8080') },
  { at: 14, name: 'the refusal of the metadata service is an entry of the ledger', run: deniedIsInLedger },
  { at: 15, name: 'the metadata service by name is refused after resolution', run: metadataName },
  { at: 16, name: 'the metadata service in the carriers\' block', run: refusedAtSave('100.100.100.200', '100.64.0.1') },
  { at: 17, name: 'private networks that nobody allowed', run: refusedAtSave('10.0.0.5', '172.16.0.1', '172.31.255.255', '192.168.1.1', '[fc00::1]') },
  { at: 17, name: 'a private network that the configuration allows is taken, its neighbour is not', run: async (world) => {
    const server = await world.start({ 'egress.allow_private': '10.1.0.0/16' });
    const api = await world.workspace(server);
    (await api.tryWebhook('https://10.1.2.3/')).expect(201);
    (await api.tryWebhook('https://10.2.2.3/')).expectProblem(422);
  } },
  { at: 18, name: 'unspecified, broadcast, multicast and reserved', run: refusedAtSave('0.0.0.0', '255.255.255.255', '224.0.0.1', '240.0.0.1', '198.18.0.1', '[2001:db8::1]', '[ff02::1]') },
  { at: 19, name: 'a link-local address, with and without zone', run: refusedAtSave('[fe80::1%25eth0]', '[fe80::1%eth0]', '[fe80::1]') },
  { at: 27, name: 'schemes that are not of the web', run: refusedUrls('file:///etc/passwd', 'gopher://example.com/', 'ftp://example.com/', 'dict://example.com:11211/', 'unix:/var/run/docker.sock', 'javascript:alert(1)', 'data:text/plain,x', '//example.com/', '') },
  { at: 28, name: 'user and password in the URL', run: refusedUrls('https://user:pass@example.com/', 'https://user@example.com/', 'https://@example.com/') },
  { at: 29, name: 'texts that two parsers read differently', run: fragments },
  { at: 30, name: 'digits and letters of other scripts', run: homographs },
  { at: 31, name: 'ports that are not for webhooks', run: refusedUrls('https://example.com:22/', 'https://example.com:25/', 'https://example.com:6379/', 'https://example.com:0/', 'https://example.com:65536/', 'https://example.com:5432/', 'https://example.com:-1/') },
  { at: 32, name: 'its own address, although loopback is allowed', run: ownAddress },
  { at: 32, name: 'its own address under a listener on every address, and its public name', run: ownAddressEverywhere },
  { at: 33, name: 'a URL of 8 KiB', run: refusedUrls(`https://example.com/${'a'.repeat(8192)}`, `https://${'a'.repeat(300)}.com/`) },
];
