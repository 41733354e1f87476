// A real Node-RED on a free loopback port, with one flow, in a folder of its own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { e2e_dir, temporaryFolder } from './paths.mjs';
import { Child } from './processes.mjs';

/** http in → function → http response, as a person would draw it. */
export function makeFlow(path, function_text) {
  return [
    { id: 'tab', type: 'tab', label: 'From signature to accounting' },
    { id: 'in', z: 'tab', type: 'http in', url: path, method: 'post', upload: false,
      skipBodyParsing: true, wires: [['work']] },
    { id: 'work', z: 'tab', type: 'function', name: 'Verify and post', func: function_text,
      outputs: 1, libs: [], wires: [['out']] },
    { id: 'out', z: 'tab', type: 'http response', wires: [] },
  ];
}

export async function startNodeRed(flow, context = {}) {
  const dir = temporaryFolder();
  writeFileSync(join(dir, 'flows.json'), JSON.stringify(flow));
  writeFileSync(join(dir, 'settings.cjs'), `module.exports = {
    uiHost: '127.0.0.1', uiPort: 0, flowFile: 'flows.json', httpAdminRoot: false,
    httpNodeRoot: '/', credentialSecret: false, diagnostics: { enabled: false },
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false } },
    functionGlobalContext: { crypto: require('node:crypto'), ...${JSON.stringify(context)} },
    logging: { console: { level: 'info' } },
  };`);
  const child = new Child(process.execPath, [
    join(e2e_dir, 'node_modules/node-red/red.js'), '--no-telemetry', '--userDir', dir,
    '--settings', join(dir, 'settings.cjs')], { cwd: dir });
  const port = await child.until((c) => {
    const started = /Started flows/.test(c.output);
    return started ? /running at http:\/\/127\.0\.0\.1:(\d+)/.exec(c.output)?.[1] : undefined;
  }, 'running flow', 120_000);
  return { url: `http://127.0.0.1:${port}`, child, stop: () => child.stop('SIGTERM') };
}
