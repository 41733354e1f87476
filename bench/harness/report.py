"""What was measured, against what is promised, with its conditions: as text and as JSON."""
import json
import subprocess

from . import machine
from .product import BODY_BYTES, SETTINGS
from .tools import ROOT

# figure, row and key of the results, unit, promise, and which way is good
PROMISES = [
    ('durable events/s, fan-out 1, over wrk raw', 'events1', 'events_over_wrk', '', 0.22, 'at least'),
    ('the same over the load yardstick raw', 'events1', 'events_over_calibrator', '', 0.22, 'at least'),
    ('CPU per event over the load yardstick\'s per request', 'events1', 'cpu_event_over_calibrator', '', 4.5, 'at most'),
    ('durable deliveries/s, fan-out 3, over wrk raw', 'events3', 'deliveries_over_wrk', '', 0.45, 'at least'),
    ('events/s with many pending, over the empty store', 'pending', 'over_empty', '', 0.9, 'at least'),
    ('p99 acknowledged → arrived at 1,000/s', 'latency', 'acknowledged_arrived_p99_us', 'µs', 1000, 'at most'),
    ('p99 received → arrived at 1,000/s, over its goal', 'latency', 'received_arrived_over_goal', '', 1, 'at most'),
    ('memory with many pending', 'pending', 'memory_mb', 'MB', 192, 'at most'),
    ('memory at the highest rate', 'events1', 'memory_mb', 'MB', 160, 'at most'),
    ('restart with many pending to the first delivery', 'pending', 'restart_s', 's', 2, 'at most'),
    ('CPU per delivery over TLS 1.3, over plain', 'tls', 'tls_over_plain', '', 1.3, 'at most'),
]
SHOWN = [
    ('events1', 'events_per_s'), ('events1', 'product_cpu_us_per_event'), ('events1', 'calibrator_per_s'),
    ('events1', 'wrk_per_s'), ('events1', 'calibrator_cpu_us'), ('events1', 'sync_p50_us'),
    ('events1', 'commits'), ('events1', 'syncs'), ('events1', 'events'),
    ('events3', 'deliveries_per_s'), ('events3', 'product_cpu_us_per_delivery'),
    ('relay1', 'events_over_wrk'), ('relay1', 'product_cpu_us_per_event'),
    ('relay3', 'deliveries_over_wrk'), ('relay3', 'product_cpu_us_per_event'),
    ('latency', 'acknowledged_arrived_p50_us'), ('latency', 'received_arrived_p50_us'),
    ('latency', 'received_arrived_p99_us'), ('latency', 'sync_p99_us'),
    ('latency', 'raw_answer_p50_us'), ('latency', 'raw_answer_p99_us'),
    ('tls', 'tls_cpu_us'), ('tls', 'plain_cpu_us'),
    ('pending', 'pending'), ('pending', 'fill_events_per_s'), ('pending', 'restart_memory_mb'),
    ('delay2', 'events_over_wrk'), ('delay2', 'events_per_s'), ('delay10', 'events_over_wrk'),
    ('delay10', 'events_per_s'), ('latency2', 'received_arrived_p99_us'), ('latency2', 'received_arrived_over_goal'),
    ('latency10', 'received_arrived_p99_us'), ('latency10', 'received_arrived_over_goal'),
    ('destinations', 'events_over_wrk'), ('destinations', 'events_per_s'), ('destinations', 'memory_mb'),
    ('mixed', 'beside_over_alone'),
]


def number(value):
    if isinstance(value, str):
        return value
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3f}' if abs(value) < 10 else f'{value:.1f}'


def shown(row, key):
    text = number(row[key])
    low, high = row.get(key + '_range', (row[key], row[key]))
    return text if low == high else f'{text} [{number(low)}–{number(high)}]'


def rounds_of(row):
    if 'rounds' not in row:
        return ''
    return f'{row["valid_rounds"]} of {row["rounds"]} rounds valid' + ('' if row['judged'] else ': NOT JUDGED')


def verdict(row, key, promise, way):
    if not row.get('judged', True):
        return 'not judged'
    kept = row[key] >= promise if way == 'at least' else row[key] <= promise
    return 'kept' if kept else 'MISSED'


def conditions(options):
    commit = subprocess.run(['git', '-C', str(ROOT), 'log', '-1', '--format=%h %cs'], capture_output=True,
                            text=True).stdout.strip()
    settings = ', '.join(f'{k}={v}' for k, v in SETTINGS.items())
    return [f'machine: {machine.words()}',
            f'commit: {commit}; preset release; synchronous=FULL, group commit, ledger leaf in the '
            'transaction; defaults but for ' + settings,
            f'load: {BODY_BYTES}-byte JSON, keep-alive, {options.connections} connections, closed loop '
            f'(latency: open loop, 64 connections), 32 destinations per copy, load generator, '
            'product and sink share all cores',
            f'segments: {options.calibrator_seconds:g} s calibrator, {options.product_seconds:g} s product, '
            f'{options.latency_seconds:g} s latency; {options.rounds} valid rounds wanted; medians [lowest–highest]']


def text(results, options, bench):
    out = ['', *conditions(options), '']
    out.append(f'{"figure":56} {"promise":>12}  {"measured":32} verdict')
    for name, row, key, unit, promise, way in PROMISES:
        if row not in results or key not in results[row]:
            continue
        sign = '≥' if way == 'at least' else '≤'
        out.append(f'{name:56} {sign + " " + number(promise) + " " + unit:>12}  '
                   f'{shown(results[row], key):32} {verdict(results[row], key, promise, way)}')
    out.append('')
    for row, key in SHOWN:
        if row in results and key in results[row]:
            out.append(f'{row + "." + key:44} {shown(results[row], key)}')
    out.append('')
    for row, made in results.items():
        if isinstance(made, dict) and 'rounds' in made:
            out.append(f'{row:44} {rounds_of(made)}')
    refused = ', '.join(f'{n} × {why}' for why, n in bench.refused.items()) or 'none'
    out.append(f'refused of {bench.rounds} rounds: {refused}')
    return '\n'.join(out)


def write(results, options, bench, folder):
    folder.mkdir(parents=True, exist_ok=True)
    body = text(results, options, bench)
    (folder / 'report.txt').write_text(body + '\n')
    (folder / 'results.json').write_text(json.dumps(
        {'conditions': conditions(options), 'refused': dict(bench.refused), 'rounds': bench.rounds,
         'results': results}, indent=1, ensure_ascii=False) + '\n')
    return body
