/** Kernel modules that guests load: their list, reading them from Debian's packages, and the order of loading. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from '../command.js';

/** Modules that the tests use. A kernel that has one built in, or not at all, just lacks the file. */
export const guestModules: readonly string[] = [
  'veth',
  'dummy',
  'bridge',
  'ipvlan',
  'macvlan',
  'ipip',
  'ip6_tunnel',
  'ip_gre',
  'ip6_gre',
  'fou',
  'fou6',
  'sch_ingress',
  'sch_netem',
  'cls_bpf',
  'act_bpf',
  'inet_diag',
  'tcp_diag',
  'udp_diag',
  'mptcp_diag',
  'loop',
  'overlay',
  'crc32c_generic',
  'nf_tables',
  'nft_chain_nat',
  'nft_nat',
  'nft_masq',
];

/**
 * Modules that guests have but do not load: a test loads what it needs, by `lib/weir/on-demand`. Listed with each: modules that it uses
 * without depending on them, as it asks for a cipher by name.
 */
export const modulesOnDemand: Readonly<Record<string, readonly string[]>> = {
  vrf: [],
  tls: ['ctr', 'ghash_generic', 'gcm'],
  nfsv3: [],
  nfsd: [],
  cifs: [],
  nbd: [],
  ip_vs_rr: [],
  nft_numgen: [],
  'nvme-tcp': [],
  'nvmet-tcp': [],
  iscsi_tcp: [],
  ksmbd: [],
};

export interface Module {
  readonly name: string;
  readonly path: string;
}

/** The wanted modules and all that they depend on, each after what it needs. Unknown names are left out. */
export async function loadOrder(root: string, wanted: readonly string[]): Promise<Module[]> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const name = /^(.+)\.ko(?:\.xz|\.zst)?$/.exec(entry.name)?.[1];
    if (name !== undefined) files.set(moduleName(name), join(entry.parentPath, entry.name));
  }
  const order = new Map<string, Module>();
  const visiting = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    const path = files.get(name);
    if (path === undefined || order.has(name) || visiting.has(name)) return;
    visiting.add(name);
    for (const dependency of moduleDependencies(await readModule(path))) await visit(dependency);
    order.set(name, { name, path });
  };
  for (const name of wanted) await visit(moduleName(name));
  return [...order.values()];
}

/** The content of `lib/weir/on-demand`: a line for each module that is there, all that it needs first and itself last. */
export async function describeOnDemand(
  root: string,
  wanted: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  const lines: string[] = [];
  for (const [name, asked] of Object.entries(wanted)) {
    const names = (await loadOrder(root, [...asked, name])).map((module) => module.name);
    if (names.at(-1) === moduleName(name)) lines.push(`${names.join(' ')}\n`);
  }
  return lines.join('');
}

/** The kernel takes hyphens and underscores in a module's name for the same. */
function moduleName(name: string): string {
  return basename(name).replaceAll('-', '_');
}

/** A module's ELF file, decompressed. */
export async function readModule(path: string): Promise<Uint8Array> {
  if (path.endsWith('.xz')) return run('xz', ['-dc', path]);
  if (path.endsWith('.zst')) return run('zstd', ['-dcq', path]);
  return readFileSync(path);
}

/** The names in the `depends=` entry of a module's `.modinfo` section. */
export function moduleDependencies(elf: Uint8Array): string[] {
  const info = elfSection(elf, '.modinfo');
  const entries = Buffer.from(info).toString('latin1').split('\0');
  const depends = entries.find((entry) => entry.startsWith('depends='))?.slice('depends='.length) ?? '';
  return depends.split(',').filter(Boolean).map(moduleName);
}

/** The contents of a named section of a 64-bit little-endian ELF file; empty if it has none. */
function elfSection(elf: Uint8Array, wanted: string): Uint8Array {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const headers = Number(view.getBigUint64(40, true));
  const headerSize = view.getUint16(58, true);
  const section = (index: number) => {
    const at = headers + index * headerSize;
    const start = Number(view.getBigUint64(at + 24, true));
    return {
      name: view.getUint32(at, true),
      bytes: elf.subarray(start, start + Number(view.getBigUint64(at + 32, true))),
    };
  };
  const names = section(view.getUint16(62, true)).bytes;
  for (let index = 0; index < view.getUint16(60, true); index++) {
    const { name, bytes } = section(index);
    const end = names.indexOf(0, name);
    if (Buffer.from(names.subarray(name, end)).toString() === wanted) return bytes;
  }
  return new Uint8Array();
}
