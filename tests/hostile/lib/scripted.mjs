// Receivers that do what no HTTP server does: bytes, pauses and resets as the row says.
import net from 'node:net';
import tls from 'node:tls';
import { pause } from '../../e2e/lib/wait.mjs';

/** Whether `bytes` hold a whole request, head and body. */
function isWhole(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(bytes.toString('latin1', 0, end));
  return bytes.length >= end + 4 + Number(length?.[1] ?? 0);
}

const idOf = (bytes) => /webhook-id: (\S+)/i.exec(bytes.toString('latin1'))?.[1];

/** One listening socket. `on_request(socket, receiver)` is called when a request has come whole,
 *  `on_connection(socket, receiver)` as soon as somebody connects. */
export class Scripted {
  static async start({ on_request, on_connection, with_tls, host = '127.0.0.1', port = 0 } = {}) {
    const receiver = new Scripted({ on_request, on_connection, with_tls });
    await new Promise((resolve, reject) => {
      receiver.server.once('error', reject);
      receiver.server.listen(port, host, resolve);
    });
    return receiver;
  }

  constructor({ on_request, on_connection, with_tls }) {
    Object.assign(this, { connections: 0, closed: 0, ids: [], requests: 0, sent: 0, tls_errors: 0 });
    this.sockets = new Set();
    const take = (socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('error', () => {});
      // Whichever comes first: the end that the other side sent, or the end of the whole connection.
      let open = true;
      const gone = () => { this.closed += open ? 1 : 0; open = false; };
      socket.on('end', () => { gone(); socket.end(); });
      socket.on('close', () => { gone(); this.sockets.delete(socket); });
      if (on_connection && on_connection(socket, this) === 'done') return;
      let bytes = Buffer.alloc(0);
      socket.on('data', (piece) => {
        bytes = Buffer.concat([bytes, piece]);
        if (!isWhole(bytes)) return;
        this.requests += 1;
        this.ids.push(idOf(bytes));
        bytes = Buffer.alloc(0);
        on_request?.(socket, this);
      });
    };
    const options = { allowHalfOpen: true, noDelay: true };
    this.server = with_tls ? tls.createServer({ ...options, ...with_tls }, take) : net.createServer(options, take);
    this.server.on('tlsClientError', () => { this.tls_errors += 1; });
    this.scheme = with_tls ? 'https' : 'http';
  }

  get port() { return this.server.address().port; }
  get url() { return `${this.scheme}://127.0.0.1:${this.port}/hook`; }

  close() {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

export const bytes = (text) => (Buffer.isBuffer(text) ? text : Buffer.from(text, 'latin1'));
/** Sends that and leaves the connection as it is. */
export const say = (text) => (socket) => socket.write(bytes(text));
/** Sends that and ends the connection properly. */
export const sayAndEnd = (text) => (socket) => socket.end(bytes(text));
/** Sends that, waits until it is gone, and resets the connection. */
export const sayAndReset = (text) => (socket) => socket.write(bytes(text), () => setTimeout(() => socket.resetAndDestroy(), 20));

/** Sends `head`, then one byte of `rest` (again and again) per `step_ms`. */
export const drip = (head, rest, step_ms) => async (socket) => {
  socket.write(bytes(head));
  for (let i = 0; !socket.destroyed; ++i) {
    await pause(step_ms);
    if (!socket.destroyed) socket.write(rest[i % rest.length]);
  }
};

/** Sends `head`, then `piece` as fast as it is taken, `total` bytes in all, and counts them. */
export const flood = (head, piece, total) => (socket, receiver) => {
  let left = total;
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= piece.length;
      receiver.sent += piece.length;
      if (!socket.write(piece)) return;
    }
  };
  socket.on('drain', more);
  socket.write(bytes(head));
  more();
};
