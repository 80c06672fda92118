/**
 * SIGHUP that was ignored when the command was started, as nohup(1) has it, stays ignored. Node.js sets all signals to their
 * defaults at its start, so what was before is known from elsewhere.
 */
import { fstatSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { EndSignal, SignalSource } from '../trace/interruption.js';

/** Set by bin/weir.js: the signals that were ignored, in the form of /proc/PID/status. */
const VARIABLE = 'WEIR_IGNORED_SIGNALS';
/** Bit of SIGHUP, signal 1, in such a mask. */
const HANGUP_BIT = 1n;
const NULL_DEVICE = 0x103;

/** What shows whether SIGHUP was ignored. */
export interface HangupSigns {
  readonly env: NodeJS.ProcessEnv;
  /** Content of the parent's /proc/PID/status. */
  readonly parentStatus: string;
  /** Whether standard input is /dev/null opened for writing only, as GNU's nohup has it instead of a terminal. */
  readonly isInputNull: boolean;
}

/** Whether SIGHUP was ignored when this process was started. Removes the note of bin/weir.js from the environment. */
export function startedWithoutHangup(): boolean {
  const signs = { env: { ...process.env }, parentStatus: parentStatus(), isInputNull: isInputNull() };
  delete process.env[VARIABLE];
  return isHangupIgnored(signs);
}

/** Where the note is missing, for `node weir.js` was typed, a parent that ignores it and nohup's traces are what is left. */
export function isHangupIgnored({ env, parentStatus, isInputNull }: HangupSigns): boolean {
  const mask = env[VARIABLE];
  if (mask !== undefined && /^[0-9a-f]+$/.test(mask)) return hasHangup(mask);
  const ofParent = /^SigIgn:\s*([0-9a-f]+)$/m.exec(parentStatus)?.[1];
  // Shells name in `_` the program that they start.
  return isInputNull || basename(env._ ?? '') === 'nohup' || (ofParent !== undefined && hasHangup(ofParent));
}

/** The same signals, and SIGHUP without effect. */
export function withoutHangup(source: NodeJS.Process): SignalSource {
  source.on('SIGHUP', () => undefined);
  const others = (method: 'on' | 'off') => (signal: EndSignal, listener: (signal: EndSignal) => void) =>
    signal === 'SIGHUP' ? source : source[method](signal, listener);
  return { on: others('on'), off: others('off') };
}

function hasHangup(mask: string): boolean {
  return (BigInt(`0x${mask}`) & HANGUP_BIT) !== 0n;
}

function parentStatus(): string {
  try {
    return readFileSync(`/proc/${process.ppid}/status`, 'latin1');
  } catch {
    return '';
  }
}

function isInputNull(): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'latin1'))?.[1] ?? '0';
    return fstatSync(0).rdev === NULL_DEVICE && (Number.parseInt(flags, 8) & 3) === 1;
  } catch {
    return false;
  }
}
