// A certificate authority for one test, and server certificates from it, made by openssl.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './paths.mjs';
import { check } from './processes.mjs';

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** { ca_pem, issue(name) → { key, cert } } */
export async function makeAuthority() {
  const dir = temporaryFolder();
  const path = (name) => join(dir, name);
  await check('openssl', ['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=Test authority',
                          '-keyout', path('ca.key'), '-out', path('ca.pem')]);
  return {
    ca_pem: readFileSync(path('ca.pem'), 'utf8'),
    ca_file: path('ca.pem'),
    /** `alternative` as in subjectAltName: "IP:127.0.0.1", "DNS:other.example". */
    async issue(alternative) {
      writeFileSync(path('ext'), `subjectAltName=${alternative}\n`);
      await check('openssl', ['req', ...newKey, '-subj', '/CN=Test receiver',
                              '-keyout', path('leaf.key'), '-out', path('leaf.csr')]);
      await check('openssl', ['x509', '-req', '-in', path('leaf.csr'), '-CA', path('ca.pem'),
                              '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '1',
                              '-extfile', path('ext'), '-out', path('leaf.pem')]);
      return { key: readFileSync(path('leaf.key')), cert: readFileSync(path('leaf.pem')) };
    },
  };
}
