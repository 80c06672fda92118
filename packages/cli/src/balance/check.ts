/** `weir balance check`. */
import { type CheckedConfig, type Config, ConfigError } from '@weir/balancer/config';
import { escapeJson } from '@weir/tracer/escape';
import { ExitCode, FileProblems } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { escapeText } from '../text/escape.js';
import { formatCount } from '../text/units.js';
import { checkConfigFile, warningsHere, warningText } from './config-file.js';
import type { CheckFlags } from './requests.js';

/** @throws UsageError */
export async function check(
  file: string,
  flags: CheckFlags,
  host: Pick<RunHost, 'stderr'>,
  stdout: Output,
): Promise<ExitCode> {
  if (flags.json !== true) {
    const checked = checkConfigFile(file);
    const text = summary(checked.config);
    const found = warningsHere(checked, true);
    host.stderr.write(warningText(file, found));
    const more = found.length === 0 ? '' : `, ${formatCount(found.length, 'warning')}`;
    await stdout.write(`${escapeText(file)}: ${text}${more}\n`);
    return ExitCode.ok;
  }
  const checked = problemsOr(file);
  const problems = 'config' in checked ? [] : checked;
  const warnings = 'config' in checked ? warningsHere(checked, true) : [];
  const result = { ok: problems.length === 0, problems, warnings };
  await stdout.writeData(`${escapeJson(JSON.stringify(result, null, 2))}\n`);
  return problems.length === 0 ? ExitCode.ok : ExitCode.usage;
}

function summary({ vips }: Config): string {
  const reals = vips.reduce((sum, vip) => sum + vip.reals.length, 0);
  const sources = vips.filter(({ source }) => source !== undefined).length;
  const more = sources === 0 ? '' : `, and those of ${formatCount(sources, 'source')}`;
  return `good: ${formatCount(vips.length, 'VIP')}, ${formatCount(reals, 'real')}${more}`;
}

/** The configuration or, where it cannot be used, its problems. */
function problemsOr(file: string): CheckedConfig | ConfigError['problems'] {
  try {
    return checkConfigFile(file);
  } catch (error) {
    if (error instanceof FileProblems && error.cause instanceof ConfigError) return error.cause.problems;
    throw error;
  }
}
