/** Writes files in MaxMind's format, so that no data of others are needed. */

/** A value of a record. */
export type MmdbValue = string | number | { readonly [key: string]: MmdbValue };

type Tree = [left: Tree | number | undefined, right: Tree | number | undefined];

/** A file with records for prefixes of IPv4 in a tree of IPv6, as the published ones are. */
export function mmdb(records: Readonly<Record<string, MmdbValue>>, type: string): Buffer {
  const root: Tree = [undefined, undefined];
  const data: Buffer[] = [];
  let length = 0;
  for (const [prefix, record] of Object.entries(records)) {
    const [address = '', bits = '32'] = prefix.split('/');
    const bytes = address.split('.').map(Number);
    const path = [
      ...Array.from({ length: 96 }, () => 0),
      ...Array.from({ length: Number(bits) }, (_, bit) => (bytes[bit >> 3]! >> (7 - (bit & 7))) & 1),
    ];
    const value = encode(record);
    insert(root, path, length);
    data.push(value);
    length += value.length;
  }
  const nodes = numbered(root);
  const count = nodes.size;
  const tree = Buffer.alloc(count * 8);
  for (const [node, number] of nodes) {
    for (const side of [0, 1] as const) {
      const child = node[side];
      const value =
        child === undefined ? count : typeof child === 'number' ? count + 16 + child : nodes.get(child)!;
      tree.writeUInt32BE(value, number * 8 + side * 4);
    }
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_790_000_000,
    database_type: type,
    description: { en: 'made by a test' },
    ip_version: 6,
    node_count: count,
    record_size: 32,
  });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([tree, Buffer.alloc(16), ...data, marker, metadata]);
}

function insert(root: Tree, path: readonly number[], record: number): void {
  let node = root;
  for (const side of path.slice(0, -1)) {
    const child = node[side];
    const next: Tree = typeof child === 'object' ? child : [child, child];
    node[side] = next;
    node = next;
  }
  node[path.at(-1)!] = record;
}

function numbered(root: Tree): Map<Tree, number> {
  const nodes = new Map<Tree, number>();
  const add = (node: Tree) => {
    nodes.set(node, nodes.size);
    for (const child of node) if (typeof child === 'object') add(child);
  };
  add(root);
  return nodes;
}

function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(2, bytes.length), bytes]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  const entries = Object.entries(value);
  return Buffer.concat([
    control(7, entries.length),
    ...entries.flatMap(([key, each]) => [encode(key), encode(each)]),
  ]);
}

function control(type: number, size: number): Buffer {
  if (size < 29) return Buffer.of((type << 5) | size);
  if (size < 285) return Buffer.of((type << 5) | 29, size - 29);
  const length = Buffer.alloc(3);
  length[0] = (type << 5) | 30;
  length.writeUInt16BE(size - 285, 1);
  return length;
}

/** A file with the countries of some prefixes. */
export function countries(codes: Readonly<Record<string, string>>): Buffer {
  const records = Object.entries(codes).map(([prefix, code]) => [prefix, { country: { iso_code: code } }]);
  return mmdb(Object.fromEntries(records), 'Test-Country');
}

/** A file with the autonomous systems of some prefixes. */
export function systems(numbers: Readonly<Record<string, readonly [asn: number, org: string]>>): Buffer {
  const records = Object.entries(numbers).map(([prefix, [asn, org]]) => [
    prefix,
    { autonomous_system_number: asn, autonomous_system_organization: org },
  ]);
  return mmdb(Object.fromEntries(records), 'Test-ASN');
}
