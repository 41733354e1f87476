// A strict reader of the Prometheus text format 0.0.4.
import assert from 'node:assert/strict';

const sample_form = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const label_form = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/;

function readLabels(text, line) {
  const labels = {};
  let rest = text;
  while (rest !== '') {
    const match = label_form.exec(rest);
    assert.ok(match, `labels cannot be read: ${line}`);
    assert.ok(!(match[1] in labels), `a label appears twice: ${line}`);
    labels[match[1]] = match[2];
    rest = rest.slice(match[0].length);
  }
  return labels;
}

function readValue(text, line) {
  if (['+Inf', '-Inf', 'NaN'].includes(text)) return { '+Inf': Infinity, '-Inf': -Infinity }[text] ?? NaN;
  const value = Number(text);
  assert.ok(text !== '' && !Number.isNaN(value), `no number: ${line}`);
  return value;
}

/** Map of family name → { type, help, samples: [{ name, labels, value }] }. */
export function parseMetrics(text) {
  assert.ok(text.endsWith('\n'), 'the last line must end');
  const families = new Map();
  const seen = new Set();
  const family = (name) => {
    if (!families.has(name)) families.set(name, { samples: [] });
    return families.get(name);
  };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, what, name, words] = comment;
      const found = family(name);
      assert.equal(found[what.toLowerCase()], undefined, `twice: ${line}`);
      assert.equal(found.samples.length, 0, `after its samples: ${line}`);
      found[what.toLowerCase()] = words;
      continue;
    }
    assert.ok(!line.startsWith('#'), `unknown comment: ${line}`);
    const match = sample_form.exec(line);
    assert.ok(match, `cannot be read: ${line}`);
    const [, name, labels_text = '', value_text] = match;
    const labels = readLabels(labels_text, line);
    const key = name + JSON.stringify(Object.entries(labels).sort());
    assert.ok(!seen.has(key), `a series appears twice: ${line}`);
    seen.add(key);
    const base = name.replace(/_(bucket|sum|count)$/, '');
    const owner = families.get(base)?.type === 'histogram' ? base : name;
    assert.ok(families.get(owner)?.type, `no TYPE before: ${line}`);
    families.get(owner).samples.push({ name, labels, value: readValue(value_text, line) });
  }
  for (const [name, { type, samples }] of families)
    if (type === 'histogram') checkHistogram(name, samples);
  return families;
}

/** Buckets grow with their bound and end with +Inf, which equals the count. */
function checkHistogram(name, samples) {
  const series = new Map();
  for (const sample of samples) {
    const { le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    if (!series.has(key)) series.set(key, { buckets: [] });
    if (sample.name === `${name}_bucket`) series.get(key).buckets.push([readValue(le, name), sample.value]);
    else series.get(key)[sample.name.slice(name.length + 1)] = sample.value;
  }
  for (const [key, { buckets, sum, count }] of series) {
    assert.ok(buckets.length > 1 && sum !== undefined && count !== undefined, `${name}${key}`);
    for (let i = 1; i < buckets.length; ++i) {
      assert.ok(buckets[i][0] > buckets[i - 1][0], `${name}${key}: bounds must grow`);
      assert.ok(buckets[i][1] >= buckets[i - 1][1], `${name}${key}: buckets are cumulative`);
    }
    assert.deepEqual(buckets.at(-1), [Infinity, count], `${name}${key}: +Inf must equal the count`);
  }
}

/** The value of one series, 0 when there is none. */
export function valueOf(families, name, labels = {}) {
  const found = [...families.values()].flatMap((f) => f.samples).find((sample) =>
    sample.name === name && Object.entries(labels).every(([k, v]) => sample.labels[k] === v));
  return found?.value ?? 0;
}
