/**
 * Connections of different lengths, in the network namespace in which it is started. `serve ADDRESS PORT` echoes a byte for each
 * message; `crowd ADDRESS PORT SECONDS` opens and closes at random, and prints what its longest connection sent and when;
 * `steady ADDRESS PORT SECONDS COUNT` prints that of as many connections, which last for all the time; `once ADDRESS PORT COUNT` makes
 * connections one after the other.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** One message over the longest connection, with moments of CLOCK_MONOTONIC in nanoseconds. */
export interface Message {
  readonly bytes: number;
  /** Before it was written. */
  readonly begunNs: number;
  /** When its answer had come, and with it the acknowledgement. */
  readonly doneNs: number;
}

/** What a connection has sent. */
export interface TalkReport {
  /** Local port. */
  readonly port: number;
  readonly messages: readonly Message[];
}

/** What `crowd` prints at its end, with its longest connection. `steady` prints a list of {@link TalkReport}. */
export interface CrowdReport extends TalkReport {
  /** Connections that were opened besides. */
  readonly others: number;
}

/** Messages end with it. */
const END = 10;
const OPEN_AT_A_TIME = 60;

const nowNs = () => Number(process.hrtime.bigint());

async function open(address: string, port: number): Promise<Socket> {
  const socket = connect(port, address);
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket, bytes: number): Promise<Message> {
  const begunNs = nowNs();
  const answered = once(socket, 'data');
  const message = Buffer.alloc(bytes, 'x');
  message[bytes - 1] = END;
  socket.write(message);
  await answered;
  return { bytes, begunNs, doneNs: nowNs() };
}

async function close(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.end();
  await closed;
}

async function serve(address: string, port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on('data', (piece) => {
      if (piece.at(-1) === END) socket.write('!');
    });
  });
  server.listen(port, address);
  await once(server, 'listening');
  process.stdout.write('listening\n');
}

async function crowd(address: string, port: number, seconds: number): Promise<CrowdReport> {
  const until = performance.now() + seconds * 1000;
  const isOver = () => performance.now() > until;
  let others = 0;
  const one = async () => {
    while (!isOver()) {
      const socket = await open(address, port);
      others++;
      await ask(socket, 1 + Math.floor(Math.random() * 500));
      // Most are short, some last as long as all.
      await sleep(Math.min(50 / (1 - Math.random()), 20_000, Math.max(0, until - performance.now())));
      await close(socket);
      await sleep(Math.random() * 500);
    }
  };
  const longest = await open(address, port);
  const running = Promise.all(Array.from({ length: OPEN_AT_A_TIME }, one));
  const report = await talk(longest, isOver);
  await running;
  await close(longest);
  return { ...report, others };
}

async function talk(socket: Socket, isOver: () => boolean): Promise<TalkReport> {
  const { port } = socket.address() as AddressInfo;
  const messages: Message[] = [];
  while (!isOver()) {
    messages.push(await ask(socket, 1 + Math.floor(Math.random() * 20_000)));
    await sleep(Math.random() * 1500);
  }
  return { port, messages };
}

async function steady(address: string, port: number, seconds: number, count: number): Promise<TalkReport[]> {
  const until = performance.now() + seconds * 1000;
  const isOver = () => performance.now() > until;
  const one = async () => {
    const socket = await open(address, port);
    const report = await talk(socket, isOver);
    await close(socket);
    return report;
  };
  return Promise.all(Array.from({ length: count }, one));
}

const [role, address, port, amount, count] = process.argv.slice(2);
if (role === 'serve') await serve(address!, Number(port));
else if (role === 'crowd')
  process.stdout.write(`${JSON.stringify(await crowd(address!, Number(port), Number(amount)))}\n`);
else if (role === 'steady') {
  const reports = await steady(address!, Number(port), Number(amount), Number(count));
  process.stdout.write(`${JSON.stringify(reports)}\n`);
} else
  for (let made = 0; made < Number(amount); made++) {
    const socket = await open(address!, Number(port));
    await ask(socket, 100 + made);
    await close(socket);
  }
