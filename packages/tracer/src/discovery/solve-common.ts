/** Solves struct sock_common: the ends of connections. Pure. */
import { flagMask, type Observation } from './observations.js';
import { type Findings, findKnown, offsetsWhere, solveKnown } from './search.js';

const IPV4 = 2;

/** Enough different values of 16 or more random bits that no other place can hold them all by chance. */
const ENOUGH = 3;

export function solveCommon(findings: Findings): void {
  solveAddresses(findings);
  solvePorts(findings);
  solveFamily(findings);
  solveDevice(findings);
  solveKnown(findings, 'skc_state', {
    search: { size: 1 },
    distinct: 4,
    value: ({ state }) => state,
    fits: (image, offset, state) => image.u8(offset) === state,
  });
  solveAddresses6(findings);
  solveKnown(findings, 'skc_flags', {
    search: { size: 8 },
    distinct: 5,
    value: ({ flags }) => flags,
    fits: (image, offset, flags) => (image.u64(offset) & flagMask) === flags,
  });
  solveKnown(findings, 'inet_sport', {
    search: { size: 2 },
    distinct: ENOUGH,
    // A socket that has been connected keeps its port in the description of its route, too.
    value: ({ fresh, localPort }) => (fresh ? localPort : undefined),
    fits: (image, offset, port) => image.be16(offset) === port,
  });
}

/** Adds two neighbours of which copies stand elsewhere, but not side by side. */
function decidePair(
  findings: Findings,
  names: readonly [
    'skc_daddr' | 'skc_dport' | 'skc_v6_daddr',
    'skc_rcv_saddr' | 'skc_num' | 'skc_v6_rcv_saddr',
  ],
  observations: readonly Observation[],
  size: number,
  distinct: number,
  fits: (observation: Observation, offset: number) => boolean,
): void {
  const [first, second] = names;
  if (distinct < ENOUGH) {
    const why =
      distinct === 0
        ? 'no known value could be set'
        : `${distinct} different values were set, and ${ENOUGH} are needed`;
    findings.miss(first, why);
    findings.miss(second, why);
    return;
  }
  const offsets = offsetsWhere(observations, { size: 2 * size, align: Math.min(size, 4) }, fits);
  findings.decide(first, offsets);
  findings.decide(
    second,
    offsets.map((offset) => offset + size),
  );
}

function solveAddresses(findings: Findings): void {
  const known = findings.observations.images.filter(
    (seen) => seen.peerAddress !== undefined && seen.localAddress !== undefined,
  );
  const distinct = new Set(known.map(({ peerAddress }) => peerAddress)).size;
  decidePair(findings, ['skc_daddr', 'skc_rcv_saddr'], known, 4, distinct, (seen, offset) => {
    const { image, peerAddress, localAddress } = seen;
    return image.be32(offset) === peerAddress && image.be32(offset + 4) === localAddress;
  });
}

function solvePorts(findings: Findings): void {
  const known = findings.observations.images.filter(
    (seen) => seen.peerPort !== undefined && seen.localPort !== undefined,
  );
  const distinct = new Set(known.map(({ peerPort }) => peerPort)).size;
  decidePair(findings, ['skc_dport', 'skc_num'], known, 2, distinct, (seen, offset) => {
    const { image, peerPort, localPort } = seen;
    return image.be16(offset) === peerPort && image.u16(offset + 2) === localPort;
  });
}

function solveAddresses6(findings: Findings): void {
  const known = findings.observations.images.filter(
    (seen) => seen.peerAddress6 !== undefined && seen.localAddress6 !== undefined,
  );
  const distinct = new Set(known.map(({ peerAddress6 }) => Buffer.from(peerAddress6!).toString('hex'))).size;
  decidePair(findings, ['skc_v6_daddr', 'skc_v6_rcv_saddr'], known, 16, distinct, (seen, offset) => {
    const { image, peerAddress6, localAddress6 } = seen;
    return image.holds(offset, peerAddress6!) && image.holds(offset + 16, localAddress6!);
  });
}

/** Two values at most: where more than one place follows them, and where only IPv4 exists, the neighbour decides. */
function solveFamily(findings: Findings): void {
  const { images } = findings.observations;
  const fits = (seen: Observation, offset: number) => seen.image.u16(offset) === seen.family;
  const offsets = offsetsWhere(images, { size: 2 }, fits);
  const twoFamilies = images.some(({ family }) => family !== IPV4);
  const num = findings.offset('skc_num');
  if (num !== undefined && offsets.includes(num + 2)) {
    const alone = twoFamilies && offsets.length === 1;
    findings.add('skc_family', num + 2, alone ? 'values' : 'structure', offsets.length);
  } else if (twoFamilies) findings.decide('skc_family', offsets);
  else findings.contradict('skc_family', offsets.length);
}

/** Where loopback is the only device, few values are known: then its place behind the family, the state and a byte decides. */
function solveDevice(findings: Findings): void {
  const offsets = findKnown(findings.observations.images, {
    search: { size: 4 },
    distinct: 2,
    value: ({ boundDevice }) => boundDevice,
    fits: (image, offset, index) => image.u32(offset) === index,
  });
  const family = findings.offset('skc_family');
  if (typeof offsets === 'string') findings.miss('skc_bound_dev_if', offsets);
  else if (offsets.length > 1 && family !== undefined && offsets.includes(family + 4))
    findings.add('skc_bound_dev_if', family + 4, 'structure', offsets.length);
  else findings.decide('skc_bound_dev_if', offsets);
}
