/** What only the file of the start may have: commands, and files with tokens. Pure functions. */
import type { Config } from '../config/schema.js';
import { sourceLabel } from '../config/source-schema.js';
import { RequestError } from './names.js';

type Command = NonNullable<Config['onChange']>;

/** All commands of a configuration: of changes, and of checks. */
export function commandsOf({ onChange, vips }: Pick<Config, 'onChange' | 'vips'>): Command[] {
  const checks = vips.map(({ check }) => (check?.type === 'script' ? check.command : undefined));
  return [onChange, ...vips.map((vip) => vip.onChange), ...checks].filter((command) => command !== undefined);
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
    `${other.join(' ')} was not in the file with which the balancer started, and commands are fixed then: ` +
      '"weir balance stop --keep-forwarding", then run it again',
  );
}

/** A file with a token, and the server to which the token is sent. */
interface SentToken {
  readonly tokenFile: string;
  readonly server: string;
  /** What it is for, in messages. */
  readonly label: string;
}

/** All files with tokens of a configuration. */
export function tokensOf({ vips }: Pick<Config, 'vips'>): SentToken[] {
  return vips.flatMap(({ source }) => {
    if (source === undefined) return [];
    const { consul, kubernetes } = source.from;
    const tokenFile = consul?.tokenFile ?? kubernetes?.tokenFile;
    const server = consul?.url ?? kubernetes?.server ?? '';
    return tokenFile === undefined ? [] : [{ tokenFile, server, label: sourceLabel(source) }];
  });
}

/**
 * Refuses files with tokens that are not among those of the start: who may write to the control socket must not have files of root
 * sent to a server of their own.
 *
 * @throws RequestError
 */
export function refuseNewTokens(config: Pick<Config, 'vips'>, started: readonly SentToken[]): void {
  const other = tokensOf(config).find(
    ({ tokenFile, server }) =>
      !started.some((each) => each.tokenFile === tokenFile && each.server === server),
  );
  if (other === undefined) return;
  throw new RequestError(
    `${other.label}: tokenFile ${other.tokenFile} was not in the file with which the balancer started for that server, and ` +
      'files with tokens are fixed then: "weir balance stop --keep-forwarding", then run it again',
  );
}
