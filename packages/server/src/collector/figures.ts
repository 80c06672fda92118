/** Payload and segments of a connection, and what of them is new. Pure. */

/** The figures of which a row of intervals has the increase. */
export const figureNames = [
  'bytes_sent',
  'bytes_received',
  'segments_sent',
  'segments_received',
  'retransmits',
] as const;

/** Sums so far; what is not known is absent. */
export type Figures = { readonly [Name in (typeof figureNames)[number]]?: number | undefined };

/** Nothing moved. */
export const noFigures: Figures = Object.fromEntries(figureNames.map((name) => [name, 0]));

/** Sums that rows of intervals have together. */
export class CountedFigures {
  readonly #sums = new Float64Array(figureNames.length);

  /** @param start What is not to be in any row. */
  constructor(start: Figures = {}) {
    this.take(start);
  }

  /** The sums, in the order of {@link figureNames}. */
  get sums(): Readonly<Float64Array> {
    return this.#sums;
  }

  /**
   * What was added since the last call; undefined if nothing was. A sum never goes back: where the kernel counts anew, as
   * after an MPTCP connection's first subflow has ended, what exceeds the former sum counts.
   */
  take(figures: Figures): Figures | undefined {
    let added: { -readonly [Name in keyof Figures]: Figures[Name] } | undefined;
    for (let index = 0; index < figureNames.length; index++) {
      const value = figures[figureNames[index]!];
      if (value === undefined || value <= this.#sums[index]!) continue;
      added ??= {};
      added[figureNames[index]!] = value - this.#sums[index]!;
      this.#sums[index] = value;
    }
    return added;
  }
}
