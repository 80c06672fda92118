/** Reads requests of OTLP by the numbers of their fields in opentelemetry-proto: by other code than that which wrote them. */
import assert from 'node:assert/strict';

type Value = bigint | Buffer;
type Message = ReadonlyMap<number, readonly Value[]>;

function readMessage(bytes: Buffer): Message {
  const fields = new Map<number, Value[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    let value: Value;
    switch (Number(tag & 7n)) {
      case 0:
        value = varint();
        break;
      case 1:
        value = bytes.readBigUInt64LE(at);
        at += 8;
        break;
      case 2: {
        const length = Number(varint());
        value = bytes.subarray(at, at + length);
        at += length;
        break;
      }
      default:
        assert.equal(Number(tag & 7n), 5);
        value = BigInt(bytes.readUInt32LE(at));
        at += 4;
    }
    const number = Number(tag >> 3n);
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  assert.equal(at, bytes.length, 'the message ends with a field');
  return fields;
}

const messages = (message: Message, field: number): Message[] =>
  (message.get(field) ?? []).map((bytes) => readMessage(bytes as Buffer));
const one = (message: Message, field: number): Value | undefined => message.get(field)?.[0];
const text = (message: Message, field: number): string => `${one(message, field) ?? ''}`;

function doubleOf(value: bigint): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readDoubleLE();
}

function anyValue(message: Message): string | number {
  if (message.has(1)) return text(message, 1);
  if (message.has(3)) return Number(one(message, 3));
  return doubleOf(one(message, 4) as bigint);
}

/** Attributes by name. */
export type Attributes = Readonly<Record<string, string | number>>;

function attributesOf(message: Message, field: number): Attributes {
  return Object.fromEntries(
    messages(message, field).map((pair) => [text(pair, 1), anyValue(messages(pair, 2)[0]!)]),
  );
}

/** A log record. */
export interface ReadLog {
  readonly resource: Attributes;
  readonly scope: string;
  readonly timeNs: bigint;
  readonly observedNs: bigint;
  readonly severity: number;
  readonly body: string;
  readonly event: string;
  readonly attributes: Attributes;
}

/** The records of a request to /v1/logs. */
export function readLogs(request: Buffer): ReadLog[] {
  return messages(readMessage(request), 1).flatMap((group) =>
    messages(group, 2).flatMap((scope) =>
      messages(scope, 2).map((record) => ({
        resource: attributesOf(messages(group, 1)[0]!, 1),
        scope: text(messages(scope, 1)[0]!, 1),
        timeNs: one(record, 1) as bigint,
        observedNs: one(record, 11) as bigint,
        severity: Number(one(record, 2)),
        body: text(messages(record, 5)[0]!, 1),
        event: text(record, 12),
        attributes: attributesOf(record, 6),
      })),
    ),
  );
}

/** The metrics of a request to /v1/metrics. */
export function readMetrics(request: Buffer) {
  return messages(readMessage(request), 1).flatMap((group) =>
    messages(group, 2).flatMap((scope) =>
      messages(scope, 2).map((metric) => {
        const kind = metric.has(5) ? 5 : metric.has(7) ? 7 : 9;
        const data = messages(metric, kind)[0]!;
        return {
          name: text(metric, 1),
          unit: text(metric, 3),
          kind: { 5: 'gauge', 7: 'sum', 9: 'histogram' }[kind],
          isCumulative: one(data, 2) === 2n,
          isMonotonic: one(data, 3) === 1n,
          points: messages(data, 1).map((point) => pointOf(point, kind === 9)),
        };
      }),
    ),
  );
}

function pointOf(point: Message, isHistogram: boolean) {
  const [sinceNs, atNs] = [one(point, 2) as bigint, one(point, 3) as bigint];
  if (!isHistogram)
    return { sinceNs, atNs, attributes: attributesOf(point, 7), value: doubleOf(one(point, 4) as bigint) };
  const packed = (field: number) => {
    const bytes = (one(point, field) ?? Buffer.alloc(0)) as Buffer;
    return Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readBigUInt64LE(index * 8));
  };
  return {
    ...{ sinceNs, atNs, attributes: attributesOf(point, 9) },
    count: Number(one(point, 4)),
    sum: doubleOf(one(point, 5) as bigint),
    counts: packed(6).map(Number),
    bounds: packed(7).map(doubleOf),
  };
}

/** An answer that says that records were refused. */
export function partialSuccess(rejected: number, message: string): Buffer {
  const inner = Buffer.concat([Buffer.from([8, rejected, 18, message.length]), Buffer.from(message)]);
  return Buffer.concat([Buffer.from([10, inner.length]), inner]);
}
