/** Lists of tokens, and when new ones end: for servers of any kind. */
import { parseAge } from '@weir/config';
import { OptionError } from '@weir/ebpf/errors';
import { parseTime, systemZone } from '@weir/history/query';
import type { StoredToken } from '@weir/http/auth';
import { UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import { jsonLine, table } from '../query/forms.js';

/** Prints tokens without their digests. */
export async function printTokens(
  tokens: readonly StoredToken[],
  json: boolean,
  stdout: Output,
): Promise<void> {
  const rows = tokens.map(({ sha256, ...token }) => token);
  if (json) await stdout.writeData(rows.map(jsonLine).join(''));
  else
    await stdout.write(
      table(
        [
          { title: 'NAME', text: ({ name }) => name },
          { title: 'ROLE', text: ({ role }) => role },
          { title: 'CREATED', text: ({ created }) => created.slice(0, 10) },
          { title: 'EXPIRES', text: ({ expires }) => expiryText(expires) },
        ],
        rows,
      ),
    );
}

function expiryText(expires: string | undefined): string {
  if (expires === undefined) return 'never';
  return `${expires.slice(0, 16).replace('T', ' ')}Z${Date.parse(expires) <= Date.now() ? ' (has expired)' : ''}`;
}

/** An age such as 90d from now, or a time. @returns milliseconds since 1970 */
export function readExpiry(text: string): number {
  const now = Date.now();
  if (/^\d+(?:\.\d+)?[mhdwy]$/.test(text)) return now + checked(() => parseAge(text));
  const at = checked(() => parseTime(text, { now: BigInt(now) * 1_000_000n, zone: systemZone() }));
  const ms = Number(at / 1_000_000n);
  if (ms <= now) throw new UsageError(`--expires: ${JSON.stringify(text)} has passed`);
  return ms;
}

function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new UsageError(`--expires: ${error.message}`, { cause: error });
  }
}
