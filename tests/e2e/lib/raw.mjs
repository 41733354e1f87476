// Bytes straight to a socket, for requests that no HTTP client would send.
import net from 'node:net';

/** Sends the pieces, one after the other, and gives everything that came back before the end. */
export function exchangeRaw(address, ...pieces) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address);
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port: Number(port) });
    const received = [];
    let open = true;
    const timer = setTimeout(() => {
      open = false;
      socket.destroy();
    }, 15_000);
    socket.on('data', (data) => received.push(data));
    socket.on('error', (error) => {
      // A reset after an answer is an end like another; a refused connection is none.
      if (error.code === 'ECONNREFUSED') reject(error);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const text = Buffer.concat(received).toString('latin1');
      resolve({ text, closed: open, statuses: [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((m) => Number(m[1])) });
    });
    socket.on('connect', async () => {
      for (const piece of pieces) {
        if (socket.destroyed) return;
        socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
        await new Promise((next) => setTimeout(next, pieces.length > 1 ? 30 : 0));
      }
    });
  });
}
