// What the pages say of the code, compared with the code.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { root_dir, temporaryFolder } from './lib/paths.mjs';
import { check } from './lib/processes.mjs';

const read = (path) => readFileSync(join(root_dir, path), 'utf8');
const spaces_apart = (text) => text.replaceAll(/\s+/g, ' ');

/** The rows of all tables of a page, each as its cells. */
function rowsOf(page) {
  return page.split('\n').filter((line) => line.startsWith('|') && !/^\|[-|: ]+\|$/.test(line))
    .map((line) => line.slice(1, line.lastIndexOf('|')).split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

function pagesUnder(folder) {
  return readdirSync(join(root_dir, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = normalize(join(folder, entry.name));
    if (entry.isDirectory())
      return ['node_modules', 'build', '.git'].includes(entry.name) ? [] : pagesUnder(path);
    return path.endsWith('.md') ? [path] : [];
  });
}

test('every link between pages leads somewhere', () => {
  const pages = pagesUnder('.');
  assert.ok(pages.length > 20);
  for (const page of pages)
    for (const [, target] of read(page).replaceAll(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g))
      if (!/^[a-z]+:/.test(target))
        assert.ok(existsSync(join(root_dir, dirname(page), target)), `${page} links to ${target}`);
});

test('every limit of LIMITS.md is the one in the code', () => {
  const settings = new Map([...spaces_apart(read('src/config/settings.def'))
    .matchAll(/SETTING\((\w+), (\w+), \w+, "([^"]*)"/g)].map(([, s, n, value]) => [`${s}.${n}`, value]));
  let by_setting = 0;
  let by_code = 0;
  for (const [limit, value, where] of rowsOf(read('docs/LIMITS.md'))) {
    if (where === undefined || where === 'set by') continue;
    const quoted = [...where.matchAll(/`([^`]+)`/g)].map(([, text]) => text);
    assert.ok(quoted.length > 0, `${limit}: nothing says where it is set`);
    if (settings.has(quoted[0])) {
      by_setting += 1;
      assert.ok(value.includes(settings.get(quoted[0])), `${quoted[0]} is ${settings.get(quoted[0])}, not ${value}`);
      continue;
    }
    // A file, and the words that set the limit there.
    by_code += 1;
    assert.ok(quoted.length >= 2, `${limit}: ${where} is no setting, and no file with its words`);
    const code = spaces_apart(read(quoted[0]));
    for (const words of quoted.slice(1))
      assert.ok(code.includes(words), `${limit}: ${quoted[0]} does not say ${words}`);
  }
  assert.ok(by_setting >= 15 && by_code >= 30, `${by_setting} and ${by_code}`);
});

test('the roles of security.md are those of the table in the code', () => {
  const names = { O: 'owner', A: 'admin', M: 'member', V: 'viewer', Au: 'auditor' };
  const in_code = [...read('src/security/permissions.def').matchAll(
    /^X\(\w+, +"([^"]+)", +(\d), (\d), (\d), (\d), (\d)\)/gm)]
    .map(([, text, ...allowed]) => [text, ...allowed.map((bit) => (bit === '1' ? 'yes' : ''))]);
  assert.ok(in_code.length > 25);
  const page = rowsOf(read('docs/security.md'));
  const head = page.findIndex((row) => row[0] === 'permission');
  assert.deepEqual(page[head].slice(1), Object.values(names));
  const shown = page.slice(head + 1).filter((row) => row.length === 6)
    .map(([text, ...rest]) => [text.replaceAll('`', ''), ...rest]);
  assert.deepEqual(shown, in_code);
});

test('the rooms of ARCHITECTURE.md and their layers are those that are built', () => {
  const heights = new Map([...read('tools/tidy/structure_checks.cpp').matchAll(/\{"(\w+)", (\d+)\}/g)]
    .map(([, room, height]) => [room, Number(height)]));
  const shown = new Map();
  for (const [room, layer, , depends] of rowsOf(read('docs/ARCHITECTURE.md'))) {
    if (!/^`\w+`$/.test(room) || !/^\d+$/.test(layer ?? '')) continue;
    shown.set(room.slice(1, -1), { layer: Number(layer), depends: depends.split(' ').filter(Boolean).sort() });
  }
  for (const [room, height] of heights) {
    assert.equal(shown.get(room)?.layer, height, room);
    const build = `src/${room}/CMakeLists.txt`;
    if (!existsSync(join(root_dir, build))) {
      assert.deepEqual(shown.get(room).depends, ['reserved'], room);
      continue;
    }
    const call = /blotter_room\(\w+([^)]*)\)/.exec(read(build))[1].trim().split(/\s+/);
    const list = call.indexOf('DEPENDS') < 0 ? [] : call.slice(call.indexOf('DEPENDS') + 1);
    const end = list.findIndex((word) => /^[A-Z_]+$/.test(word));
    assert.deepEqual(shown.get(room).depends, (end < 0 ? list : list.slice(0, end)).sort(), room);
  }
  assert.equal(shown.size, heights.size);
  const decided = new Map(rowsOf(read('docs/decisions/0004-layers.md')).filter(([layer]) => /^\d+$/.test(layer))
    .flatMap(([layer, rooms]) => rooms.replaceAll('`', '').split(/[ ,]+/).map((room) => [room, Number(layer)])));
  assert.deepEqual(decided, heights);
});

test('the receivers shown in webhooks.md take what is genuine and nothing else', async () => {
  const page = read('docs/formats/webhooks.md');
  const code = (language) => new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)[1];
  const now = Math.floor(Date.now() / 1000);
  const body = '{"montant_ht":12500.10,"été":"a\\"b"}';
  const cases = [];
  for (const secret of ['whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', 'example secret, known to everybody']) {
    const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
    const add = (expected, { at = now, signed = body, sent = body, before = '' } = {}) => {
      const mac = createHmac('sha256', key).update(`evt_1.${at}.${signed}`).digest('base64');
      cases.push({ expected, secret, body: sent, headers: {
        'webhook-id': 'evt_1', 'webhook-timestamp': String(at), 'webhook-signature': `${before}v1,${mac}` } });
    };
    add(true);
    add(true, { before: `v1,${Buffer.alloc(32).toString('base64')} v1a,${Buffer.alloc(64).toString('base64')} ` });
    add(true, { at: now - 250 });
    add(false, { sent: `${body} ` });
    add(false, { at: now - 400 });
    add(false, { at: now + 400 });
    add(false, { at: 'soon' });
    cases.push({ ...cases.at(-7), expected: false, secret: 'another secret altogether' });
  }
  const expected = cases.map((c) => c.expected);
  const folder = temporaryFolder();
  const input = JSON.stringify(cases);
  writeFileSync(join(folder, 'verify.mjs'), `${code('js')}
import { readFileSync } from 'node:fs';
console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8'))
  .map((c) => verify(c.secret, c.headers, Buffer.from(c.body)))));\n`);
  assert.deepEqual(JSON.parse(await check(process.execPath, ['verify.mjs'], { cwd: folder, input })), expected);
  writeFileSync(join(folder, 'verify.py'), `${code('py')}
import json, sys
print(json.dumps([verify(c["secret"], c["headers"], c["body"].encode()) for c in json.load(sys.stdin)]))\n`);
  assert.deepEqual(JSON.parse(await check('python3', ['verify.py'], { cwd: folder, input })), expected);
  writeFileSync(join(folder, 'verify.go'), `${code('go').replace('package webhook', 'package main')
    .replace('import (', 'import (\n"encoding/json"\n"os"\n')}
func main() {
	var cases []struct { Secret, Body string; Headers map[string]string }
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil { panic(err) }
	out := []bool{}
	for _, c := range cases {
		header := http.Header{}
		for name, value := range c.Headers { header.Set(name, value) }
		out = append(out, Verify(c.Secret, header, []byte(c.Body)))
	}
	json.NewEncoder(os.Stdout).Encode(out)
}\n`);
  const env = { ...process.env, GO111MODULE: 'off', GOFLAGS: '', GOCACHE: join(folder, 'cache') };
  assert.deepEqual(JSON.parse(await check('go', ['run', 'verify.go'], { cwd: folder, input, env, timeout_ms: 300_000 })), expected);
});
