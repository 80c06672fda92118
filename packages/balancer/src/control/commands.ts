/** The commands of a configuration. Pure functions. */
import type { Config } from '../config/schema.js';
import { RequestError } from './names.js';

type Command = NonNullable<Config['onChange']>;

/** All commands of a configuration. */
export function commandsOf({ onChange, vips }: Pick<Config, 'onChange' | 'vips'>): Command[] {
  return [onChange, ...vips.map((vip) => vip.onChange)].filter((command) => command !== undefined);
}

/**
 * Refuses commands that are not among those of the start: who may write to the control socket must not run others, with the
 * balancer's privileges.
 *
 * @throws RequestError
 */
export function refuseNewCommands(
  config: Pick<Config, 'onChange' | 'vips'>,
  started: readonly Command[],
): void {
  const known = new Set(started.map((command) => JSON.stringify(command)));
  const other = commandsOf(config).find((command) => !known.has(JSON.stringify(command)));
  if (other === undefined) return;
  throw new RequestError(
    `onChange: ${other.join(' ')} was not in the file with which the balancer started, and commands are fixed then: ` +
      '"weir balance stop --keep-forwarding", then run it again',
  );
}
