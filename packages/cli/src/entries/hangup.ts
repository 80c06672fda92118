/** SIGHUP that was ignored when the command was started, as nohup(1) has it, stays ignored. */
import type { EndSignal, SignalSource } from '../trace/interruption.js';

/** Set by bin/weir.js and bin/ignored-hangup.js: the signals that were ignored, in the form of /proc/PID/status. */
const VARIABLE = 'WEIR_IGNORED_SIGNALS';
/** Bit of SIGHUP, signal 1, in such a mask. */
const HANGUP_BIT = 1n;

/** Whether SIGHUP was ignored when this process was started. Removes the note of that from the environment. */
export function startedWithoutHangup(): boolean {
  const mask = process.env[VARIABLE] ?? '';
  delete process.env[VARIABLE];
  return /^[0-9a-f]+$/.test(mask) && (BigInt(`0x${mask}`) & HANGUP_BIT) !== 0n;
}

/** The same signals, and SIGHUP without effect. */
export function withoutHangup(source: NodeJS.Process): SignalSource {
  source.on('SIGHUP', () => undefined);
  const others = (method: 'on' | 'off') => (signal: EndSignal, listener: (signal: EndSignal) => void) =>
    signal === 'SIGHUP' ? source : source[method](signal, listener);
  return { on: others('on'), off: others('off') };
}
