// Ids as a client may choose them: a prefix and a UUIDv7 in Crockford base32.
import { randomBytes } from 'node:crypto';

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export function base32(bytes) {
  let value = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let i = 0; i < 26; ++i) {
    text = digits[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return text;
}

export function makeId(prefix) {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return `${prefix}_${base32(bytes)}`;
}

export const makeEventId = () => makeId('evt');
