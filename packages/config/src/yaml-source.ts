/** A YAML text with the positions of its values. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
} from 'yaml';

export type Path = readonly PropertyKey[];

/** Line and column, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A problem of a file, with its position. */
export interface Problem extends Position {
  readonly message: string;
}

export class YamlSource {
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      merge: true,
      // Nothing is printed: a key that is no text is not known, which is said elsewhere.
      logLevel: 'error',
    });
  }

  /** Violations of YAML's syntax. */
  get problems(): Problem[] {
    return [...this.#document.errors, ...this.#document.warnings].map(({ message, pos }) => ({
      ...this.#at(pos[0]),
      message: inOurWords(message),
    }));
  }

  /** The value of the text. @throws ReferenceError for aliases that expand without end. */
  value(): unknown {
    return this.#document.toJS();
  }

  /** The position of a value; of a missing one, the position of the value that should contain it. */
  position(path: Path): Position {
    let node: Node | null = this.#document.contents;
    for (const step of path) {
      const next = this.#child(node, step);
      if (next === undefined) break;
      node = isNode(next.value) ? next.value : next.key;
    }
    return this.#at(node?.range?.[0] ?? 0);
  }

  /** The position of a map's key. */
  keyPosition(path: Path, key: string): Position {
    const node = path.reduce<Node | null>((parent, step) => {
      const value = this.#child(parent, step)?.value;
      return isNode(value) ? value : null;
    }, this.#document.contents);
    const place = this.#child(node, key)?.key;
    return place === undefined ? this.position(path) : this.#at(place.range?.[0] ?? 0);
  }

  /** The child of a node: its value, and the node to point at if the value is empty. */
  #child(parent: Node | null, step: PropertyKey): { key: Node; value: unknown } | undefined {
    const node = this.#resolved(parent);
    if (isSeq(node)) {
      const value = node.items[Number(step)];
      return isNode(value) ? { key: value, value } : undefined;
    }
    if (!isMap(node)) return undefined;
    const pairs = node.items.filter((item): item is Pair<Node, unknown> => isPair(item) && isNode(item.key));
    const own = pairs.find(({ key }) => isScalar(key) && String(key.value) === String(step));
    if (own !== undefined) return own;
    return pairs
      .filter(({ key }) => isScalar(key) && key.source === '<<')
      .flatMap(({ value }) => this.#merged(value))
      .map((source) => this.#child(source, step))
      .find((found) => found !== undefined);
  }

  /** The maps of a merge key. */
  #merged(value: unknown): Node[] {
    const node = isNode(value) ? this.#resolved(value) : null;
    return isSeq(node) ? node.items.filter(isNode) : node === null ? [] : [node];
  }

  #resolved(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  #at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** The value of a text in YAML or JSON, whose places do not matter. @throws Error with the place of its first mistake */
export function yamlValue(text: string): unknown {
  const source = new YamlSource(text);
  const [problem] = source.problems;
  if (problem !== undefined) throw new Error(`line ${problem.line}: ${problem.message}`);
  return source.value();
}

/** What the parser says of itself instead of the text. */
function inOurWords(message: string): string {
  if (message.includes('call stack')) return 'it is nested too deeply';
  return message.includes('multiple documents') ? 'a configuration has one document' : message;
}
