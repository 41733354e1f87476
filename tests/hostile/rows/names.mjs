// Names: what a name server that lies, changes its mind or says nothing can bring about.
import assert from 'node:assert/strict';
import { makeEvent } from '../../e2e/lib/api.mjs';
import { blackHoles } from '../lib/black_holes.mjs';
import { A, AAAA, CNAME, no_such_name, server_failure } from '../lib/dns.mjs';

let made = 0;
/** A name of its own for the row, so that nothing is shared between rows. */
function named(world, answer) {
  const name = `row-${++made}.receivers.example`;
  world.names.zone[name] = answer;
  return name;
}
const here = { type: A, data: '127.0.0.1' };
const trap = { type: A, data: '127.0.0.2' };

/** Receivers on the same port of the address that is allowed and of one that is not. */
async function pair(world, denied_host = '127.0.0.2') {
  const good = await world.receiver();
  const bad = await world.scripted((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'), { host: denied_host, port: good.port });
  return { good, bad };
}

async function rebindingBetweenQueries(world) {
  const { good, bad } = await pair(world);
  const host = named(world, (type, n) => (type === A ? [n === 1 ? here : trap] : []));
  await world.expectAttempt(`http://${host}:${good.port}/`, { state: 'delivered', outcome: 'delivered' });
  assert.deepEqual([good.count, bad.connections, world.names.asked(host, A)], [1, 0, 1], 'asked once, connected to what was judged');
}

async function rebindingBetweenRetries(world) {
  const { good, bad } = await pair(world);
  good.answer = { status: 503, headers: { connection: 'close' } };
  const host = named(world, (type, n) => (type === A ? [n === 1 ? here : trap] : []));
  const done = await world.expectAttempt(`http://${host}:${good.port}/`, { outcome: 'address_denied', schedule: ['0s', '1s'] });
  assert.deepEqual([done.delivery.attempts, good.count, bad.connections], [2, 1, 0]);
}

async function rebindingUnderConnection(world) {
  // A connection that was kept is used again only to the address that was judged; after its end
  // the name is looked up and judged anew.
  const { good, bad } = await pair(world);
  const host = named(world, (type, n) => (type === A ? [n === 1 ? here : trap] : []));
  const api = await world.workspace();
  await api.webhook(`http://${host}:${good.port}/`, { schedule: ['0s'], timeout_ms: 2000 });
  const first = await api.postEvent(makeEvent());
  await api.delivered({ event_id: first.id });
  await good.close();
  const second = await api.postEvent(makeEvent());
  const failed = await api.deliveryWhen({ event_id: second.id }, 'failed', (d) => d.state === 'failed');
  assert.equal(failed.attempts_log[0].outcome, 'address_denied');
  assert.equal(bad.connections, 0);
}

async function oneOfTwoFamilies(world) {
  const { good, bad } = await pair(world, '::1');
  const host = named(world, (type) => (type === A ? [here] : [{ type: AAAA, data: '::1' }]));
  await world.expectAttempt(`http://${host}:${good.port}/`, { state: 'delivered' });
  assert.deepEqual([good.count, bad.connections], [1, 0]);
}

const failsToResolve = (answer, outcome = 'resolve_failed') => async (world) => {
  const host = named(world, answer);
  await world.expectAttempt(`http://${host}:8080/`, { outcome, timeout_ms: 5000 });
};

async function chain(world) {
  const links = Array.from({ length: 20 }, (_, i) => ({ name: `c${i}.chain.example`, type: CNAME, data: `c${i + 1}.chain.example` }));
  const host = named(world, []);
  world.names.zone[host] = [{ type: CNAME, data: 'c0.chain.example' }, ...links];
  const done = await world.deliver(`http://${host}:8080/`, { timeout_ms: 5000 });
  assert.match(done.attempt.outcome, /^(resolve_failed|address_denied)$/);
}

async function manyDead(world) {
  // 63 addresses at which nobody listens, and one at which somebody does.
  const server = await world.start({ 'egress.allow': '127.0.0.0/8' });
  const receiver = await world.receiver();
  const dead = Array.from({ length: 63 }, (_, i) => ({ type: A, data: `127.0.1.${i + 1}` }));
  const host = named(world, (type) => (type === A ? [...dead, here] : []));
  const api = await world.workspace(server);
  await world.expectAttempt(`http://${host}:${receiver.port}/`, { api, state: 'delivered', timeout_ms: 10_000 });
  assert.equal(receiver.count, 1);
}

/** 63 addresses that say nothing, and one at which somebody answers: found within the time. */
async function manySilent(world) {
  const server = await world.start({ 'egress.allow': '127.0.0.0/8', 'delivery.connect_timeout': '5s' });
  const receiver = await world.receiver();
  const silent = Array.from({ length: 63 }, (_, i) => `127.0.1.${i + 1}`);
  await blackHoles(world, silent, receiver.port);
  const host = named(world, (type) => (type === A ? [...silent.map((data) => ({ type: A, data })), here] : []));
  const api = await world.workspace(server);
  await world.expectAttempt(`http://${host}:${receiver.port}/`, { api, state: 'delivered', timeout_ms: 10_000 });
  assert.equal(receiver.count, 1);
}

export const rows = [
  { at: 20, name: 'a public name with a private address is saved, and fails when it is sent to', run: async (world) => {
    const host = named(world, (type) => (type === A ? [{ type: A, data: '10.0.0.5' }] : []));
    await world.expectAttempt(`https://${host}/`, { outcome: 'address_denied', says: /10\.0\.0\.5.*private/ });
  } },
  { at: 21, name: 'of two addresses only the allowed one is used', run: oneOfTwoFamilies },
  { at: 22, name: 'rebinding between two questions: there is one question, and its answer is used', run: rebindingBetweenQueries },
  { at: 23, name: 'rebinding between an attempt and the next: judged again', run: rebindingBetweenRetries },
  { at: 23, name: 'rebinding behind a connection that was kept: judged again', run: rebindingUnderConnection },
  { at: 24, name: 'a chain of twenty CNAMEs that ends nowhere', run: chain },
  { at: 24, name: 'a CNAME that leads to itself', run: async (world) => {
    const host = named(world, []);
    world.names.zone[host] = [{ type: CNAME, data: host }];
    await world.expectAttempt(`http://${host}:8080/`, { outcome: 'resolve_failed', timeout_ms: 5000 });
  } },
  { at: '1.5', name: 'NXDOMAIN', run: failsToResolve({ code: no_such_name }) },
  { at: '1.5', name: 'SERVFAIL', run: failsToResolve({ code: server_failure }) },
  { at: '1.5', name: 'a name without addresses', run: failsToResolve([]) },
  { at: '1.5', name: 'a name server that says nothing', run: failsToResolve(() => undefined, 'resolve_failed|answer_timeout') },
  { at: '1.5', name: '64 addresses, 63 of them dead', also: /^127\.0\.1\.\d+ /, run: manyDead },
  { at: '1.5', name: '64 addresses, 63 of them silent', also: /^127\.0\.1\.\d+ /, run: manySilent },
];
