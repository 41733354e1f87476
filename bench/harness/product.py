"""The product under measurement: started as users start it, set up over its own API."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
from pathlib import Path

# Receivers are on loopback and one key sends everything: these four are not what a user starts
# with. Everything else is the default, synchronous=FULL included.
SETTINGS = {
    'listen.address': '127.0.0.1:0',
    'egress.allow': '127.0.0.1/32',
    'egress.http_allowed': 'true',
    'api.requests_per_second': '1000000',
    'api.requests_burst': '1000000',
}
BODY_BYTES = 700
DIGITS = {c: i for i, c in enumerate('0123456789ABCDEFGHJKMNPQRSTVWXYZ')}


def uuid_of(event_id):
    """The 16 bytes behind "evt_" and 26 base32 digits."""
    number = 0
    for c in event_id[4:]:
        number = number << 5 | DIGITS[c]
    return number.to_bytes(16, 'big')


def event_body(entity_id):
    """A JSON event of 700 bytes for one entity; the number in it is different in each request."""
    event = {'type': 'envelope.sent', 'entity_id': entity_id,
             'data': {'envelope': {'id': 'contract-############', 'title': 'Contrat fournisseur',
                                   'level': 'advanced',
                                   'metadata': {'montant_ht': 12500.50, 'fournisseur': 'Imprimerie du Port',
                                                'reference': 'FA-############', 'note': ''}},
                      'recipients': [{'id': 'r1', 'name': 'Camille Lefort', 'role': 'signer',
                                      'email': 'camille@example.com', 'status': 'signed'},
                                     {'id': 'r2', 'name': 'Sacha Martin', 'role': 'signer',
                                      'email': 'sacha@example.com', 'status': 'signed'}]}}
    missing = BODY_BYTES - len(json.dumps(event))
    event['data']['envelope']['metadata']['note'] = ('signature ' * 60)[:max(0, missing)]
    return json.dumps(event)


class Product:
    def __init__(self, tools, folder, *, settings=None, delay_ms=0, environment=None):
        self.tools = tools
        self.folder = Path(folder)
        self.settings = {**SETTINGS, 'data.directory': str(self.folder), **(settings or {})}
        self.sync_count = Path(f'{self.folder}.syncs')
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith('BLOTTER_')}
        self.environment.update(tools.delay_environment(delay_ms, self.sync_count))
        self.environment.update(environment or {})
        self.key = None
        self.bodies = []
        self.destinations = []

    def start(self):
        self.log = open(f'{self.folder}.log', 'ab')
        self.sync_count.write_bytes(bytes(8))
        (self.folder / 'address').unlink(missing_ok=True)
        flags = [f'--{name}={value}' for name, value in self.settings.items()]
        self.started_ns = time.monotonic_ns()
        self.process = subprocess.Popen([self.tools.program, 'serve', *flags], stdout=self.log,
                                        stderr=self.log, env=self.environment)
        self.pid = self.process.pid
        deadline = time.monotonic() + 60
        while not all((self.folder / name).exists() for name in ('address', 'owner.key')):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f'the product did not start: see {self.folder}.log')
            time.sleep(0.005)
        host, port = (self.folder / 'address').read_text().strip().rsplit(':', 1)
        self.port = int(port)
        self.http = http.client.HTTPConnection(host, self.port, timeout=60)
        return self

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        self.log.close()
        self.http.close()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        for suffix in ('.log', '.syncs'):
            Path(f'{self.folder}{suffix}').unlink(missing_ok=True)

    def syncs(self):
        return struct.unpack('=Q', self.sync_count.read_bytes())[0]

    def call(self, method, path, body=None, key=None):
        self.http.close()  # it may have been idle for longer than the product waits
        headers = {'authorization': f'Bearer {key or self.key}', 'content-type': 'application/json'}
        self.http.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f'{method} {path}: {answer.status} {text[:500]}')
        return json.loads(text) if text else None

    def metric(self, name):
        self.http.close()
        self.http.request('GET', '/metrics')
        for line in self.http.getresponse().read().decode().split('\n'):
            if line.startswith(name + ' '):
                return float(line.split()[1])
        return 0.0

    def make_workspace(self, name):
        owner = (self.folder / 'owner.key').read_text().strip()
        workspace = self.call('POST', '/v1/workspaces', {'name': name}, owner)
        made = self.call('POST', f'/v1/workspaces/{workspace["id"]}/api-keys',
                         {'name': 'bench', 'role': 'admin'}, owner)
        self.key = made['key']
        return self.key

    def make_destinations(self, urls, entities, **config):
        """`urls` is called with (entity, n) for each destination; gives the bodies to post."""
        for i in range(entities):
            entity = self.call('POST', '/v1/entities', {'reference': f'E-{len(self.bodies)}', 'name': f'Entity {i}'})
            for url in urls(i):
                self.destinations.append(self.call('POST', '/v1/destinations', {
                    'name': 'Receiver', 'kind': 'webhook', 'entity_id': entity['id'],
                    'signing_secret': 'whsec_' + base64.b64encode(b'bench secret of 24 bytes').decode(),
                    'config': {'url': url, 'event_types': ['*'], **config}}))
            self.bodies.append(event_body(entity['id']))
        return self.bodies

    def database(self):
        return sqlite3.connect(f'file:{self.folder}/blotter.db?mode=ro', uri=True)

    def last_event(self):
        with self.database() as db:
            return db.execute('SELECT COALESCE(MAX(seq), 0) FROM event').fetchone()[0]

    def events_after(self, seq):
        with self.database() as db:
            return {bytes(row[0]) for row in db.execute('SELECT id FROM event WHERE seq > ?', (seq,))}

    def delivered_after(self, seq):
        """Deliveries of those events whose success is written down."""
        with self.database() as db:
            rows = db.execute('SELECT COUNT(*) FROM delivery WHERE event_seq > ? AND state = 5',
                              (seq,)).fetchone()[0]
            return rows + sum(event > seq for (entries,) in db.execute('SELECT entries FROM delivered')
                              for event in events_of(entries))


def events_of(entries):
    """The events of a row of table delivered: store/tables/delivered.hpp."""
    at = 0
    while at < len(entries):
        size = entries[at + 1] << 8 | entries[at + 2]
        event, shift = 0, 0
        for byte in entries[at + 3:at + 3 + size]:
            event |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        yield event
        at += 3 + size


def signature_is_good(head, body):
    fields = dict(line.split(': ', 1) for line in head.split('\r\n')[1:] if ': ' in line)
    fields = {name.lower(): value for name, value in fields.items()}
    content = f'{fields["webhook-id"]}.{fields["webhook-timestamp"]}.'.encode() + body
    good = base64.b64encode(hmac.new(b'bench secret of 24 bytes', content, hashlib.sha256).digest()).decode()
    return any(item == f'v1,{good}' for item in fields['webhook-signature'].split(' '))
