// A reader of the store that shares no code with Blotter: SQL over a copy of what the kill left.
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { base32 } from '../e2e/lib/ids.mjs';
import { removeFolder, temporaryFolder } from '../e2e/lib/paths.mjs';

const delivered = 5;

/** Entry number `n` of a row of the ledger: one stands as it is, several each behind two bytes of length. */
function entryOf(row, n) {
  if (!row || n >= row.first + row.count) return undefined;
  const bytes = Buffer.from(row.entry);
  if (row.count === 1) return bytes;
  let at = 0;
  for (let i = row.first; i < n; ++i) at += 2 + bytes.readUInt16BE(at);
  return bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at));
}

/** The number at a place, in LEB128, and the place after it. */
function numberAt(bytes, at) {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return [value, at];
  }
}

/** The deliveries of a row of table delivered: each behind its number in the block and two bytes of length. */
function deliveredIn({ block, count, entries }) {
  const bytes = Buffer.from(entries);
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const no = block * 64 + bytes[at];
    assert.ok(bytes[at] < 64, `number ${bytes[at]} in row ${block} of delivered`);
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    assert.ok(end <= bytes.length, `row ${block} of delivered is cut`);
    const [event_seq, then] = numberAt(bytes, at + 3);
    const [destination_no] = numberAt(bytes, then);
    found.push({ no, event_seq, destination_no });
    at = end;
  }
  assert.equal(found.length, count, `deliveries in row ${block} of delivered`);
  return found;
}

export const eventText = (bytes) => `evt_${base32(Buffer.from(bytes))}`;

/** A copy of database and write-ahead log, as they lie there, opened. */
export class Store {
  constructor(data_dir) {
    const name = readdirSync(data_dir).find((file) => /\.(db|sqlite3?)$/.test(file));
    assert.ok(name, `a database in ${data_dir}`);
    this.folder = temporaryFolder();
    for (const ending of ['', '-wal'])
      if (existsSync(join(data_dir, name + ending))) cpSync(join(data_dir, name + ending), join(this.folder, name + ending));
    this.db = new DatabaseSync(join(this.folder, name));
  }

  all(sql, ...values) { return this.db.prepare(sql).all(...values); }
  one(sql, ...values) { return this.db.prepare(sql).get(...values); }

  checkWhole() { assert.equal(this.one('PRAGMA quick_check').quick_check, 'ok'); }

  /** Events of the workspaces that are watched: number and id, above a number. */
  eventsAbove(seq) { return this.all('SELECT seq, id, log_no, leaf FROM event WHERE seq > ? ORDER BY seq', seq); }
  lastEvent() { return this.one('SELECT coalesce(max(seq), 0) AS seq FROM event').seq; }

  /** No event is there twice, and each above `seq` is in the ledger once, at its place. */
  checkLedger(seq) {
    const { n, ids } = this.one('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM event');
    assert.equal(ids, n, 'no event is there twice');
    const row = this.db.prepare(`SELECT key & ((1 << 36) - 1) AS first, count, entry FROM leaf
      WHERE key >= ?1 << 36 AND key <= (?1 << 36) + ?2 ORDER BY key DESC LIMIT 1`);
    const places = new Set();
    for (const event of this.eventsAbove(seq)) {
      const found = entryOf(row.get(event.log_no, event.leaf), event.leaf);
      const id = eventText(event.id);
      assert.ok(found, `${id} has no entry in the ledger`);
      const leaf = JSON.parse(found.toString('utf8'));
      assert.deepEqual([leaf.k, leaf.eid], ['event.accepted', id]);
      assert.ok(!places.has(`${event.log_no}/${event.leaf}`), `${id} shares its entry`);
      places.add(`${event.log_no}/${event.leaf}`);
    }
    const gaps = this.all('SELECT key >> 36 AS log_no, sum(count) AS entries, max((key & ((1 << 36) - 1)) + count) AS size FROM leaf GROUP BY log_no HAVING entries <> size');
    assert.deepEqual(gaps, [], 'no entry of the ledger is missing');
  }

  /** What was taken at the first attempt: one success each, and no row of its own. */
  taken() {
    this.taken_ ??= this.all('SELECT block, count, entries FROM delivered ORDER BY block').flatMap(deliveredIn);
    return this.taken_;
  }

  /** No number and no event and destination is there twice among what was taken at once and the other rows. */
  checkTaken(above_key) {
    const taken = this.taken();
    assert.equal(new Set(taken.map(({ no }) => no)).size, taken.length, 'no number is taken twice');
    const places = new Set(taken.map(({ event_seq, destination_no }) => `${event_seq}/${destination_no}`));
    assert.equal(places.size, taken.length, 'one delivery for an event and a destination');
    const numbers = new Set(taken.map(({ no }) => no));
    for (const row of this.all('SELECT no, event_seq, destination_no FROM delivery WHERE replay_no = 0')) {
      assert.ok(!numbers.has(row.no), `delivery ${row.no} is in two tables`);
      assert.ok(!places.has(`${row.event_seq}/${row.destination_no}`), `event ${row.event_seq} has two deliveries to ${row.destination_no}`);
    }
    return taken.filter(({ no }) => no * 64 > above_key).length;
  }

  /** No recorded attempt began before its time, none after a success, all rows agree. */
  checkAttempts(schedule_ms, above_key) {
    // The first attempt stands in the delivery's row, whose part of the keys has a place for it.
    const attempts = `(SELECT no * 64 + 2 AS key, first_ms AS started_ms, first_status AS status FROM delivery WHERE first_outcome IS NOT NULL
       UNION ALL SELECT key, started_ms, status FROM attempt)`;
    const rows = this.all(
      `SELECT a.key, a.started_ms, a.status, d.first_ms, d.state, d.attempts FROM ${attempts} a JOIN delivery d ON d.no = a.key / 64
       WHERE a.key > ? AND a.key % 2 = 0 AND d.first_ms IS NOT NULL`, above_key);
    for (const row of rows) {
      const n = (row.key % 64) >> 1;
      const due = row.first_ms + (schedule_ms[n - 1] ?? Infinity);
      assert.ok(row.started_ms >= due, `attempt ${n} of delivery ${Math.floor(row.key / 64)} began ${due - row.started_ms} ms early`);
      assert.ok(n <= row.attempts, `attempt ${n} of ${row.attempts}`);
    }
    const twice = this.all(`SELECT key / 64 AS delivery FROM ${attempts} WHERE key > ? AND status BETWEEN 200 AND 299 GROUP BY key / 64 HAVING count(*) > 1`, above_key);
    assert.deepEqual(twice, [], 'no success is followed by another');
    const double = this.all('SELECT event_seq, destination_no FROM delivery GROUP BY event_seq, destination_no, replay_no HAVING count(*) > 1');
    assert.deepEqual(double, [], 'one delivery for an event and a destination');
    return rows.length + this.checkTaken(above_key);
  }

  /** Ids of events whose delivery to that destination is over with success. */
  deliveredTo(destination_no) {
    const rows = this.all('SELECT e.id FROM delivery d JOIN event e ON e.seq = d.event_seq WHERE d.destination_no = ? AND d.state = ?', destination_no, delivered);
    const id_of = this.db.prepare('SELECT id FROM event WHERE seq = ?');
    const taken = this.taken().filter((one) => one.destination_no === destination_no).map((one) => id_of.get(one.event_seq));
    return [...rows, ...taken].map((row) => eventText(row.id));
  }

  has(ids) {
    const look = this.db.prepare('SELECT 1 AS there FROM event WHERE id = ?');
    return ids.map((id) => look.get(bytesOf(id)) !== undefined);
  }

  /** Every event of this test goes to one destination: those without an end are pending, whether
   *  they have a row already or are owed their first attempt. */
  pending() {
    return this.one(`SELECT (SELECT count(*) FROM event) - (SELECT count(*) FROM delivery WHERE state >= ?)
      - (SELECT coalesce(sum(count), 0) FROM delivered) AS n`, delivered).n;
  }
  destinationNumber(id) { return this.one('SELECT no FROM destination WHERE id = ?', bytesOf(id)).no; }

  close() {
    this.db.close();
    removeFolder(this.folder);
  }
}

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** The 16 bytes of an id: base32 of 128 bits, the most significant digit first. */
export function bytesOf(id) {
  let value = 0n;
  for (const digit of id.slice(id.indexOf('_') + 1)) value = (value << 5n) | BigInt(digits.indexOf(digit));
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex');
}
