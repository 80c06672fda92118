/** A server of DNS that a test makes up: records by name, and answers of any form. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { addressBytes } from '@weir/ebpf/address';
import { type RecordType, recordTypes } from '../../src/sources/dns-message.js';

/** A record's data: an address, a name, or [priority, weight, port, name]. */
export type FakeData = string | readonly [number, number, number, string];

export interface FakeRecord {
  readonly name: string;
  readonly type: RecordType;
  readonly ttl: number;
  readonly data: FakeData;
}

export interface FakeMessage {
  readonly code?: number;
  readonly truncated?: boolean;
  readonly answers?: readonly FakeRecord[];
  readonly additional?: readonly FakeRecord[];
}

function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label)]),
    Buffer.of(0),
  ]);
}

function uint16(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.of(value >> 8, value & 255)));
}

function encodeData({ type, data }: FakeRecord): Buffer {
  if (typeof data !== 'string')
    return Buffer.concat([uint16(...data.slice(0, 3).map(Number)), encodeName(data[3])]);
  return type === 'CNAME' ? encodeName(data) : Buffer.from(addressBytes(data));
}

function encodeRecord(record: FakeRecord): Buffer {
  const data = encodeData(record);
  const ttl = Buffer.alloc(4);
  ttl.writeUInt32BE(record.ttl);
  return Buffer.concat([
    encodeName(record.name),
    uint16(recordTypes[record.type], 1),
    ttl,
    uint16(data.length),
    data,
  ]);
}

/** An answer to a question. */
export function encodeAnswer(question: Buffer, message: FakeMessage): Buffer {
  const { code = 0, truncated = false, answers = [], additional = [] } = message;
  const head = uint16(
    ...[question.readUInt16BE(0), 0x8180 + code + (truncated ? 0x200 : 0), 1],
    ...[answers.length, 0, additional.length],
  );
  return Buffer.concat([head, question.subarray(12), ...[...answers, ...additional].map(encodeRecord)]);
}

/** The name and type that are asked for. */
export function readQuestion(question: Buffer): { readonly name: string; readonly type: number } {
  const labels: string[] = [];
  let offset = 12;
  for (let size = question[offset]!; size > 0; size = question[offset]!) {
    labels.push(question.toString('latin1', offset + 1, offset + 1 + size));
    offset += size + 1;
  }
  return { name: labels.join('.'), type: question.readUInt16BE(offset + 1) };
}

/** Answers by datagrams and connections on one port. */
export class FakeDns implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #server: Server;
  /** Questions as `NAME TYPE`, those over a connection with `tcp` behind. */
  readonly asked: string[] = [];
  /** Returns the answer; undefined for none. */
  answer: (name: string, type: RecordType, isTcp: boolean) => FakeMessage | Buffer | undefined = () => ({});

  private constructor(socket: Socket, server: Server) {
    this.#socket = socket;
    this.#server = server;
    socket.on('message', (question, { port, address }) => {
      const message = this.#reply(question, false);
      if (message !== undefined) socket.send(message, port, address);
    });
    server.on('connection', (connection) => {
      connection.on('error', () => {});
      connection.on('data', (piece) => {
        const message = this.#reply(piece.subarray(2), true);
        if (message === undefined) return;
        // In two pieces, as the network may have it.
        connection.write(Buffer.concat([uint16(message.length), message.subarray(0, 20)]));
        setImmediate(() => connection.end(message.subarray(20)));
      });
    });
  }

  static async start(): Promise<FakeDns> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const socket = createSocket('udp4').bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return new FakeDns(socket, server);
  }

  get server(): { readonly address: string; readonly port: number } {
    return { address: '127.0.0.1', port: this.#socket.address().port };
  }

  #reply(question: Buffer, isTcp: boolean): Buffer | undefined {
    const { name, type: number } = readQuestion(question);
    const type = Object.entries(recordTypes).find(([, value]) => value === number)?.[0] as RecordType;
    this.asked.push(`${name} ${type}${isTcp ? ' tcp' : ''}`);
    const answer = this.answer(name, type, isTcp);
    return answer === undefined || Buffer.isBuffer(answer) ? answer : encodeAnswer(question, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
