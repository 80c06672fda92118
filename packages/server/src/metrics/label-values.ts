/** Values of labels as small numbers. Pure. */

/** What is longer is cut: a command line may have any length. Characters. */
export const MAX_LABEL_LENGTH = 128;

/** Values of labels, each with a number. */
export class LabelValues {
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [];

  /** Number of values. */
  get size(): number {
    return this.#texts.length;
  }

  /** The number of a value. Values that are the same once they are written have the same number. */
  idOf(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const clean = cleanValue(text);
    if (clean !== text) return this.idOf(clean);
    this.#ids.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  /** The value that a number stands for. */
  textOf(id: number): string {
    return this.#texts[id]!;
  }
}

/** The text as a label can have it: not too long, and all of it Unicode, else two series could become one when they are sent. */
function cleanValue(text: string): string {
  const short = text.length > MAX_LABEL_LENGTH ? `${text.slice(0, MAX_LABEL_LENGTH - 1)}…` : text;
  return short.replace(/\p{Surrogate}/gu, '\ufffd');
}
