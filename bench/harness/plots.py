"""Line charts as SVG, by hand: axes, a line and points per series, a legend."""
import math
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 80, 170, 50, 60
COLOURS = ['#0b6e99', '#c2410c', '#4d7c0f', '#7e22ce', '#64748b', '#b91c1c']


def _short(value):
    for size, letter in ((1e6, 'M'), (1e3, 'k')):
        if value >= size:
            return f'{value / size:g}{letter}'
    return f'{value:g}'


def _linear_ticks(high):
    step = 10 ** math.floor(math.log10(high / 4 or 1))
    step *= next(m for m in (1, 2, 5, 10) if high / (step * m) <= 6)
    return [step * i for i in range(int(high / step) + 2)]


def _decades(low, high):
    first = math.floor(math.log10(low))
    return [10.0 ** n for n in range(first, max(math.ceil(math.log10(high)), first + 1) + 1)]


def chart(title, x_label, y_label, series, note='', wide=False):
    """`series`: {name: [(x, y)]}; x is logarithmic, and y where its values are `wide` apart."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    ticks = _decades(min(ys), max(ys)) if wide else _linear_ticks(max(ys))
    low, high = math.log10(min(xs)), math.log10(max(xs))
    span = (high - low) or 1
    scale = math.log10 if wide else float

    def at(x, y):
        up = (scale(y) - scale(ticks[0])) / (scale(ticks[-1]) - scale(ticks[0]))
        return (LEFT + (math.log10(x) - low) / span * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12" fill="#334155">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
           f'<text x="{LEFT}" y="38" font-size="10">{escape(note)}</text>']
    for tick in ticks:
        _, y = at(min(xs), tick)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e2e8f0"/>'
                   f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    for x in sorted(set(xs)):
        left, bottom = at(x, ticks[0])
        out.append(f'<text x="{left:.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{_short(x)}</text>')
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [at(x, y) for x, y in sorted(points)]
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                   + ' '.join(f'{x:.1f},{y:.1f}' for x, y in places) + '"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = TOP + 18 * i
        out.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{y}" width="12" height="3" fill="{colour}"/>'
                   f'<text x="{WIDTH - RIGHT + 32}" y="{y + 6}">{escape(name)}</text>')
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{HEIGHT - 16}" text-anchor="middle">{escape(x_label)}</text>')
    out.append(f'<text transform="translate(18 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>')
    return '\n'.join(out + ['</svg>']) + '\n'


def write(results, folder, note):
    def save(name, *what, wide=False):
        (folder / f'{name}.svg').write_text(chart(*what, note, wide))

    def points(row, key, factor=1):
        return [(p['x'], p[key] * factor) for p in results[row]]

    if 'by_connections' in results:
        save('throughput-connections', 'Throughput over connections', 'connections, closed loop', 'events per second',
             {'events/s, fan-out 1': points('by_connections', 'events_per_s')})
    if 'by_destinations' in results:
        save('throughput-destinations', 'Throughput over destinations', 'destinations', 'events per second',
             {'events/s, fan-out 1': points('by_destinations', 'events_per_s')})
    if 'by_pending' in results:
        save('throughput-pending', 'Throughput over pending deliveries', 'pending deliveries', 'events per second',
             {'events/s, fan-out 1': points('by_pending', 'events_per_s')})
        save('memory-pending', 'Memory over pending deliveries', 'pending deliveries', 'MB resident',
             {'MB': points('by_pending', 'memory_mb')})
    if 'by_load' in results:
        save('latency-load', 'Latency over load, to the arrival at the receiver', 'events per second, open loop', 'milliseconds',
             {f'{words} p{p}': points('by_load', f'{key}_p{p}_us', 1e-3)
              for key, words in (('received_arrived', 'from receipt,'), ('acknowledged_arrived', 'from the answer,'))
              for p in (50, 90, 99)}, wide=True)
