/** How errors end the command: one line on standard error and an exit status. */
import { SyscallError } from '@weir/ebpf/errors';
import { CommanderError } from './commander.js';
import { escapeText } from './text/escape.js';

/** `failed`: the command does not work here, or broke off. `usage`: the command line, or a file that it names, is wrong. */
export const ExitCode = { ok: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Something on the command line is wrong in a way that shows only when it is used. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** All mistakes in a file: a line `FILE:LINE:COLUMN: …` each, as editors read it. */
export class FileProblems extends UsageError {
  override name = 'FileProblems';
  readonly lines: readonly string[];

  constructor(lines: readonly string[], options?: ErrorOptions) {
    super(lines.join('\n'), options);
    this.lines = lines;
  }
}

export interface Failure {
  readonly exitCode: ExitCode;
  /** Text for standard error, with line breaks; empty where everything has been said. */
  readonly text: string;
}

/** Describes an error to the user. With `debug`, the stack and the kernel's log follow. */
export function describeFailure(error: unknown, command: string, debug: boolean): Failure {
  if (error instanceof CommanderError) return describeUsage(error, command);
  if (error instanceof FileProblems)
    return { exitCode: ExitCode.usage, text: error.lines.map((line) => `${escapeText(line)}\n`).join('') };
  if (error instanceof UsageError)
    return { exitCode: ExitCode.usage, text: `weir: ${escapeText(error.message)}\n` };
  const { message, stack, log } = parts(error);
  if (isBug(error)) {
    return { exitCode: ExitCode.failed, text: bug(`${error.name}: ${message}`, stack, debug) };
  }
  const [first = '', ...rest] = message.split('\n');
  const more = rest.length === 0 || debug ? '' : ' (--debug shows more)';
  const text = `weir: ${escapeText(first.replace(/:$/, ''))}${more}${advice(error, message)}\n`;
  return { exitCode: ExitCode.failed, text: debug ? text + block(stack) + block(log) : text };
}

/** Describes an error that nothing has caught. */
export function describeCrash(error: unknown, debug: boolean): string {
  const { message, stack } = parts(error);
  return bug(`${error instanceof Error ? error.name : 'error'}: ${message}`, stack, debug);
}

function bug(what: string, stack: string, debug: boolean): string {
  const request = debug ? 'please report it with what follows' : 'please report it with what --debug shows';
  const first = escapeText(what.split('\n', 1)[0]!);
  return `weir: this is a bug in weir: ${first}; ${request}\n${debug ? block(stack) : ''}`;
}

/** Whether the runtime has thrown it: errors that Weir foresees have classes of their own. */
function isBug(error: unknown): error is Error {
  // biome-ignore lint/style/noRestrictedGlobals: it is recognised here, not thrown
  return error instanceof RangeError || error instanceof TypeError || error instanceof ReferenceError;
}

/** Commander's errors start with `error: ` and may end with a suggestion on a line of its own. */
function describeUsage(error: CommanderError, command: string): Failure {
  if (error.exitCode === 0) return { exitCode: ExitCode.ok, text: '' };
  if (error.code === 'commander.help') return { exitCode: ExitCode.usage, text: '' };
  const message = error.message
    .replace(/^error: /, '')
    .replace(/\n\((Did you mean .*\?)\)$/, ': $1')
    .replace(/\.$/, '');
  const selfExplaining = error.code === 'commander.invalidArgument' || message.endsWith('?');
  const help = selfExplaining ? '' : ` (see ${command} --help)`;
  return { exitCode: ExitCode.usage, text: `weir: ${escapeText(message)}${help}\n` };
}

function parts(error: unknown): { message: string; stack: string; log: string } {
  if (!(error instanceof Error)) return { message: String(error), stack: '', log: '' };
  return { message: error.message || error.name, stack: error.stack ?? '', log: kernelLog(error) };
}

/** The kernel's log of an error, or of what it goes back to. */
export function kernelLog(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return 'log' in error && typeof error.log === 'string' ? error.log : kernelLog(error.cause);
}

/** A refusal of bpf(2) and the like is most often a missing capability, which `weir doctor` names. It knows nothing of files. */
function advice(error: unknown, message: string): string {
  if (!(error instanceof SyscallError)) return '';
  const refused = error.code === 'EPERM' || error.code === 'EACCES';
  return refused && !message.includes('weir doctor') ? '; weir doctor shows what is missing' : '';
}

/** Text of more than one line, safe for a terminal. */
export function block(text: string): string {
  return text === '' ? '' : `${text.trimEnd().split('\n').map(escapeText).join('\n')}\n`;
}
