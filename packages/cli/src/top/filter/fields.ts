/** The fields that a filter can name, and the test of a bare word. */
import { isWithin, type MappedPrefix, mapPrefix, parseMappedPrefix, parseNetwork } from '@weir/ebpf/address';
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { OptionError } from '@weir/ebpf/errors';
import type { Endpoint } from '@weir/tracer';
import { formatLocal, formatPeer } from '../../text/endpoint.js';
import { unescapeName } from '../../text/unescape.js';
import type { Enrichment } from '../model/enrichment.js';
import type { Subject, Test } from './subject.js';

/** A term that can't be understood. */
export class FilterError extends Error {
  override name = 'FilterError';
}

export interface Field {
  readonly example: string;
  readonly summary: string;
  /** @throws FilterError @param name The field's, as it was written. */
  test(value: string, name: string): Test;
}

/** The fields, in the order in which help shows them. */
export const fields: Readonly<Record<string, Field>> = {
  port: portField('443', 'port of either end, range, or service', ({ local, peer }) => [local, peer]),
  lport: portField('8000-8999', 'local port', ({ local }) => [local]),
  pport: portField('https', "peer's port", ({ peer }) => [peer]),
  addr: addressField('10.0.0.0/8', 'address or prefix of either end', ({ local, peer }) => [local, peer]),
  local: addressField('127.0.0.1', 'local address or prefix', ({ local }) => [local]),
  peer: addressField('2001:db8::/32', "peer's address, prefix, or part of its name", ({ peer }) => [peer]),
  proc: textField('nginx', 'part of the name or path of the program', ({ process }, enrichment) => [
    process?.comm,
    details(process, enrichment)?.executable,
  ]),
  cmd: textField('--config', 'part of the command line', ({ process }, enrichment) => [
    details(process, enrichment)?.command_line,
  ]),
  pid: numberField('4242', 'process id', ({ process }) => process?.pid),
  uid: numberField('1000', 'user id of the process', ({ process }) => process?.uid),
  container: textField('3f2a', 'part of the container name, id or runtime', ({ process }, enrichment) => {
    const found = details(process, enrichment);
    return [found?.container_name, found?.container_id, found?.container_runtime];
  }),
  unit: textField('nginx.service', 'part of the systemd unit', ({ process }, enrichment) => [
    details(process, enrichment)?.unit,
  ]),
  pod: textField('web-0', "part of the pod's name, namespace or uid", ({ process }, enrichment) => {
    const found = details(process, enrichment);
    return [found?.pod_name, found?.pod_namespace, found?.pod_uid];
  }),
  netns: numberField('4026531840', 'inode of the network namespace', ({ netns }) => netns),
  interface: textField('eth0', 'part of the name of the interface', (subject) => [subject.interface]),
  proto: wordField('udp', 'tcp or udp, with 4 or 6 of that address family', {
    tcp: ({ transport }) => transport === 'tcp',
    udp: ({ transport }) => transport === 'udp',
    tcp4: ({ transport, type }) => transport === 'tcp' && type === 'ipv4',
    tcp6: ({ transport, type }) => transport === 'tcp' && type === 'ipv6',
    udp4: ({ transport, type }) => transport === 'udp' && type === 'ipv4',
    udp6: ({ transport, type }) => transport === 'udp' && type === 'ipv6',
    ipv4: ({ type }) => type === 'ipv4',
    ipv6: ({ type }) => type === 'ipv6',
  }),
  dir: wordField('in', 'in or out', {
    in: ({ direction }) => direction === 'inbound',
    inbound: ({ direction }) => direction === 'inbound',
    out: ({ direction }) => direction === 'outbound',
    outbound: ({ direction }) => direction === 'outbound',
  }),
  state: wordField('established', 'state of the connection', stateWords()),
  rate: amountField(
    '>10k',
    'bytes a second, both ways',
    ({ send_rate, receive_rate }) => send_rate + receive_rate,
  ),
  bytes: amountField(
    '>1M',
    'payload, both ways',
    ({ bytes_sent, bytes_received }) => bytes_sent + bytes_received,
  ),
  retrans: amountField('>0', 'retransmitted segments', ({ retransmits }) => retransmits),
};

/** A bare word: an address or prefix of either end, or a part of anything that is shown. */
export function anywhere(word: string): Test {
  if (word.includes('/') && isPrefix(word)) return fields.addr!.test(word, 'addr');
  const wanted = unescapeName(word).toLowerCase();
  const has = (text: string | undefined) => text?.toLowerCase().includes(wanted) === true;
  return (subject, enrichment) => {
    const { process, local, peer, transport } = subject;
    if (has(process?.comm) || String(process?.pid) === wanted) return true;
    if (has(formatLocal(local, subject.interface)) || has(enrichment.service(local.port, transport)))
      return true;
    if (transport === wanted || has(subject.state)) return true;
    if (peer !== undefined) {
      if (has(formatPeer(peer, subject.interface)) || has(enrichment.service(peer.port, transport)))
        return true;
      if (has(enrichment.peerName(peer.address))) return true;
    }
    const found = details(process, enrichment);
    if (has(found?.command_line) || has(found?.executable) || has(found?.unit)) return true;
    return has(found?.container_id) || has(found?.container_name) || has(found?.pod_name);
  };
}

function details(process: Subject['process'], enrichment: Enrichment) {
  return process === undefined ? undefined : enrichment.process(process);
}

type EndpointsOf = (subject: Subject) => readonly (Endpoint | undefined)[];

function portField(example: string, summary: string, ends: EndpointsOf): Field {
  return {
    example,
    summary,
    test(value, name) {
      const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(value);
      if (match === null) {
        if (!/[a-z]/i.test(value))
          throw new FilterError(`${name}: takes a port, a range or a service's name`);
        const service = value.toLowerCase();
        return (subject, enrichment) =>
          ends(subject).some(
            (end) => end !== undefined && enrichment.service(end.port, subject.transport) === service,
          );
      }
      const from = Number(match[1]);
      const to = Number(match[2] ?? match[1]);
      if (to > 65_535) throw new FilterError(`${name}: ports go up to 65535`);
      // While `8000-8` is being typed, it is not wrong yet: it merely finds nothing.
      return (subject) =>
        ends(subject).some((end) => end !== undefined && end.port >= from && end.port <= to);
    },
  };
}

function addressField(example: string, summary: string, ends: EndpointsOf): Field {
  return {
    example,
    summary,
    test(value, name) {
      const network = networkOf(value);
      if (network === undefined) {
        if (value.includes('/')) throw new FilterError(`${name}: ${value} is no prefix, such as 10.0.0.0/8`);
        const part = unescapeName(value).toLowerCase();
        return (subject, enrichment) =>
          ends(subject).some(
            (end) =>
              end !== undefined &&
              (end.address.includes(part) ||
                enrichment.peerName(end.address)?.toLowerCase().includes(part) === true),
          );
      }
      const includes = networkTest(network);
      return (subject) => ends(subject).some((end) => end !== undefined && includes(end.address));
    },
  };
}

/** Whether it is a whole address, or one with a prefix length. */
export function isPrefix(value: string): boolean {
  return networkOf(value) !== undefined;
}

/** While `10.1.0.0/1` is being typed, it is not wrong yet: bits behind the prefix do not count. */
function networkOf(value: string): MappedPrefix | undefined {
  try {
    return mapPrefix(parseNetwork(value));
  } catch (error) {
    if (error instanceof OptionError) return undefined;
    throw error;
  }
}

/** Whether an address is within. Answers are remembered: the same few addresses are asked for at each refresh. */
function networkTest(network: MappedPrefix): (address: string) => boolean {
  const known = new BoundedMap<string, boolean>(65_536);
  return (address) => {
    let within = known.get(address);
    if (within === undefined) {
      within = isWithin(parseMappedPrefix(address), network);
      known.set(address, within);
    }
    return within;
  };
}

function textField(
  example: string,
  summary: string,
  texts: (subject: Subject, enrichment: Enrichment) => readonly (string | undefined)[],
): Field {
  return {
    example,
    summary,
    test(value) {
      const part = value.toLowerCase();
      return (subject, enrichment) =>
        texts(subject, enrichment).some((text) => text?.toLowerCase().includes(part) === true);
    },
  };
}

function numberField(
  example: string,
  summary: string,
  number: (subject: Subject) => number | undefined,
): Field {
  return {
    example,
    summary,
    test(value, name) {
      if (!/^\d{1,16}$/.test(value)) throw new FilterError(`${name}: takes a number`);
      const wanted = Number(value);
      return (subject) => number(subject) === wanted;
    },
  };
}

/** Words may be cut short as long as they are being typed: `sta` finds what any word that starts so would find. */
function wordField(example: string, summary: string, words: Readonly<Record<string, Test>>): Field {
  return {
    example,
    summary,
    test(value, name) {
      const wanted = value.toLowerCase();
      const exact = words[wanted];
      if (exact !== undefined && Object.hasOwn(words, wanted)) return exact;
      const meant = Object.keys(words).filter((word) => word.startsWith(wanted));
      if (meant.length === 0) {
        throw new FilterError(`${name}: takes ${Object.keys(words).join(', ')}`);
      }
      return (subject, enrichment) => meant.some((word) => words[word]!(subject, enrichment));
    },
  };
}

function stateWords(): Record<string, Test> {
  const names = [
    ...['established', 'syn_sent', 'syn_recv', 'fin_wait1', 'fin_wait2', 'close_wait', 'last_ack', 'closing'],
    ...['listen', 'open'],
  ];
  return Object.fromEntries(names.map((name) => [name, (subject: Subject) => subject.state === name]));
}

const factors: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

function amountField(example: string, summary: string, amount: (subject: Subject) => number): Field {
  return {
    example,
    summary,
    test(value, name) {
      const match = /^([<>])(\d+(?:\.\d+)?)([kmg]?)$/i.exec(value);
      if (match === null)
        throw new FilterError(`${name}: takes < or > and a number, such as ${name}:${example}`);
      const limit = Number(match[2]) * factors[match[3]!.toLowerCase()]!;
      return match[1] === '>' ? (subject) => amount(subject) > limit : (subject) => amount(subject) < limit;
    },
  };
}
