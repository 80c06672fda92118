/** BTF as modules have it. */
import { encodeTypes } from '../../src/btf/encode.js';
import type { Btf } from '../../src/btf/parse.js';
import { Kind } from '../../src/btf/types.js';

/**
 * A module's BTF: types and strings that continue those of a base, which has a type 1 and a name `shared`. Its own strings begin with a
 * name rather than with a NUL, as those of real modules do.
 */
export function splitBlob(base: Btf): Uint8Array {
  const standalone = encodeTypes([
    {
      kind: Kind.struct,
      name: 'shared',
      size: 4,
      members: [{ name: 'own', typeId: 1, bitOffset: 0, bitSize: 0 }],
    },
    { kind: Kind.ptr, name: '', typeId: base.length },
    { kind: Kind.struct, name: 'first_of_all', size: 0, members: [] },
  ]);
  const strings = 24 + new DataView(standalone.buffer).getUint32(12, true);
  const blob = Buffer.concat([standalone.subarray(0, strings), standalone.subarray(strings + 1)]);
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
  view.setUint32(20, view.getUint32(20, true) - 1, true);
  const own = (at: number) => view.setUint32(at, view.getUint32(at, true) - 1 + base.stringsLength, true);
  const encoded = base.encode();
  const shared = Buffer.from(encoded).indexOf('\0shared\0') + 1;
  // The first struct is named by a string of the base; its member and the other struct by the blob's own.
  view.setUint32(24, shared - 24 - new DataView(encoded.buffer).getUint32(16, true), true);
  own(36);
  own(24 + 24 + 12);
  return blob;
}
