/** Messages of gRPC's health checking protocol, grpc.health.v1. Pure functions. */

/** The path of the call. */
export const healthPath = '/grpc.health.v1.Health/Check';

/** A compressed flag and a length are in front of each message. */
const PREFIX_BYTES = 5;
/** More bytes than an answer has. */
export const MOST_ANSWER_BYTES = 1024;
/** Tags of the fields: number 1, as bytes and as a number. */
const TAG_SERVICE = 0x0a;
const TAG_STATUS = 0x08;
const WIRE_NUMBER = 0;
const WIRE_EIGHT = 1;
const WIRE_BYTES = 2;
const WIRE_FOUR = 5;

const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/** A HealthCheckRequest, with its prefix. @param service Empty for the server as a whole. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.of(TAG_SERVICE), varint(name.length), name]);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** The status in a HealthCheckResponse with its prefix; undefined for what is none. */
export function healthStatus(answer: Buffer): string | undefined {
  if (answer.length < PREFIX_BYTES || answer[0] !== 0) return undefined;
  const length = answer.readUInt32BE(1);
  if (answer.length < PREFIX_BYTES + length) return undefined;
  const number = statusNumber(answer.subarray(PREFIX_BYTES, PREFIX_BYTES + length));
  return number === undefined ? undefined : (statuses[number] ?? `status ${number}`);
}

/** The last status counts, others fields are skipped; 0 is not sent. */
function statusNumber(message: Buffer): number | undefined {
  let status = 0;
  let offset = 0;
  const read = (): number | undefined => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[offset++];
      if (byte === undefined) return undefined;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (offset < message.length) {
    const tag = read();
    if (tag === undefined) return undefined;
    const wire = tag & 7;
    if (wire === WIRE_NUMBER) {
      const value = read();
      if (value === undefined) return undefined;
      if (tag === TAG_STATUS) status = value;
    } else if (wire === WIRE_BYTES) {
      const size = read();
      offset += size ?? message.length;
    } else if (wire === WIRE_EIGHT) offset += 8;
    else if (wire === WIRE_FOUR) offset += 4;
    else return undefined;
  }
  return offset === message.length ? status : undefined;
}

const codes: Readonly<Record<number, string>> = {
  5: 'the service is not known',
  12: 'the server has no health service',
  14: 'unavailable',
  16: 'a login is needed',
};

/** What a call's status means. @param code Of grpc-status; undefined where there is none. */
export function callFailure(code: string | undefined): string | undefined {
  if (code === '0') return undefined;
  const number = /^\d{1,3}$/.test(code ?? '') ? Number(code) : undefined;
  if (number === undefined) return 'not gRPC';
  const text = codes[number];
  return `gRPC status ${number}${text === undefined ? '' : `, ${text}`}`;
}
