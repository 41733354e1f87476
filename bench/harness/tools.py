"""The yardsticks and wrk, as processes."""
import json
import os
import re
import struct
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARRIVAL = struct.Struct('=32sQ')
ANSWER = struct.Struct('=32sQQQ')


class Tools:
    def __init__(self, build, scratch):
        here = Path(build) / 'bench'
        self.program = str(Path(build) / 'src/server/blotter')
        self.sink = str(here / 'bench_sink')
        self.load = str(here / 'bench_load')
        self.relay = str(here / 'bench_relay')
        self.sync_probe = str(here / 'bench_sync_probe')
        self.sync_delay = str(here / 'libbench_sync_delay.so')
        self.scratch = Path(scratch)

    def delay_environment(self, delay_ms, count_file=None):
        out = {'LD_PRELOAD': self.sync_delay, 'BENCH_SYNC_DELAY_US': str(int(delay_ms * 1000))}
        if count_file:
            out['BENCH_SYNC_COUNT'] = str(count_file)
        return out

    def path(self, name):
        return self.scratch / name


class Sink:
    """The receiver. One for a whole run, so that all ratios have the same."""

    def __init__(self, tools, port=0, certificate=None, sample=997):
        command = [tools.sink, '--port', str(port), '--sample', str(sample)]
        if certificate:
            command += ['--certificate', str(certificate[0]), '--key', str(certificate[1])]
        self.tls = certificate is not None
        self.dump_path = tools.path(f'arrivals-{id(self)}')
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        self.pid = self.process.pid
        self.port = int(self.process.stdout.readline().split()[1])
        self.url = f'{"https" if self.tls else "http"}://127.0.0.1:{self.port}'

    def ask(self, command):
        self.process.stdin.write(command + '\n')
        words = self.process.stdout.readline().split()
        return int(words[1]), int(words[3])

    def reset(self):
        self.ask('reset')

    def count(self):
        return self.ask('count')[1]

    def arrivals(self):
        """[(id, when in ns)] and the sampled requests, as (head, body)."""
        self.ask(f'dump {self.dump_path}')
        data = self.dump_path.read_bytes()
        arrivals = [(name.rstrip(b'\0').decode(), at) for name, at in ARRIVAL.iter_unpack(data)]
        return arrivals, self._samples()

    def _samples(self):
        data = Path(f'{self.dump_path}.sample').read_bytes()
        out, at = [], 0
        while at < len(data):
            end = data.index(b'\n', at)
            size = int(data[at:end])
            head, body = data[end + 1:end + 1 + size].split(b'\r\n\r\n', 1)
            out.append((head.decode(), body))
            at = end + 1 + size
        return out

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)
        for path in (self.dump_path, Path(f'{self.dump_path}.sample')):
            path.unlink(missing_ok=True)


class Relay:
    """What only hands on: between the load and the sink, where the product stands otherwise."""

    def __init__(self, tools, to, copies):
        self.process = subprocess.Popen([tools.relay, '--to', str(to), '--copies', str(copies)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        self.port = int(self.process.stdout.readline().split()[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def wait_for(process):
    """Output and processor seconds of a child that ends by itself."""
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f'{process.args[0]} ended with {process.returncode}')
    return output, usage.ru_utime + usage.ru_stime


def run_load(tools, port, bodies, *, path='/', head=None, keep=False, **options):
    """One run of the load yardstick: its report, with `cpu` and, with `keep`, `answers`."""
    out = tools.path('answers')
    command = [tools.load, '--port', str(port), '--path', path, '--bodies', str(bodies)]
    if head:
        command += ['--head', str(head)]
    if keep:
        command += ['--out', str(out)]
    for name, value in options.items():
        command += [f'--{name}', str(value)]
    text, cpu = wait_for(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    report = json.loads(text)
    report['cpu'] = cpu
    report['ok'] = sum(n for status, n in report['statuses'].items() if int(status) < 300)
    if keep:
        report['answers'] = [(name.rstrip(b'\0').decode(), *times)
                             for name, *times in ANSWER.iter_unpack(out.read_bytes())]
        out.unlink()
    return report


def run_wrk(sink, body, seconds, connections):
    script = ('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
              f'wrk.body = [==[{body}]==]\n')
    with tempfile.NamedTemporaryFile('w', suffix='.lua') as file:
        file.write(script)
        file.flush()
        command = ['wrk', '-t1', f'-c{connections}', f'-d{seconds:.0f}', '-s', file.name, sink.url + '/']
        text, cpu = wait_for(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    return {'rate': float(re.search(r'Requests/sec:\s*([\d.]+)', text)[1]), 'cpu': cpu}


def make_certificate(folder):
    """A certificate for 127.0.0.1 that signs itself: (certificate, key)."""
    certificate, key = folder / 'sink.pem', folder / 'sink.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=bench sink',
                    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', str(key), '-out',
                    str(certificate)], check=True, capture_output=True)
    return certificate, key
