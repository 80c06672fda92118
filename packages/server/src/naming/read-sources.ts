/** Reads what is known of peers: the configuration's groups, and files. */
import { readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { fileErrorText } from '@weir/config';
import { OptionError } from '@weir/ebpf/errors';
import { addCloudRanges } from './cloud-ranges.js';
import type { GeoDatabase, GeoKind } from './geo-database.js';
import type { NamingConfig } from './naming-schema.js';
import { type PeerDetails, PeerDirectory, type PeerSources } from './peer-directory.js';
import { addAt, addPrefixList } from './prefix-list.js';
import { PrefixTable } from './prefix-table.js';

/** A larger file is no list of networks. */
const MOST_LIST_BYTES = 64 * 2 ** 20;
/** The largest databases have a few hundred megabytes, more than a server's memory allows for. */
const MOST_DATABASE_BYTES = 512 * 2 ** 20;

const geoKinds = ['country', 'asn'] as const satisfies readonly GeoKind[];

/** Files that a configuration names. */
export function namingFiles({ networks, geo }: NamingConfig): string[] {
  const databases = geoKinds.map((kind) => geo[kind]).filter((path) => path !== undefined);
  return [...new Set([...networks.files.map(({ path }) => path), ...databases])];
}

/** Loads what only some configurations need, before a process becomes a user who may not read it. */
export async function loadGeo({ geo }: NamingConfig): Promise<void> {
  if (geoKinds.some((kind) => geo[kind] !== undefined)) await import('./geo-database.js');
}

/** What is known of an address. */
export interface PeerLookup {
  /** Empty for an address of which nothing is known. */
  detailsOf(address: string): PeerDetails;
}

/**
 * Peers by lists of networks and by files in MaxMind's format, read once.
 *
 * @param files Files in MaxMind's format with countries, autonomous systems or both; of two with the same, the first that knows something counts.
 * @throws OptionError that names the file, and the line, which cannot be used
 */
export async function readPeers(
  networks: NamingConfig['networks'],
  files: readonly string[],
): Promise<PeerLookup> {
  const { groups } = await readSources({ networks, geo: {} });
  if (files.length === 0) return new PeerDirectory({ groups, databases: [] });
  const { openDatabases } = await import('./geo-database.js');
  const databases: GeoDatabase[] = [];
  for (const file of files)
    databases.push(...openDatabases(await readBounded(file, MOST_DATABASE_BYTES), file));
  return new PeerDirectory({ groups, databases });
}

/** @throws OptionError that names the file, and the line, which cannot be used */
export async function readSources({ networks, geo }: NamingConfig): Promise<PeerSources> {
  const groups = new PrefixTable();
  for (const [name, prefixes] of Object.entries(networks.groups))
    for (const prefix of prefixes) addAt(groups, prefix, name, `networks: ${name}`);
  for (const { path, name } of networks.files) {
    const text = (await readBounded(path, MOST_LIST_BYTES)).toString('utf8');
    if (/^\ufeff?\s*[{[]/.test(text)) addCloudRanges(groups, text, name, path);
    else addPrefixList(groups, text, path);
  }
  const databases: GeoDatabase[] = [];
  for (const kind of geoKinds) {
    const path = geo[kind];
    if (path === undefined) continue;
    const { GeoDatabase: Database } = await import('./geo-database.js');
    databases.push(new Database(await readBounded(path, MOST_DATABASE_BYTES), kind, path));
  }
  return { groups, databases };
}

async function readBounded(path: string, most: number): Promise<Buffer> {
  try {
    // What is no file has no end, perhaps.
    const found = await stat(path);
    if (!found.isFile()) throw new OptionError(`${path}: it is no file`);
    if (found.size > most) throw new OptionError(`${path}: it has more than ${most} bytes`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof OptionError) throw error;
    const who = (error as NodeJS.ErrnoException).code === 'EACCES' ? `: it is read as ${userName()}` : '';
    throw new OptionError(`${path}: ${fileErrorText(error as Error)}${who}`, { cause: error });
  }
}

/** Users in containers may have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.geteuid?.()}`;
  }
}
