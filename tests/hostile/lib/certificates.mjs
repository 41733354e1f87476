// Certificates as no authority should issue them, made by openssl for one run.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../e2e/lib/paths.mjs';
import { check } from '../../e2e/lib/processes.mjs';

const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export class Certificates {
  static async make() {
    const made = new Certificates();
    made.dir = temporaryFolder();
    await check('openssl', ['req', '-x509', ...ec, '-days', '3650', '-subj', '/CN=Hostile authority', '-keyout', made.path('ca.key'), '-out', made.path('ca.pem')]);
    made.ca_pem = readFileSync(made.path('ca.pem'), 'utf8');
    writeFileSync(made.path('index.txt'), '');
    writeFileSync(made.path('ca.cnf'), `[ca]\ndefault_ca=d\n[d]\ndatabase=${made.path('index.txt')}\nnew_certs_dir=${made.dir}\n` +
      `rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\ncopy_extensions=none\n[p]\ncommonName=supplied\n`);
    return made;
  }

  path(name) { return join(this.dir, name); }

  /** A leaf signed by the authority. `names` as in subjectAltName; `from` and `to` as YYYYMMDD. */
  async issue({ names = 'IP:127.0.0.1', from = '20240101', to = '20491231', key = ec, subject = '/CN=Receiver', digest = 'sha256', more = '' } = {}) {
    const id = `leaf-${this.count = (this.count ?? 0) + 1}`;
    writeFileSync(this.path(`${id}.ext`), `${names ? `subjectAltName=${names}\n` : ''}${more}basicConstraints=CA:FALSE\n`);
    await check('openssl', ['req', ...key, '-subj', subject, '-keyout', this.path(`${id}.key`), '-out', this.path(`${id}.csr`)]);
    await check('openssl', ['ca', '-batch', '-notext', '-config', this.path('ca.cnf'), '-cert', this.path('ca.pem'), '-keyfile', this.path('ca.key'),
                            '-in', this.path(`${id}.csr`), '-out', this.path(`${id}.pem`), '-startdate', `${from}000000Z`, '-enddate', `${to}000000Z`,
                            '-extfile', this.path(`${id}.ext`), '-md', digest]);
    return { key: readFileSync(this.path(`${id}.key`)), cert: readFileSync(this.path(`${id}.pem`)), key_file: this.path(`${id}.key`), cert_file: this.path(`${id}.pem`) };
  }

  async selfSigned() {
    await check('openssl', ['req', '-x509', ...ec, '-days', '30', '-subj', '/CN=Nobody', '-addext', 'subjectAltName=IP:127.0.0.1',
                            '-keyout', this.path('self.key'), '-out', this.path('self.pem')]);
    return { key: readFileSync(this.path('self.key')), cert: readFileSync(this.path('self.pem')) };
  }
}
