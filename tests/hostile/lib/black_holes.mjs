// Addresses that say nothing: not even that nobody listens.
import net from 'node:net';
import { Child } from '../../e2e/lib/processes.mjs';
import { pause } from '../../e2e/lib/wait.mjs';

const listening = `
  const net = require('net');
  const [port, ...hosts] = process.argv.slice(1);
  let first = Number(port);
  (async () => {
    for (const host of hosts)
      await new Promise((done) => {
        const server = net.createServer().listen({ port: first, host, backlog: 1 }, () => { first = server.address().port; done(); });
      });
    console.log('port ' + first);
  })();`;

/** Listeners on the hosts, on one port (0: any), whose process sleeps and whose queues are full, so
 *  that the system drops whoever calls. Gives the port. */
export async function blackHoles(world, hosts, port = 0) {
  const child = new Child(process.execPath, ['-e', listening, '--', String(port), ...hosts]);
  world.later(() => child.stop('SIGKILL'));
  const taken = Number(await child.until((c) => /port (\d+)/.exec(c.output)?.[1], 'a port'));
  process.kill(child.pid, 'SIGSTOP');
  const fillers = hosts.flatMap((host) => Array.from({ length: 4 }, () => net.connect({ port: taken, host }).on('error', () => {})));
  world.later(() => fillers.forEach((socket) => socket.destroy()));
  await pause(300);
  return taken;
}
