/** Values of a condition, bound in the order in which it names them. Pure. */

/** A value to bind. */
export type BoundValue = string | number | bigint;

/** Each function remembers a value, and returns what stands for it: call them in the order of the text. */
export class Placeholders {
  readonly values: BoundValue[] = [];

  text(value: string): string {
    return this.#bind(value, 'VARCHAR');
  }

  /** A number that compares with those of columns without becoming another one. */
  number(value: number): string {
    const isInteger = Number.isSafeInteger(value) && value >= 0;
    return isInteger ? this.#bind(BigInt(value), 'UBIGINT') : this.#bind(value, 'DOUBLE');
  }

  /** 64 bits. */
  id(value: bigint): string {
    return this.#bind(value, 'UBIGINT');
  }

  ports(value: readonly number[]): string {
    return this.#bind(`[${value.join(',')}]`, 'USMALLINT[]');
  }

  /** An address as 128 bits. */
  address(value: bigint): string {
    const digits = value.toString(16).padStart(32, '0');
    return this.#bind(digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), 'UUID');
  }

  #bind(value: BoundValue, type: string): string {
    this.values.push(value);
    return `?::${type}`;
  }
}
