// A name server on loopback that answers as the test says (RFC 1035, over UDP).
import dgram from 'node:dgram';

export const A = 1;
export const CNAME = 5;
export const AAAA = 28;
export const no_such_name = 3;
export const server_failure = 2;

const nameBytes = (name) => Buffer.concat([
  ...name.split('.').filter(Boolean).map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
  Buffer.from([0])]);

function dataOf({ type, data }) {
  if (type === A) return Buffer.from(data.split('.').map(Number));
  if (type === CNAME) return nameBytes(data);
  const [head, tail = ''] = data.split('::');
  const groups = (text) => (text === '' ? [] : text.split(':')).map((g) => parseInt(g, 16));
  const [left, right] = [groups(head), groups(tail)];
  const all = data.includes('::') ? [...left, ...Array(8 - left.length - right.length).fill(0), ...right] : left;
  return Buffer.concat(all.map((g) => Buffer.from([g >> 8, g & 255])));
}

function recordBytes({ name, type, data, ttl = 0 }, asked) {
  const bytes = dataOf({ type, data });
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(bytes.length, 8);
  // The name asked for stands in the question already: a pointer to it is enough.
  return Buffer.concat([name === asked ? Buffer.from([0xc0, 12]) : nameBytes(name), fixed, bytes]);
}

/** `zone[name]` is a list of records, an answer { code, records }, undefined for silence, or a
 *  function (type, n) that gives one of them; n counts the questions for that name and type. */
export class NameServer {
  static async start() {
    const server = new NameServer();
    await new Promise((resolve) => server.socket.bind(0, '127.0.0.1', resolve));
    return server;
  }

  constructor() {
    this.zone = {};
    this.questions = [];
    this.socket = dgram.createSocket('udp4');
    this.socket.on('message', (bytes, from) => this.answer(bytes, from));
  }

  get address() { return `127.0.0.1:${this.socket.address().port}`; }
  asked(name, type) { return this.questions.filter((q) => q.name === name && q.type === type).length; }

  answer(bytes, from) {
    const labels = [];
    let at = 12;
    for (; bytes[at] !== 0; at += bytes[at] + 1) labels.push(bytes.toString('latin1', at + 1, at + 1 + bytes[at]));
    const name = labels.join('.').toLowerCase();
    const type = bytes.readUInt16BE(at + 1);
    const n = this.asked(name, type) + 1;
    this.questions.push({ name, type });
    const told = this.zone[name];
    const given = typeof told === 'function' ? told(type, n) : told ?? { code: no_such_name };
    if (given === undefined) return;
    const { code = 0, records = given } = given;
    const answers = (Array.isArray(records) ? records : []).filter((r) => r.type === type || r.type === CNAME)
      .map((r) => recordBytes({ name, ...r }, name));
    const head = Buffer.from(bytes.subarray(0, 12));
    head.writeUInt16BE(0x8180 | code, 2);
    [1, answers.length, 0, 0].forEach((count, i) => head.writeUInt16BE(count, 4 + 2 * i));
    this.socket.send(Buffer.concat([head, bytes.subarray(12, at + 5), ...answers]), from.port, from.address);
  }

  close() { this.socket.close(); }
}
