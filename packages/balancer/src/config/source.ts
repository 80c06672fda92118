/** A YAML text whose values know their lines. */
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

/** Line and column, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a file, and where. */
export interface Problem extends Position {
  readonly message: string;
}

export class YamlSource {
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();

  constructor(text: string) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, merge: true });
  }

  /** What is no YAML. */
  get problems(): Problem[] {
    return [...this.#document.errors, ...this.#document.warnings].map(({ message, pos }) => ({
      ...this.#at(pos[0]),
      message,
    }));
  }

  /** @throws ReferenceError for aliases that multiply without end. */
  value(): unknown {
    return this.#document.toJS();
  }

  /** Where a value is; of one that is not there, what it should be in. */
  position(path: Path): Position {
    let node: Node | null = this.#document.contents;
    for (const step of path) {
      const next = this.#child(node, step);
      if (next === undefined) break;
      node = isNode(next.value) ? next.value : next.key;
    }
    return this.#at(node?.range?.[0] ?? 0);
  }

  /** Where a map's key is. */
  keyPosition(path: Path, key: string): Position {
    const node = path.reduce<Node | null>((parent, step) => {
      const value = this.#child(parent, step)?.value;
      return isNode(value) ? value : null;
    }, this.#document.contents);
    const place = this.#child(node, key)?.key;
    return place === undefined ? this.position(path) : this.#at(place.range?.[0] ?? 0);
  }

  /** What a step leads to: the value, and the node to point at if that is empty. */
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

  /** The maps that a merge key names. */
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
