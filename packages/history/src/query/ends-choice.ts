/** Which ends of connections count where several hosts answer. */
export interface EndsChoice {
  /** `once` (the default): one of a connection of which both are known. `all`: each, as lists of connections have them. */
  readonly ends?: 'once' | 'all';
}
