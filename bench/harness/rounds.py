"""Rounds: calibrator, wrk, product, calibrator; what is invalid is counted, never dropped."""
import statistics
import time
from collections import Counter

from . import machine
from .product import signature_is_good, uuid_of
from .tools import run_load, run_wrk

WARM_SHARE = 0.2        # of a segment, before its rate counts
DRAIN_MAX_S = 60
GATE_TRIES = 8


class Failed(Exception):
    """The product did not do its work: no figure is worth anything then."""


class Bench:
    """What all scenarios share: the yardsticks, the sink, how long and how often."""

    def __init__(self, tools, sink, options, say):
        self.tools, self.sink, self.options, self.say = tools, sink, options, say
        self.plain_body = tools.path('calibrator-body')
        self.refused = Counter()
        self.rounds = 0

    def bodies_file(self, product):
        path = self.tools.path('bodies')
        path.write_text(''.join(body + '\n' for body in product.bodies))
        return path

    def head_file(self, product):
        path = self.tools.path('head')
        path.write_text(f'authorization: Bearer {product.key}\n')
        return path

    # --- Segments ---

    def wait_until_quiet(self, pids):
        """Whether the machine was quiet in the end."""
        for _ in range(GATE_TRIES):
            if machine.others_share(pids) <= machine.OTHERS_MAX:
                return True
            time.sleep(0.3)
        return False

    def calibrate(self):
        """The load yardstick straight to the sink: how fast these cores are just now."""
        self.sink.reset()
        span = machine.Span({'sink': self.sink.pid})
        run = run_load(self.tools, self.sink.port, self.plain_body,
                       seconds=self.options.calibrator_seconds,
                       connections=self.options.connections)
        span.stop(load=run['cpu'])
        seconds = (run['last_answered_ns'] - run['start_ns']) / 1e9
        return {'rate': run['ok'] / seconds, 'others': span.others,
                'client_cpu_us': span.cpu['load'] / run['ok'] * 1e6,
                'sink_cpu_us': span.cpu['sink'] / run['ok'] * 1e6}

    def raw_wrk(self):
        body = self.plain_body.read_text().strip()
        return run_wrk(self.sink, body, self.options.calibrator_seconds, self.options.connections)

    def relay_segment(self, relay, fan_out):
        self.sink.reset()
        span = machine.Span({'relay': relay.pid, 'sink': self.sink.pid})
        run = run_load(self.tools, relay.port, self.plain_body, seconds=self.options.product_seconds,
                       connections=self.options.connections)
        span.stop(load=run['cpu'])
        if run['lost'] or run['unanswered']:
            raise Failed(f'the relay did not answer everything: {run}')
        rate = run['ok'] / ((run['last_answered_ns'] - run['start_ns']) / 1e9)
        return {'events_per_s': rate, 'deliveries_per_s': rate * fan_out, 'others': span.others,
                'product_cpu_us_per_event': span.cpu['relay'] / run['ok'] * 1e6}

    def product_segment(self, product, *, fan_out=1, sink=None, seconds=None, connections=None,
                        rate=0):
        """Loads the product, waits until everything is delivered and written, checks all of it."""
        sink = sink or self.sink
        seconds = seconds or self.options.product_seconds
        sink.reset()
        before = product.last_event()
        syncs = product.syncs()
        commits = product.metric('blotter_store_commits_total')
        machine.reset_peak_memory(product.pid)
        span = machine.Span({'product': product.pid, 'sink': sink.pid})
        run = run_load(self.tools, product.port, self.bodies_file(product), path='/v1/events',
                       head=self.head_file(product), keep=True, seconds=seconds, rate=rate,
                       connections=connections or self.options.connections)
        answers = run.pop('answers')
        if run['ok'] != len(answers) or run['lost'] or run['unanswered'] or not answers:
            raise Failed(f'not every request became an event: {run}')
        expected = len(answers) * fan_out
        deadline = time.monotonic() + DRAIN_MAX_S
        while sink.count() < expected and time.monotonic() < deadline:
            time.sleep(0.02)
        span.stop(load=run['cpu'])
        arrivals, samples = sink.arrivals()
        self.check_arrivals(answers, arrivals, samples, fan_out)
        self.check_store(product, before, answers, fan_out)
        out = self.rates(run, arrivals, fan_out)
        commits = product.metric('blotter_store_commits_total') - commits
        syncs = product.syncs() - syncs
        return {**out, **self.latencies(answers, arrivals),
                'others': span.others,
                'events': len(answers),
                'refused_requests': sum(n for s, n in run['statuses'].items() if int(s) >= 300),
                'product_cpu_us_per_event': span.cpu['product'] / max(1, len(answers)) * 1e6,
                'product_cpu_us_per_delivery': span.cpu['product'] / max(1, len(arrivals)) * 1e6,
                'sink_cpu_us': span.cpu['sink'] / max(1, len(arrivals)) * 1e6,
                'drain_s': max(0.0, (arrivals[-1][1] - run['last_answered_ns']) / 1e9) if arrivals else 0,
                'samples_checked': len(samples),
                'memory_mb': machine.memory_mb(product.pid),
                'commits': commits, 'syncs': syncs,
                'behind_p99_us': run['behind_p99_us']}

    @staticmethod
    def rates(run, arrivals, fan_out):
        """Events and deliveries per second, counted at the sink between warm-up and last send."""
        start = run['start_ns'] + int(WARM_SHARE * (run['last_sent_ns'] - run['start_ns']))
        window = (run['last_sent_ns'] - start) / 1e9
        within = sum(1 for _, at in arrivals if start <= at < run['last_sent_ns'])
        return {'deliveries_per_s': within / window, 'events_per_s': within / window / fan_out}

    @staticmethod
    def latencies(answers, arrivals):
        """From the intended time of sending and from the answer to the arrival, the first copy."""
        first = {}
        for name, at in arrivals:
            first.setdefault(name, at)
        received, acknowledged, answered = [], [], []
        for name, intended, _sent, done in answers:
            if name in first:
                received.append((first[name] - intended) / 1e3)
                acknowledged.append(max(0, first[name] - done) / 1e3)
            answered.append((done - intended) / 1e3)
        out = {}
        for name, all_us in (('received_arrived', received), ('acknowledged_arrived', acknowledged),
                             ('answer', answered)):
            all_us.sort()
            for percent in (50, 90, 99):
                out[f'{name}_p{percent}_us'] = all_us[int(percent / 100 * (len(all_us) - 1))] if all_us else 0
        return out

    # --- Checks ---

    @staticmethod
    def check_arrivals(answers, arrivals, samples, fan_out):
        wanted = {name for name, *_ in answers}
        if len(wanted) != len(answers):
            raise Failed(f'{len(answers) - len(wanted)} answers carry the id of another event')
        came = Counter(name for name, _ in arrivals)
        missing = [name for name in wanted if came[name] != fan_out]
        if missing:
            raise Failed(f'{len(missing)} of {len(wanted)} acknowledged events did not arrive exactly '
                         f'{fan_out} times: {missing[0]} came {came[missing[0]]} times')
        bad = sum(1 for head, body in samples if not signature_is_good(head, body))
        if bad:
            raise Failed(f'{bad} of {len(samples)} sampled signatures are wrong')

    @staticmethod
    def check_store(product, before, answers, fan_out):
        stored = product.events_after(before)
        lost = [name for name, *_ in answers if uuid_of(name) not in stored]
        if lost:
            raise Failed(f'{len(lost)} acknowledged events are not in the store: {lost[0]}')
        deadline = time.monotonic() + 20
        while product.delivered_after(before) < len(answers) * fan_out:
            if time.monotonic() > deadline:
                raise Failed('the outcomes of some deliveries were not written')
            time.sleep(0.05)

    # --- Rounds ---

    def round(self, segment, pids, delay_ms=0):
        """One bracketed round: `segment` is called between two calibrators."""
        reasons = []
        if not self.wait_until_quiet(pids):
            reasons.append('busy before')
        probe_before = machine.sync_probe(self.tools, self.tools.scratch, delay_ms)
        first = self.calibrate()
        wrk = self.raw_wrk()
        product = segment()
        last = self.calibrate()
        probe_after = machine.sync_probe(self.tools, self.tools.scratch, delay_ms)
        if max(first['others'], last['others'], product['others']) > machine.OTHERS_MAX:
            reasons.append('busy during')
        mean = (first['rate'] + last['rate']) / 2
        if abs(first['rate'] - last['rate']) > machine.CALIBRATORS_APART_MAX * mean:
            reasons.append('calibrators apart')
        if any(machine.in_slow_mode(p, delay_ms) for p in (probe_before, probe_after)):
            reasons.append('slow syncs')
        self.rounds += 1
        self.refused.update(reasons)
        client_cpu = (first['client_cpu_us'] + last['client_cpu_us']) / 2
        return {**product, 'invalid': reasons,
                'calibrator_per_s': mean, 'wrk_per_s': wrk['rate'],
                'calibrator_cpu_us': client_cpu,
                'sync_p50_us': (probe_before['p50_us'] + probe_after['p50_us']) / 2,
                'sync_p99_us': (probe_before['p99_us'] + probe_after['p99_us']) / 2,
                'events_over_calibrator': product['events_per_s'] / mean,
                'deliveries_over_calibrator': product['deliveries_per_s'] / mean,
                'events_over_wrk': product['events_per_s'] / wrk['rate'],
                'deliveries_over_wrk': product['deliveries_per_s'] / wrk['rate'],
                'cpu_event_over_calibrator': product['product_cpu_us_per_event'] / client_cpu}

    def rounds_of(self, name, segment, pids, delay_ms=0):
        """Rounds until enough are valid, or thrice as many were made."""
        wanted, made = self.options.rounds, []
        while sum(not r['invalid'] for r in made) < wanted and len(made) < 3 * wanted:
            made.append(self.round(segment, pids, delay_ms))
            r = made[-1]
            self.say(f'  {name} {len(made)}: {r["events_per_s"]:.0f} events/s, '
                     f'{r["events_over_wrk"]:.3f} of wrk ({r["wrk_per_s"]:.0f}/s), '
                     f'{r["product_cpu_us_per_event"]:.1f} µs CPU per event'
                     + (f'  INVALID: {", ".join(r["invalid"])}' if r['invalid'] else ''))
        return summary(made)


def summary(made):
    """Median, lowest and highest of the valid rounds; of all of them when none was valid."""
    valid = [r for r in made if not r['invalid']]
    used = valid or made
    out = {'rounds': len(made), 'valid_rounds': len(valid), 'judged': bool(valid)}
    for key, value in used[0].items():
        if isinstance(value, (int, float)):
            values = [r[key] for r in used]
            out[key] = statistics.median(values)
            out[key + '_range'] = [min(values), max(values)]
    out['all'] = made
    return out
