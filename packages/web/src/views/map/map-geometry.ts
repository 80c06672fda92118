/** Sizes and places of the map, apart from the layout, which the page leaves to its worker. */

/** Size of a node. */
export const NODE_WIDTH = 176;
export const NODE_HEIGHT = 38;
/** What is left free around nodes. */
export const COLUMN_GAP = 96;
export const ROW_GAP = 14;

/** The centre of a node. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Places by id. */
export type Places = Readonly<Record<string, Place>>;

/** What has to be placed. */
export interface LayoutInput {
  readonly nodes: readonly string[];
  /** Pairs, the most important first. */
  readonly links: readonly (readonly [from: string, to: string])[];
}
