/** `weir balance check`. */
import { type Config, ConfigError } from '@weir/balancer/config';
import { escapeJson } from '@weir/tracer/escape';
import { ExitCode, FileProblems } from '../failure.js';
import type { Output } from '../output/output.js';
import { escapeText } from '../text/escape.js';
import { formatCount } from '../text/units.js';
import { readConfigFile } from './config-file.js';
import type { CheckFlags } from './requests.js';

/** @throws UsageError */
export async function check(file: string, flags: CheckFlags, stdout: Output): Promise<ExitCode> {
  if (flags.json !== true) {
    await stdout.write(`${escapeText(file)}: ${summary(readConfigFile(file))}\n`);
    return ExitCode.ok;
  }
  const problems = problemsOf(file);
  await stdout.writeData(`${escapeJson(JSON.stringify({ ok: problems.length === 0, problems }, null, 2))}\n`);
  return problems.length === 0 ? ExitCode.ok : ExitCode.usage;
}

function summary({ vips }: Config): string {
  const reals = vips.reduce((sum, vip) => sum + vip.reals.length, 0);
  return `good: ${formatCount(vips.length, 'VIP')}, ${formatCount(reals, 'real')}`;
}

function problemsOf(file: string): ConfigError['problems'] {
  try {
    readConfigFile(file);
    return [];
  } catch (error) {
    if (error instanceof FileProblems && error.cause instanceof ConfigError) return error.cause.problems;
    throw error;
  }
}
