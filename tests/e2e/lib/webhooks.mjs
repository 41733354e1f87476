// Checks of what a receiver got, with software that is not Blotter's.
import { createHmac, createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** The library decides; throws when it refuses. `secret` is `whsec_…` or any other text. */
export function verifyWebhook(secret, { body, headers }) {
  const webhook = secret.startsWith('whsec_')
    ? new Webhook(secret) : new Webhook(Buffer.from(secret, 'utf8'), { format: 'raw' });
  return webhook.verify(body.toString('utf8'), headers);
}

export const hmacHex = (key, ...parts) => {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest('hex');
};

/** The Ed25519 public key of a 32-byte seed, by way of its PKCS #8 form (RFC 8410). */
export function publicKeyOfSeed(seed) {
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPublicKey(
    createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' }));
}

/** Whether one `v1a` item of the signature header is good. */
export function verifyEd25519(public_key, { body, headers }) {
  const content = Buffer.concat(
    [Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body]);
  return headers['webhook-signature'].split(' ')
    .filter((item) => item.startsWith('v1a,'))
    .some((item) => verify(null, content, public_key, Buffer.from(item.slice(4), 'base64')));
}
