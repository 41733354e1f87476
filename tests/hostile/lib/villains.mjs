// A process of its own with the hostile receivers of the isolation figure, so that their work is
// not on the clock of the one that measures. Prints { kind: port } and the number that hang.
import { drip, flood, say, Scripted } from './scripted.mjs';

const busy = 'HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n';
const deaf = (socket) => { socket.pause(); return 'done'; };
const kinds = {
  silent: { on_request: () => {} },
  deaf: { on_connection: deaf },
  loris: { on_request: drip('H', 'TTP/1.1 200 OK', 1000) },
  reset: { on_request: (socket) => socket.resetAndDestroy() },
  half: { on_request: say('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf') },
  large: { on_request: flood('HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n', Buffer.alloc(128 << 10, 'x'), 10_000_000) },
  busy: { on_request: say(busy) },
};

const started = {};
for (const [kind, script] of Object.entries(kinds)) started[kind] = await Scripted.start(script);
console.log(JSON.stringify(Object.fromEntries(Object.entries(started).map(([kind, r]) => [kind, r.port]))));
