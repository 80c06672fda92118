/** Verdicts on packets, and the reasons for them. */
import { OptionError } from '@weir/ebpf';
import { Reason } from '../generated/balancer.js';

/** In the order of XDP's numbers. */
const verdicts = ['aborted', 'drop', 'pass', 'tx', 'redirect'] as const;

/** Action of XDP (enum xdp_action). `tx`: sent back out of the device. `pass`: left to the host. */
export type Verdict = (typeof verdicts)[number];

/** @throws OptionError for a number that XDP does not have. */
export function verdictName(number: number): Verdict {
  const name = verdicts[number];
  if (name === undefined) throw new OptionError(`verdict ${number}: expected 0 to ${verdicts.length - 1}`);
  return name;
}

const reasonNames = {
  [Reason.REASON_NOT_IP]: 'not-ip',
  [Reason.REASON_OTHER_PROTOCOL]: 'other-protocol',
  [Reason.REASON_NOT_A_VIP]: 'not-a-vip',
  [Reason.REASON_MALFORMED]: 'malformed',
  [Reason.REASON_TOO_BIG]: 'too-big',
  [Reason.REASON_ECHO]: 'echo',
  [Reason.REASON_QUIC_ID]: 'quic-id',
  [Reason.REASON_STABLE_UDP]: 'stable-udp',
  [Reason.REASON_SERVER_ID]: 'server-id',
  [Reason.REASON_FLOW_TABLE]: 'flow-table',
  [Reason.REASON_GLOBAL_FLOW]: 'global-flow',
  [Reason.REASON_SOURCE_ROUTE]: 'source-route',
  [Reason.REASON_RING]: 'ring',
  [Reason.REASON_RING_FLOOD]: 'ring-flood',
  [Reason.REASON_EMPTY_SLOT]: 'empty-slot',
  [Reason.REASON_ENCAPSULATION]: 'encapsulation',
  [Reason.REASON_NAT_FLOW]: 'nat-flow',
  [Reason.REASON_NAT_REPLY]: 'nat-reply',
  [Reason.REASON_NAT_UNKNOWN]: 'nat-unknown',
  [Reason.REASON_NAT_EXHAUSTED]: 'nat-exhausted',
  [Reason.REASON_NAT_LAST_HOP]: 'nat-last-hop',
  [Reason.REASON_LAST_HOP]: 'last-hop',
  [Reason.REASON_NO_NEIGHBOUR]: 'no-neighbour',
  [Reason.REASON_PEER_FLOW]: 'peer-flow',
} as const;

/** The reason for a packet's verdict. The reasons from `quic-id` to `ring-flood` name what chose its real. */
export type ReasonName = (typeof reasonNames)[keyof typeof reasonNames];

export function reasonName(reason: number): ReasonName {
  const name = (reasonNames as Readonly<Record<number, ReasonName>>)[reason];
  if (name === undefined) throw new OptionError(`reason ${reason}: the program has no such reason`);
  return name;
}

const reasonNumbers = new Map(Object.entries(reasonNames).map(([number, name]) => [name, Number(number)]));

/** @throws OptionError for an unknown name. */
export function reasonNumber(name: ReasonName): number {
  const number = reasonNumbers.get(name);
  if (number === undefined)
    throw new OptionError(`reason ${name}: expected one of ${[...reasonNumbers.keys()].join(', ')}`);
  return number;
}
