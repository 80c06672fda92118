/** Questions to servers of DNS: by a datagram, and by a connection where the answer does not fit one. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, isIPv6 } from 'node:net';
import type { DnsServer } from '../config/source-schema.js';
import { type DnsAnswer, decodeAnswer, encodeQuestion, type RecordType } from './dns-message.js';

const DATAGRAM_MS = 2000;
const CONNECTION_MS = 5000;

const codes: Readonly<Record<number, string>> = {
  1: 'the server takes the question for malformed (FORMERR)',
  2: 'the server has failed (SERVFAIL)',
  3: 'there is no such name (NXDOMAIN)',
  4: 'the server does not do that (NOTIMP)',
  5: 'the server refuses (REFUSED)',
};

/** Servers of /etc/resolv.conf. */
export function systemServers(): DnsServer[] {
  return getServers().map((text) => {
    const match = /^(?:\[([^\]]+)\]|([\d.]+)):(\d+)$/.exec(text);
    return match === null
      ? { address: text, port: 53 }
      : { address: match[1] ?? match[2]!, port: Number(match[3]) };
  });
}

/**
 * Asks servers in turn, until one answers that there are such records, or that there are none.
 *
 * @throws Error with the last server's failure
 */
export async function askDns(
  servers: readonly DnsServer[],
  name: string,
  type: RecordType,
  signal: AbortSignal,
): Promise<DnsAnswer> {
  let failure = new Error('there is no server of DNS in /etc/resolv.conf');
  for (const server of servers) {
    signal.throwIfAborted();
    try {
      const answer = await askOne(server, name, type, signal);
      if (answer.code === 0) return answer;
      failure = new Error(codes[answer.code] ?? `the server answers with code ${answer.code}`);
      // All servers know the same names.
      if (answer.code === 3) break;
    } catch (error) {
      failure = error as Error;
    }
  }
  throw failure;
}

async function askOne(
  server: DnsServer,
  name: string,
  type: RecordType,
  signal: AbortSignal,
): Promise<DnsAnswer> {
  const question = { id: randomInt(0x1_0000), name, type };
  const answer = await byDatagram(server, question, signal);
  return answer.isTruncated ? await byConnection(server, question, signal) : answer;
}

interface Question {
  readonly id: number;
  readonly name: string;
  readonly type: RecordType;
}

function byDatagram(server: DnsServer, question: Question, signal: AbortSignal): Promise<DnsAnswer> {
  // A connected socket has a random port, and only gets what the server itself sends.
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
  const asked = new Promise<DnsAnswer>((resolve, reject) => {
    socket.on('error', (error) => reject(failureOf(server, error)));
    socket.on('message', (message) => {
      try {
        const answer = decodeAnswer(message, question);
        if (answer !== undefined) resolve(answer);
      } catch (error) {
        reject(damaged(server, error as Error));
      }
    });
    socket.connect(server.port, server.address, () => {
      socket.send(encodeQuestion(question.id, question.name, question.type));
    });
  });
  return inTime(asked, server, DATAGRAM_MS, signal).finally(() => socket.close());
}

const LENGTH_BYTES = 2;

function byConnection(server: DnsServer, question: Question, signal: AbortSignal): Promise<DnsAnswer> {
  const socket = connect({ host: server.address, port: server.port });
  const asked = new Promise<DnsAnswer>((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.on('error', (error) => reject(failureOf(server, error)));
    socket.on('end', () => reject(failureOf(server, new Error('it closed the connection'))));
    socket.on('connect', () => {
      const message = encodeQuestion(question.id, question.name, question.type);
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
    });
    socket.on('data', (piece) => {
      // A message has 65,535 bytes at most.
      received = Buffer.concat([received, piece]);
      if (received.length < LENGTH_BYTES) return;
      const end = LENGTH_BYTES + received.readUInt16BE(0);
      if (received.length < end) return;
      try {
        const answer = decodeAnswer(received.subarray(LENGTH_BYTES, end), question);
        if (answer === undefined) throw new Error('it answers another question');
        resolve(answer);
      } catch (error) {
        reject(damaged(server, error as Error));
      }
    });
  });
  return inTime(asked, server, CONNECTION_MS, signal).finally(() => socket.destroy());
}

async function inTime<T>(asked: Promise<T>, server: DnsServer, ms: number, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(failureOf(server, new Error(`no answer in ${ms / 1000} s`))), ms);
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    stop();
  }
}

function failureOf({ address, port }: DnsServer, error: NodeJS.ErrnoException): Error {
  return new Error(`${address} port ${port}: ${error.code ?? error.message}`, { cause: error });
}

/** Node.js' own messages about offsets help nobody. */
function damaged(server: DnsServer, error: NodeJS.ErrnoException): Error {
  return failureOf(server, error.code === undefined ? error : new Error('the answer ends early'));
}
