/** What the browser remembers of the table. It may remember nothing. */

/** A choice by its name. */
export function readChoice(name: string): string | undefined {
  try {
    return localStorage.getItem(`weir.table.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Remembers a choice. */
export function writeChoice(name: string, value: string): void {
  try {
    localStorage.setItem(`weir.table.${name}`, value);
  } catch {
    // A browser may keep nothing.
  }
}
