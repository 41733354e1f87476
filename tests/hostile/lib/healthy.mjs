// A process of its own with the healthy receiver: notes when each request came, on the clock that
// all processes of the machine share, and prints "id nanoseconds".
import { Scripted } from './scripted.mjs';

const ok = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
const receiver = await Scripted.start({ on_request: (socket, { ids }) => {
  const at = process.hrtime.bigint();
  socket.write(ok);
  process.stdout.write(`${ids.at(-1)} ${at}\n`);
} });
console.log(`port ${receiver.port}`);
