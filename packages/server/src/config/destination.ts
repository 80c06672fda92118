/** Where an exporter sends, as a configuration writes it: `tcp://logs.example:5170`, `unix:/dev/log`. Pure. */
import { accepts } from '@weir/config';
import { isAddress } from '@weir/ebpf/address';
import { OptionError } from '@weir/ebpf/errors';
import { z } from 'zod';

/** A receiver that is reached over the network. */
export interface NetworkDestination {
  readonly kind: 'tcp' | 'tls' | 'udp';
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
}

/** A socket of datagrams on this host. */
export interface UnixDestination {
  readonly kind: 'unix';
  readonly path: string;
}

/** Where an exporter sends. */
export type Destination = NetworkDestination | UnixDestination;

type Kind = Destination['kind'];

const hostName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?$/;

/** @throws OptionError for what is no destination of one of these kinds */
function parseDestination(text: string, kinds: readonly Kind[]): Destination {
  const unix = /^unix:(?:\/\/)?(\/[^\0]{1,106})$/.exec(text);
  if (unix !== null && kinds.includes('unix')) return { kind: 'unix', path: unix[1]! };
  const match = /^([a-z]+):\/\/(?:\[([^\]]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text);
  const kind = match?.[1] as Kind | undefined;
  const [host, port] = [match?.[2] ?? match?.[3] ?? '', Number(match?.[4])];
  const isHost = match?.[2] === undefined ? hostName.test(host) : isAddress(host);
  if (kind === undefined || kind === 'unix' || !kinds.includes(kind) || !isHost || port < 1 || port > 65_535)
    throw new OptionError('no destination');
  return { kind, host, port };
}

/** A destination of one of some kinds. @param example For the message. */
export function destination(kinds: readonly Kind[], example: string) {
  const parse = (text: string) => parseDestination(text, kinds);
  return z
    .string()
    .refine(accepts(parse), { error: `expected ${example}` })
    .transform(parse);
}
