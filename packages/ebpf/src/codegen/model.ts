/** The declarations that are generated for an object, before they become text. */

/** How a value looks in memory and in TypeScript. */
export type Shape =
  /** 1, 2 or 4 bytes: a number. */
  | { readonly kind: 'int'; readonly size: 1 | 2 | 4; readonly signed: boolean }
  /** 8 bytes: a number (exact below 2^53), or a bigint if `big`. */
  | { readonly kind: 'int64'; readonly size: 8; readonly signed: boolean; readonly big: boolean }
  /** 16 bytes: a bigint. */
  | { readonly kind: 'int128'; readonly size: 16; readonly signed: boolean }
  | { readonly kind: 'bool'; readonly size: 1 }
  | { readonly kind: 'float'; readonly size: 4 | 8 }
  /** An integer whose values have names; `type` is the TypeScript type. */
  | { readonly kind: 'enum'; readonly size: number; readonly integer: IntegerShape; readonly type: string }
  /** A `char[size]`. */
  | { readonly kind: 'string'; readonly size: number }
  /** Integers or floats: a typed array. */
  | { readonly kind: 'numbers'; readonly size: number; readonly element: NumberShape; readonly count: number }
  /** Anything else that repeats: an array. */
  | { readonly kind: 'list'; readonly size: number; readonly element: Shape; readonly count: number }
  | { readonly kind: 'struct'; readonly size: number; readonly struct: StructModel };

export type IntegerShape = Extract<Shape, { kind: 'int' | 'int64' }>;
export type NumberShape = Extract<Shape, { kind: 'int' | 'int64' | 'float' }>;

export interface Field {
  /** In TypeScript. */
  readonly name: string;
  /** In C. */
  readonly cName: string;
  /** Bytes from the start of the struct; for bit-fields that of the integer which is loaded. */
  readonly offset: number;
  readonly shape: Shape;
  readonly bits: BitField | undefined;
  /** False for the alternatives of a union that are read only: one, the largest, is written. */
  readonly written: boolean;
}

export interface BitField {
  /** Bytes of the integer that is loaded. */
  readonly load: 1 | 2 | 4 | 8;
  /** Distance of the field's lowest bit from the integer's lowest. */
  readonly shift: number;
  readonly width: number;
  readonly signed: boolean;
}

export interface StructModel {
  /** The TypeScript interface. */
  readonly name: string;
  /** For comments: `struct event`, `union address`. */
  readonly cName: string;
  readonly size: number;
  readonly fields: readonly Field[];
  /** Whether the fields that are written cover every byte. */
  readonly dense: boolean;
}

export interface EnumModel {
  readonly name: string;
  /** For comments: `enum event_kind`. */
  readonly cName: string;
  readonly values: readonly { readonly name: string; readonly value: number | bigint }[];
}

export interface MapModel {
  readonly name: string;
  readonly cName: string;
  readonly key: Shape | undefined;
  readonly value: Shape | undefined;
}

export interface GlobalModel {
  readonly name: string;
  readonly cName: string;
  readonly section: string;
  readonly shape: Shape;
}

export interface ObjectModel {
  readonly littleEndian: boolean;
  readonly enums: readonly EnumModel[];
  /** Structs; one that others contain comes before them. */
  readonly structs: readonly StructModel[];
  /** Structs that come in numbers, as map values or through ring buffers: they get a columns decoder. */
  readonly records: ReadonlySet<StructModel>;
  readonly maps: readonly MapModel[];
  readonly globals: readonly GlobalModel[];
}
