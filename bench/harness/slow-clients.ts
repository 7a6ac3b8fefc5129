// Clients that send a byte from time to time, in a separate process. Half never end their headers, half their body.
import { connect, type Socket } from 'node:net';

const TRICKLE_MS = 5_000;
const BATCH = 200;
/** One address has only 28,000 ports, and some of them are still closing. */
const ADDRESSES = 20;

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const sockets = new Set<Socket>();

function open(index: number): void {
  const localAddress = `127.0.0.${2 + (index % ADDRESSES)}`;
  const socket = connect({ port, host: '127.0.0.1', localAddress }, () => {
    sockets.add(socket);
    if (index % 2 === 0) socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    else {
      socket.write(
        'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
      );
    }
  });
  const trickle = setInterval(() => socket.write('a'), TRICKLE_MS);
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearInterval(trickle);
    if (sockets.delete(socket)) open(index);
  });
}

for (let index = 0; index < count; index++) {
  open(index);
  if (index % BATCH === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}
process.on('message', () => process.send?.(sockets.size));
process.on('disconnect', () => process.exit());
process.send?.('open');
