/** Solves struct tcp_sock: counters, with TCP_INFO as the witness, and sequence numbers. Pure. */

import type { FieldName } from './fields.js';
import type { Image } from './image.js';
import type { Counters, Observation } from './observations.js';
import { type Findings, findKnown, solveKnown } from './search.js';

/** A counter of TCP_INFO, and the field from which the kernel fills it. */
const counterFields: readonly {
  readonly name: FieldName;
  readonly size: 4 | 8;
  /** Different values that must be seen. Zeros alone stand in many places. */
  readonly distinct: number;
  readonly value: (counters: Counters) => number | bigint | undefined;
}[] = [
  { name: 'bytes_received', size: 8, distinct: 3, value: ({ bytesReceived }) => bytesReceived },
  { name: 'bytes_acked', size: 8, distinct: 3, value: ({ bytesAcked }) => bytesAcked },
  { name: 'bytes_sent', size: 8, distinct: 3, value: ({ bytesSent }) => bytesSent },
  { name: 'bytes_retrans', size: 8, distinct: 3, value: ({ bytesRetrans }) => bytesRetrans },
  { name: 'segs_in', size: 4, distinct: 3, value: ({ segsIn }) => segsIn },
  { name: 'segs_out', size: 4, distinct: 3, value: ({ segsOut }) => segsOut },
  { name: 'total_retrans', size: 4, distinct: 3, value: ({ totalRetrans }) => totalRetrans },
];

export function solveTcp(findings: Findings): void {
  for (const { name, size, distinct, value } of counterFields) {
    solveKnown(findings, name, {
      search: { size },
      distinct,
      value: ({ counters }) => (counters === undefined ? undefined : value(counters)),
      fits: size === 8 ? isU64 : isU32,
    });
  }
  solveKnown(findings, 'srtt_us', {
    search: { size: 4 },
    distinct: 4,
    value: ({ counters }) => counters?.rttUs,
    // The kernel keeps eighths of microseconds, and TCP_INFO shows whole ones.
    fits: (image, offset, rtt) => image.u32(offset) >>> 3 === rtt,
  });
  solveSequences(findings);
}

const isU32 = (image: Image, offset: number, value: number | bigint) => image.u32(offset) === value;
const isU64 = (image: Image, offset: number, value: number | bigint) => image.u64(offset) === value;

/** The distance to write_seq distinguishes sequence numbers that TCP_REPAIR sets together. */
function solveSequences(findings: Findings): void {
  const known = (value: (seen: Observation) => number | undefined) => ({
    search: { size: 4 },
    distinct: 3,
    value,
    fits: isU32,
  });
  solveKnown(
    findings,
    'write_seq',
    known(({ writeSeq }) => writeSeq),
  );
  solveKnown(
    findings,
    'rcv_nxt',
    known(({ rcvNxt }) => rcvNxt),
  );
  const writeSeq = findings.offset('write_seq');
  const { images } = findings.observations;
  for (const [name, value, behind] of [
    ['snd_una', 'sndUna', 'unacked'],
    ['snd_nxt', 'sndNxt', 'unsent'],
  ] as const) {
    const offsets = findKnown(
      images,
      known((seen) => seen[value]),
    );
    if (typeof offsets === 'string') findings.miss(name, offsets);
    else {
      findings.decide(
        name,
        offsets.filter((offset) => images.every((seen) => isBehind(seen, offset, writeSeq, seen[behind]))),
      );
    }
  }
}

/** Whether a sequence number is that many bytes before the end of what was written, as far as this is known. */
function isBehind(
  { image }: Observation,
  offset: number,
  writeSeq: number | undefined,
  bytes: number | undefined,
): boolean {
  if (bytes === undefined || writeSeq === undefined) return true;
  if (!image.has(offset, 4) || !image.has(writeSeq, 4)) return false;
  return image.u32(offset) === (image.u32(writeSeq) - bytes) >>> 0;
}
