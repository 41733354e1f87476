"""The rows of the table: what is loaded how, and which figure comes out of it."""
import contextlib
import threading
import time

from . import machine
from .product import Product
from .rounds import Failed, summary
from .tools import Relay, Sink, make_certificate, run_load

ENTITIES = 32
FILL_BATCH = 500


@contextlib.contextmanager
def running(bench, name, **options):
    """A product with an empty store, on its own folder, removed afterwards."""
    product = Product(bench.tools, bench.tools.path(f'data-{name}'), **options)
    product.remove()
    product.folder.mkdir()
    product.folder.chmod(0o700)
    product.start()
    try:
        yield product
        product.stop()
    finally:
        if product.process.poll() is None:
            product.process.kill()
            product.process.wait()
        product.remove()


def set_up(bench, product, fan_out=1, sink=None, entities=ENTITIES, **config):
    sink = sink or bench.sink
    product.make_workspace('Bench')
    product.make_destinations(lambda i: [f'{sink.url}/{i}/{k}' for k in range(fan_out)], entities,
                              **config)


def throughput(bench, name, fan_out=1, *, delay_ms=0, connections=None, entities=ENTITIES):
    with running(bench, name, delay_ms=delay_ms) as product:
        set_up(bench, product, fan_out, entities=entities)
        return bench.rounds_of(
            name, lambda: bench.product_segment(product, fan_out=fan_out, connections=connections),
            [product.pid, bench.sink.pid], delay_ms)


def relay(bench, name, fan_out):
    """The same load through a relay that stores, checks and signs nothing: what sockets alone cost."""
    through = Relay(bench.tools, bench.sink.port, fan_out)
    try:
        return bench.rounds_of(name, lambda: bench.relay_segment(through, fan_out), [through.pid, bench.sink.pid])
    finally:
        through.close()


def latency(bench, name, rate=1000, *, delay_ms=0, seconds=None):
    """Open loop, beside the same load sent straight to the sink. A round is refused when the generator
    fell behind, or when an exchange without the product took a millisecond already."""
    made = []
    seconds = seconds or bench.options.latency_seconds
    with running(bench, name, delay_ms=delay_ms) as product:
        set_up(bench, product)
        bench.product_segment(product, seconds=1, rate=200, connections=32)  # connections are made
        while sum(not r['invalid'] for r in made) < bench.options.rounds and len(made) < 3 * bench.options.rounds:
            reasons = [] if bench.wait_until_quiet([product.pid, bench.sink.pid]) else ['busy before']
            before = machine.sync_probe(bench.tools, bench.tools.scratch, delay_ms, 1000)
            raw = run_load(bench.tools, bench.sink.port, bench.plain_body, rate=rate, seconds=2, connections=64)
            r = bench.product_segment(product, rate=rate, seconds=seconds, connections=64)
            after = machine.sync_probe(bench.tools, bench.tools.scratch, delay_ms, 1000)
            if r['others'] > machine.OTHERS_MAX:
                reasons.append('busy during')
            if r['behind_p99_us'] > 1000:
                reasons.append('generator behind')
            if raw['answer_p99_us'] > 1000:
                reasons.append('raw exchange slow')
            if any(machine.in_slow_mode(p, delay_ms) for p in (before, after)):
                reasons.append('slow syncs')
            bench.rounds += 1
            bench.refused.update(reasons)
            r.update({f'raw_{key}': raw[key] for key in ('answer_p50_us', 'answer_p99_us')})
            r['sync_p50_us'] = (before['p50_us'] + after['p50_us']) / 2
            r['sync_p99_us'] = (before['p99_us'] + after['p99_us']) / 2
            r['received_arrived_goal_us'] = 2.2 * r['sync_p99_us'] + 1000
            r['received_arrived_over_goal'] = r['received_arrived_p99_us'] / r['received_arrived_goal_us']
            r['invalid'] = reasons
            made.append(r)
            bench.say(f'  {name} {len(made)}: p99 acknowledged → arrived '
                      f'{r["acknowledged_arrived_p99_us"]:.0f} µs, received → arrived '
                      f'{r["received_arrived_p99_us"]:.0f} µs (goal {r["received_arrived_goal_us"]:.0f}), '
                      f'sync p99 {r["sync_p99_us"]:.0f} µs, raw exchange p99 {r["raw_answer_p99_us"]:.0f} µs'
                      + (f'  INVALID: {", ".join(reasons)}' if reasons else ''))
    return summary(made)


def tls(bench):
    """The same load over TLS 1.3 and in the clear, in turn, in one product."""
    certificate = make_certificate(bench.tools.scratch)
    sink = Sink(bench.tools, certificate=certificate)
    made = []
    try:
        with running(bench, 'tls', settings={'egress.extra_ca_file': str(certificate[0])}) as product:
            set_up(bench, product, 3)
            plain_bodies, plain_key = product.bodies, product.key
            product.bodies = []
            set_up(bench, product, 3, sink=sink)
            tls_bodies, tls_key = product.bodies, product.key
            bench.product_segment(product, fan_out=3, sink=sink, seconds=1)  # handshakes
            for _ in range(bench.options.rounds):
                product.bodies, product.key = plain_bodies, plain_key
                plain = bench.product_segment(product, fan_out=3)
                product.bodies, product.key = tls_bodies, tls_key
                over_tls = bench.product_segment(product, fan_out=3, sink=sink)
                product.bodies, product.key = plain_bodies, plain_key
                after = bench.product_segment(product, fan_out=3)
                clear = (plain['product_cpu_us_per_delivery'] + after['product_cpu_us_per_delivery']) / 2
                busy = max(s['others'] for s in (plain, over_tls, after)) > machine.OTHERS_MAX
                reasons = ['busy during'] if busy else []
                bench.rounds += 1
                bench.refused.update(reasons)
                made.append({'invalid': reasons, 'plain_cpu_us': clear,
                             'tls_cpu_us': over_tls['product_cpu_us_per_delivery'],
                             'tls_over_plain': over_tls['product_cpu_us_per_delivery'] / clear,
                             'deliveries_per_s': over_tls['deliveries_per_s']})
                bench.say(f'  tls {len(made)}: {made[-1]["tls_cpu_us"]:.1f} µs per delivery over TLS, '
                          f'{clear:.1f} in the clear: {made[-1]["tls_over_plain"]:.2f}'
                          + ('  INVALID: busy during' if busy else ''))
    finally:
        sink.close()
    return summary(made)


# --- Many pending deliveries ---

def fill(bench, product, count, port):
    """`count` events for receivers that are down: their deliveries wait in the store."""
    product.make_workspace('Pending')
    bodies = product.bodies
    product.bodies = []
    product.make_destinations(lambda i: [f'http://127.0.0.1:{port}/{i}'], 4)
    batches = product.bodies
    path = bench.tools.path('batches')
    one = '{"events":[' + ','.join(batches[i % 4] for i in range(FILL_BATCH)) + ']}'
    path.write_text(one + '\n')
    start = time.monotonic()
    done = run_load(bench.tools, product.port, path, path='/v1/events/batch',
                    head=bench.head_file(product), connections=8, requests=-(-count // FILL_BATCH), seconds=3600)
    if done['ok'] * FILL_BATCH < count:
        raise Failed(f'filling: {done["statuses"]}')
    product.bodies = bodies
    return time.monotonic() - start


def first_due(product):
    """When the first waiting delivery is due, by the clock of the arrivals (monotonic, in ns)."""
    with product.database() as db:
        first_ms = db.execute('SELECT MIN(due_ms) FROM due').fetchone()[0]
    return first_ms * 1_000_000 - time.time_ns() + time.monotonic_ns()


def pending_rows(product):
    with product.database() as db:
        return db.execute('SELECT COUNT(*) FROM due').fetchone()[0]


def pending(bench, count):
    """Rate and memory with many deliveries waiting, in turn with an empty store; and the restart."""
    down = Sink(bench.tools)   # a port that nobody else takes, while it is closed
    port = down.port
    down.close()
    made = []
    with running(bench, 'pending') as full, running(bench, 'empty') as empty:
        seconds = fill(bench, full, count, port)
        bench.say(f'  filled with {count} deliveries in {seconds:.0f} s')
        for product in (full, empty):
            set_up(bench, product)
        full.stop()
        full.start()
        for _ in range(bench.options.rounds):
            before = bench.product_segment(empty)
            product = bench.product_segment(full)
            after = bench.product_segment(empty)
            clear = (before['events_per_s'] + after['events_per_s']) / 2
            busy = max(s['others'] for s in (before, product, after)) > machine.OTHERS_MAX
            reasons = ['busy during'] if busy else []
            bench.rounds += 1
            bench.refused.update(reasons)
            made.append({'invalid': reasons, 'pending': pending_rows(full), 'events_per_s': product['events_per_s'],
                         'over_empty': product['events_per_s'] / clear,
                         'cpu_over_empty': product['product_cpu_us_per_event'] * 2 /
                         (before['product_cpu_us_per_event'] + after['product_cpu_us_per_event']),
                         'memory_mb': product['memory_mb']})
            bench.say(f'  pending {len(made)}: {made[-1]["over_empty"]:.2f} of the empty store, '
                      f'{product["memory_mb"]:.0f} MB' + ('  INVALID: busy during' if busy else ''))
        out = summary(made)
        out['fill_events_per_s'] = count / seconds
        out['restart_s'] = restart(full, bench, port)
        out['restart_memory_mb'] = machine.memory_mb(full.pid)
    return out


def restart(product, bench, port):
    """From the start of the process, or the moment at which the first delivery is due if that is
    later, to the first pending delivery at its receiver."""
    product.stop()
    due = first_due(product)
    sink = Sink(bench.tools, port)
    try:
        product.start()
        deadline = time.monotonic() + 400
        while sink.count() == 0 and time.monotonic() < deadline:
            time.sleep(0.005)
        arrivals, _ = sink.arrivals()
        if not arrivals:
            raise Failed('nothing pending was delivered after the restart')
        took = (arrivals[0][1] - max(product.started_ns, due)) / 1e9
        bench.say(f'  restart: first delivery after {took:.2f} s')
        return took
    finally:
        sink.close()


# --- Mixed and long ---

def mixed(bench, name='mixed'):
    """A quarter of the destinations slow (250 ms), a quarter failing (503); the healthy half counts."""
    down = ('', '', '/slow-250', '/fail')
    made = []
    with running(bench, name) as product:
        set_up(bench, product)
        healthy, key = list(product.bodies), product.key
        product.make_workspace('Ill')
        product.bodies = []
        product.make_destinations(lambda i: [f'{bench.sink.url}{down[2 + i % 2]}/{i}'], 16)
        ill = bench.tools.path('ill-bodies')
        ill.write_text(''.join(body + '\n' for body in product.bodies))
        ill_head = bench.tools.path('ill-head')
        ill_head.write_text(f'authorization: Bearer {product.key}\n')
        product.bodies, product.key = healthy, key
        alone = bench.product_segment(product, rate=500, seconds=bench.options.latency_seconds, connections=64)
        for _ in range(bench.options.rounds):
            other = threading.Thread(target=run_load, args=(bench.tools, product.port, ill), kwargs={
                'path': '/v1/events', 'head': ill_head, 'rate': 500, 'connections': 64,
                'seconds': bench.options.latency_seconds})
            other.start()
            beside = healthy_only(bench, product)
            other.join()
            made.append({'invalid': [], 'alone_p99_us': alone['received_arrived_p99_us'],
                         'beside_p99_us': beside,
                         'beside_over_alone': beside / alone['received_arrived_p99_us']})
            bench.say(f'  mixed {len(made)}: p99 of the healthy {beside:.0f} µs, alone {alone["received_arrived_p99_us"]:.0f}')
    return summary(made)


def healthy_only(bench, product):
    bench.sink.reset()
    run = run_load(bench.tools, product.port, bench.bodies_file(product), path='/v1/events',
                   head=bench.head_file(product), keep=True, rate=500,
                   seconds=bench.options.latency_seconds, connections=64)
    answers = run['answers']
    time.sleep(1)
    arrivals, _ = bench.sink.arrivals()
    came = {name for name, _ in arrivals}
    missing = [name for name, *_ in answers if name not in came]
    if missing:
        raise Failed(f'{len(missing)} healthy deliveries did not arrive')
    return bench.latencies(answers, arrivals)['received_arrived_p99_us']


def long_run(bench, seconds):
    """Ten minutes at a steady 2,000 events/s: memory, commit time and latency must not creep."""
    slices = []
    with running(bench, 'long') as product:
        set_up(bench, product)
        step = min(60, seconds)
        for i in range(int(seconds // step)):
            r = bench.product_segment(product, rate=2000, seconds=step, connections=128)
            slices.append({'minute': i + 1, 'memory_mb': r['memory_mb'], 'events': r['events'],
                           'others': r['others'], 'behind_p99_us': r['behind_p99_us'],
                           'received_arrived_p99_us': r['received_arrived_p99_us'],
                           'cpu_us_per_event': r['product_cpu_us_per_event']})
            bench.say(f'  long, {(i + 1) * step:.0f} s: {r["memory_mb"]:.0f} MB, p99 received → arrived '
                      f'{r["received_arrived_p99_us"]:.0f} µs, {r["product_cpu_us_per_event"]:.1f} µs CPU per event')
        size = (product.folder / 'blotter.db').stat().st_size
    return {'slices': slices, 'database_mb': size / 1e6}


# --- Curves ---

def by_connections(bench, counts):
    """The yardsticks keep their connections: with more they only become slower."""
    out = []
    for count in counts:
        made = throughput(bench, f'{count} connections', connections=count)
        out.append({'x': count, **{k: made[k] for k in ('events_per_s', 'events_over_wrk', 'product_cpu_us_per_event', 'answer_p50_us', 'memory_mb', 'valid_rounds', 'rounds')}})
    return out


def by_destinations(bench, counts):
    out = []
    for count in counts:
        made = throughput(bench, f'{count} destinations', entities=count)
        out.append({'x': count, **{k: made[k] for k in ('events_per_s', 'events_over_wrk', 'product_cpu_us_per_event', 'memory_mb', 'valid_rounds', 'rounds')}})
    return out


def by_pending(bench, counts):
    out = []
    for count in counts:
        bench.say(f'{count} pending')
        made = pending(bench, count)
        out.append({'x': count, **{k: made[k] for k in ('events_per_s', 'over_empty', 'memory_mb', 'restart_s', 'valid_rounds', 'rounds')}})
    return out


def by_load(bench, rates):
    out = []
    for rate in rates:
        made = latency(bench, f'{rate} per second', rate)
        keys = [f'{what}_p{p}_us' for what in ('acknowledged_arrived', 'received_arrived') for p in (50, 90, 99)]
        out.append({'x': rate, **{k: made[k] for k in keys + ['behind_p99_us', 'valid_rounds', 'rounds']}})
    return out
