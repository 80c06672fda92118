/** From C's names to TypeScript's. */

/** `skc_dport` → `skcDport`, `__pad` → `pad`, `PID` → `pid`; what already is camelCase stays. */
export function camelCase(name: string): string {
  const words = name.split('_').filter((word) => word !== '');
  const camel = words
    .map((word) => (word === word.toUpperCase() ? word.toLowerCase() : word))
    .map((word, i) => (i === 0 ? word.charAt(0).toLowerCase() : word.charAt(0).toUpperCase()) + word.slice(1))
    .join('');
  return identifier(camel);
}

/** `tcp_event` → `TcpEvent`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name);
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/** Names come from files: nothing but an identifier may reach the generated code. */
function identifier(name: string): string {
  const cleaned = name.replace(/[^A-Za-z0-9]/g, '');
  return /^[A-Za-z]/.test(cleaned) ? cleaned : `_${cleaned}`;
}

/** Text from a file as it may stand in a comment. */
export function printable(text: string): string {
  return text.replace(/[^\w .-]/g, '?');
}

/** Text from a file as a string literal. */
export function quote(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

/** Gives each name once: a name that was given already gets a number. */
export class UniqueNames {
  readonly #taken: Set<string>;

  constructor(...reserved: string[]) {
    this.#taken = new Set(reserved);
  }

  take(name: string): string {
    let unique = name;
    for (let i = 2; this.#taken.has(unique); i++) unique = `${name}${i}`;
    this.#taken.add(unique);
    return unique;
  }
}
