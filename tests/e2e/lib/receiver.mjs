// A webhook receiver on loopback: keeps every request as it came, answers as told.
import http from 'node:http';
import https from 'node:https';
import { eventually } from './wait.mjs';

/** Answers are { status, headers, body, after_ms } or a function (request, response) that writes
 *  the answer itself or returns one. */
export class Receiver {
  static async start(options = {}) {
    const receiver = new Receiver(options);
    await new Promise((resolve, reject) => {
      receiver.server.once('error', reject);
      receiver.server.listen(0, '127.0.0.1', resolve);
    });
    return receiver;
  }

  constructor({ answer = { status: 200 }, tls } = {}) {
    this.answer = answer;
    this.script = [];  // answers to the next requests, before `answer` counts again
    this.requests = [];
    this.connections = 0;
    this.tls_errors = [];
    const take = (request, response) => this.take(request, response);
    this.server = tls ? https.createServer(tls, take) : http.createServer(take);
    this.scheme = tls ? 'https' : 'http';
    this.server.on(tls ? 'secureConnection' : 'connection', () => { this.connections += 1; });
    this.server.on('tlsClientError', (error) => this.tls_errors.push(error));
  }

  get port() { return this.server.address().port; }
  get url() { return `${this.scheme}://127.0.0.1:${this.port}/hook`; }
  get count() { return this.requests.length; }

  take(request, response) {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('error', () => {});
    response.on('error', () => {});
    request.on('end', () => {
      const body = Buffer.concat(pieces);
      const seen = {
        method: request.method,
        url: request.url,
        headers: request.headers,
        raw_headers: request.rawHeaders,
        body,
        at: Date.now(),
        get json() { return JSON.parse(body.toString('utf8')); },
      };
      this.requests.push(seen);
      const chosen = this.script.length > 0 ? this.script.shift() : this.answer;
      const answer = typeof chosen === 'function' ? chosen(seen, response) : chosen;
      if (!answer) return;
      const write = () => {
        if (response.destroyed) return;
        response.writeHead(answer.status ?? 200, answer.headers ?? {});
        response.end(typeof answer.body === 'object' && !Buffer.isBuffer(answer.body)
          ? JSON.stringify(answer.body) : answer.body);
      };
      if (answer.after_ms) setTimeout(write, answer.after_ms);
      else write();
    });
  }

  /** The requests, once there are `count` of them that `which` takes. */
  waitFor(count, which = () => true, timeout_ms) {
    return eventually(`${count} requests at ${this.url} (there are ${this.requests.length})`, () => {
      const found = this.requests.filter(which);
      return found.length >= count ? found : undefined;
    }, timeout_ms);
  }

  /** The first request that `which` takes. */
  async next(which, timeout_ms) {
    return (await this.waitFor(1, which, timeout_ms))[0];
  }

  /** Stops answering; the port refuses connections. */
  close() {
    return new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections();
    });
  }
}
