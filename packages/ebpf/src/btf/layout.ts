/** Sizes and bit positions of BTF on the wire, shared by the decoder and the encoder. */
import { Kind } from './types.js';

export const btfMagic = 0xeb9f;
export const btfVersion = 1;
/** Every kernel and compiler writes at least these 24 bytes; later ones append the layout section's extent. */
export const headerSize = 24;
/** Bytes every type begins with: name, info, and size or type. */
export const typeHeaderSize = 12;
/** Up to 6.18 a type's vlen had 16 bits; the wider field is compatible, as the bits above were zero. */
export const vlenMask = 0xffffff;
export const kindShift = 24;
export const kindMask = 0x7f;

/** How long a type's trailing data is: `fixed` bytes plus `element` bytes for each of its vlen elements. */
export interface KindLayout {
  readonly fixed: number;
  readonly element: number;
}

const none: KindLayout = { fixed: 0, element: 0 };

/** Indexed by kind number. Void never appears in a blob. */
export const kindLayouts: readonly (KindLayout | undefined)[] = Object.assign(
  [] as (KindLayout | undefined)[],
  {
    [Kind.int]: { fixed: 4, element: 0 },
    [Kind.ptr]: none,
    [Kind.array]: { fixed: 12, element: 0 },
    [Kind.struct]: { fixed: 0, element: 12 },
    [Kind.union]: { fixed: 0, element: 12 },
    [Kind.enum]: { fixed: 0, element: 8 },
    [Kind.fwd]: none,
    [Kind.typedef]: none,
    [Kind.volatile]: none,
    [Kind.const]: none,
    [Kind.restrict]: none,
    // A function keeps its linkage in the vlen field and has no elements.
    [Kind.func]: none,
    [Kind.funcProto]: { fixed: 0, element: 8 },
    [Kind.var]: { fixed: 4, element: 0 },
    [Kind.datasec]: { fixed: 0, element: 12 },
    [Kind.float]: none,
    [Kind.declTag]: { fixed: 4, element: 0 },
    [Kind.typeTag]: none,
    [Kind.enum64]: { fixed: 0, element: 12 },
  },
);
