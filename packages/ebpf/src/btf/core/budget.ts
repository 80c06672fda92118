import { FormatError } from '../../errors.js';

/**
 * How many members and types the search for targets may look at. Real relocations need some thousand; without a limit,
 * a struct that contains itself twice makes the search double at each of its levels.
 */
export class Budget {
  #left: number;

  constructor(steps: number) {
    this.#left = steps;
  }

  /** @throws FormatError when the budget is used up. */
  spend(): void {
    if (--this.#left < 0) throw new FormatError('CO-RE: types are nested too deeply, or within themselves');
  }
}
