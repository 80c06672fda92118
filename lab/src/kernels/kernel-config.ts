/** Kernel configurations: `CONFIG_NAME=value` lines, and `# CONFIG_NAME is not set`. */

/** Values by option; `n` for one that is said not to be set. */
function parseConfig(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const set = /^(CONFIG_\w+)=(.*)$/.exec(line);
    const unset = /^# (CONFIG_\w+) is not set$/.exec(line);
    if (set) values.set(set[1]!, set[2]!);
    else if (unset) values.set(unset[1]!, 'n');
  }
  return values;
}

/**
 * Options that a complete configuration sets otherwise than asked: make drops an option whose dependencies are missing, and
 * sets one that others select, both without a message.
 *
 * @returns `CONFIG_NAME=value (wanted other)` for each.
 */
export function contradictions(wanted: string, complete: string): string[] {
  const actual = parseConfig(complete);
  return [...parseConfig(wanted)]
    .filter(([name, value]) => (actual.get(name) ?? 'n') !== value)
    .map(([name, value]) => `${name}=${actual.get(name) ?? 'n'} (wanted ${value})`);
}
