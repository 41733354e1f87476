import argparse
import fcntl
import resource
import shutil
import sys
import tempfile
from pathlib import Path

from . import plots, report, scenarios
from .product import event_body
from .rounds import Bench, Failed
from .tools import ROOT, Sink, Tools

ROWS = {
    'events1': lambda b: scenarios.throughput(b, 'events1'),
    'events3': lambda b: scenarios.throughput(b, 'events3', 3),
    'relay1': lambda b: scenarios.relay(b, 'relay1', 1),
    'relay3': lambda b: scenarios.relay(b, 'relay3', 3),
    'latency': lambda b: scenarios.latency(b, 'latency'),
    'pending': lambda b: scenarios.pending(b, b.options.pending),
    'tls': scenarios.tls,
    'delay2': lambda b: scenarios.throughput(b, 'delay2', delay_ms=2),
    'delay10': lambda b: scenarios.throughput(b, 'delay10', delay_ms=10, connections=1000),
    'latency2': lambda b: scenarios.latency(b, 'latency2', delay_ms=2),
    'latency10': lambda b: scenarios.latency(b, 'latency10', delay_ms=10),
    'destinations': lambda b: scenarios.throughput(b, 'destinations', entities=10_000),
    'mixed': scenarios.mixed,
    'long': lambda b: scenarios.long_run(b, b.options.long_seconds),
    'by_connections': lambda b: scenarios.by_connections(b, [16, 64, 256, 1000, 2000]),
    'by_destinations': lambda b: scenarios.by_destinations(b, [1, 10, 100, 1000, 10_000]),
    'by_pending': lambda b: scenarios.by_pending(b, [1000, 10_000, 100_000, 1_000_000]),
    'by_load': lambda b: scenarios.by_load(b, [250, 500, 1000, 2000, 4000, 8000]),
}
SHORT = ['events1', 'events3', 'latency']
TABLE = ['events1', 'events3', 'relay1', 'relay3', 'latency', 'pending', 'tls', 'delay2', 'delay10', 'latency2', 'latency10',
         'destinations', 'mixed']


def read_options():
    parser = argparse.ArgumentParser(prog='./dev bench', description='Measures Blotter beside its yardsticks.')
    parser.add_argument('rows', nargs='*', metavar='ROW', help=f'one or more of: {" ".join(ROWS)}; '
                        'otherwise the rows of the table')
    parser.add_argument('--short', action='store_true', help='a quick comparison, a minute or two')
    parser.add_argument('--all', action='store_true', help='everything: also the curves and the long run')
    parser.add_argument('--rounds', type=int, help='valid rounds wanted of each row (default 7; short 1)')
    parser.add_argument('--connections', type=int, default=256)
    parser.add_argument('--calibrator-seconds', type=float, default=2)
    parser.add_argument('--product-seconds', type=float, default=5)
    parser.add_argument('--latency-seconds', type=float, default=10)
    parser.add_argument('--long-seconds', type=float, default=600)
    parser.add_argument('--pending', type=int, default=1_000_000)
    parser.add_argument('--build', default=str(ROOT / 'build/release'))
    parser.add_argument('--out', default=str(ROOT / 'build/bench'), help='where report, JSON and plots go')
    options = parser.parse_args()
    if unknown := [row for row in options.rows if row not in ROWS]:
        parser.error(f'no such row: {", ".join(unknown)}')
    options.rounds = options.rounds or (1 if options.short else 7)
    options.chosen = options.rows or (SHORT if options.short else list(ROWS) if options.all else TABLE)
    return options


def say(text):
    print(text, flush=True)


def measure(options, folder, scratch):
    tools = Tools(options.build, scratch)
    sink = Sink(tools)
    bench = Bench(tools, sink, options, say)
    bench.plain_body.write_text(event_body('ent_' + '0' * 26) + '\n')
    results, failed = {}, []
    try:
        for row in options.chosen:
            say(f'{row}:')
            try:
                results[row] = ROWS[row](bench)
                # Written after each row: a run that is cut short keeps what it has measured.
                report.write(results, options, bench, folder)
            except Failed as failure:
                failed.append(row)
                say(f'  FAILED: {failure}')
    finally:
        sink.close()
    say(report.write(results, options, bench, folder))
    plots.write(results, folder, report.conditions(options)[0])
    say(f'written: {folder}/report.txt, results.json')
    return failed


def main():
    options = read_options()
    # Thousands of connections: as many files as this user may open at all.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = ROOT / options.out
    folder.mkdir(parents=True, exist_ok=True)
    # Two at once would measure each other.
    with open(folder / 'lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit('another ./dev bench is running')
        scratch = tempfile.mkdtemp(prefix='run-', dir=folder)
        try:
            return 1 if measure(options, folder, scratch) else 0
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


sys.exit(main())
