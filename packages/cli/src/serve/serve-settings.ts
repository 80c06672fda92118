/** The configuration of `weir serve`: a file, and flags that win over it. */
import { ConfigError } from '@weir/config';
import { parseServeConfig, type ServeConfig } from '@weir/server/config';
import { readInput } from '../args/input-file.js';
import { FileProblems, UsageError } from '../failure.js';
import type { ServeFlags } from './serve-command.js';

/** @throws UsageError; FileProblems for a file that cannot be used */
export function serveConfig(flags: ServeFlags): ServeConfig {
  const file = flags.config === undefined ? parseServeConfig('') : readServeFile(flags.config);
  const wanted = fromFlags(flags);
  const { read } = file;
  if ((flags.read ?? read) !== undefined) checkReading(flags, file);
  return {
    ...file,
    ...wanted,
    record: { ...file.record, ...wanted.record },
    retention: { ...file.retention, ...wanted.retention },
    ...(flags.peers !== undefined && { peers: peersFlag(flags, file) }),
    ...(flags.store !== undefined && { store: storeFlag(flags.store, file.store) }),
    ...(flags.read !== undefined && { read: readFlag(flags.read, read) }),
  };
}

/** What means nothing where nothing is recorded, by its flag. */
const recordingFlags = {
  ...{ store: '--store', peers: '--peers', keep: '--keep', keepSize: '--keep-size', filter: '--filter' },
  ...{ udp: '--udp', resolve: '--resolve', netns: '--netns', sweep: '--sweep' },
  ...{ ringSize: '--ring-size', btf: '--btf' },
} as const satisfies Partial<Record<keyof ServeFlags, string>>;

/** @throws UsageError for what somebody wants that no reading server does */
function checkReading(flags: ServeFlags, file: ServeConfig): void {
  for (const [name, flag] of Object.entries(recordingFlags) as [keyof typeof recordingFlags, string][])
    if (flags[name] !== undefined)
      throw new UsageError(`${flag}: nothing is recorded with --read: leave it out`);
  const { store, exporters, peers } = file;
  const other = Object.entries({ store: store === undefined ? [] : [store], exporters, peers }).find(
    ([, wanted]) => wanted.length > 0,
  )?.[0];
  if (flags.read !== undefined && other !== undefined)
    throw new UsageError(
      `--read: nothing is recorded with it, and the configuration file has ${other}: leave one out`,
    );
}

function readServeFile(file: string): ServeConfig {
  const text = readInput(file).toString();
  try {
    return parseServeConfig(text, file);
  } catch (error) {
    throw error instanceof ConfigError ? new FileProblems(error.lines, { cause: error }) : error;
  }
}

/** What the flags say, checked as a file with one entry each. */
function fromFlags(flags: ServeFlags): Partial<ServeConfig> {
  const { listen } = flags;
  const insecure = flags.insecure === true;
  return {
    ...(flags.folder !== undefined && { folder: checked('--folder', { folder: flags.folder }).folder }),
    ...(flags.user !== undefined && { user: checked('--user', { user: flags.user }).user! }),
    // Whether a token and TLS are there is checked where all is known.
    ...(listen !== undefined && { listen: checked('--listen', { listen, insecure: true }).listen }),
    ...(insecure && { insecure }),
    ...recordFlags(flags),
    ...retentionFlags(flags),
  };
}

function recordFlags({ filter, udp, resolve, enrich }: ServeFlags) {
  const record = {
    ...(filter !== undefined && { filter }),
    ...(udp === true && { udp }),
    ...(resolve === true && { names: true }),
    ...(!enrich && { enrichment: false }),
  };
  return Object.keys(record).length === 0 ? {} : { record: record as ServeConfig['record'] };
}

function retentionFlags({ keep, keepSize }: ServeFlags) {
  const retention = {
    ...(keep !== undefined && { age: checked('--keep', { retention: { age: keep } }).retention.age }),
    ...(keepSize !== undefined && {
      size: checked('--keep-size', { retention: { size: keepSize } }).retention.size,
    }),
  };
  return Object.keys(retention).length === 0 ? {} : { retention: retention as ServeConfig['retention'] };
}

/** The address is the flag's, all else the file's. */
function storeFlag(url: string, file: ServeConfig['store']): NonNullable<ServeConfig['store']> {
  const store = checked('--store', { store: { url } }).store!;
  return { ...store, ...file, url };
}

/** The addresses are the flag's; what the file says of one of them holds. */
function peersFlag({ peers = [], insecure }: ServeFlags, file: ServeConfig): ServeConfig['peers'] {
  const entry = { peers: peers.map((url) => ({ url })), insecure: file.insecure || insecure === true };
  return checked('--peers', entry).peers.map(
    (peer) => file.peers.find(({ url }) => url === peer.url) ?? peer,
  );
}

function readFlag(url: string, file: ServeConfig['read']): NonNullable<ServeConfig['read']> {
  return { ...file, url: checked('--read', { read: { url } }).read!.url };
}

function checked(flag: string, entry: object): ServeConfig {
  try {
    return parseServeConfig(JSON.stringify(entry), flag);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [first = ''] = error.lines;
    throw new UsageError(first.replace(/^([^:]+):\d+:\d+: (?:[\w.[\]]+: )?/, '$1: '), { cause: error });
  }
}
