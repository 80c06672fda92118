/** Runs in a network namespace: does what lines of JSON on standard input ask for, answering each by a line. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

interface Place {
  readonly host: string;
  readonly port: number;
}

type Request =
  | { readonly listen: Place }
  | { readonly connect: Place; readonly fromPorts: readonly number[] };

async function listen(place: Place): Promise<void> {
  const server = createServer((socket) => socket.pipe(socket));
  server.listen(place);
  await once(server, 'listening');
}

async function talk(place: Place, localPort: number): Promise<void> {
  const socket = connect({ ...place, localPort });
  socket.resume();
  socket.end('hello');
  await once(socket, 'close');
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request;
  if ('listen' in request) await listen(request.listen);
  else for (const port of request.fromPorts) await talk(request.connect, port);
  process.stdout.write('true\n');
}
