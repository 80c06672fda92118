/**
 * SIGHUP that was ignored when the command was started, as nohup(1) has it, stays ignored, from here on. Node.js sets all signals to
 * their defaults at its start, so what was before is known from elsewhere.
 */
const { fstatSync, readFileSync } = require('node:fs');
const { basename } = require('node:path');

/** The signals that were ignored, in the form of /proc/PID/status: set by weir.js where a shell runs it, else here. */
const VARIABLE = 'WEIR_IGNORED_SIGNALS';
/** SIGHUP, signal 1, in such a mask. */
const HANGUP = '0000000000000001';
const NULL_DEVICE = 0x103;

const hasHangup = (mask) => (BigInt(`0x${mask}`) & 1n) !== 0n;

/**
 * Where the note is missing, for `node weir.js` was typed, a parent that ignores it and nohup's traces are what is left.
 *
 * @param signs The environment; the parent's /proc/PID/status; and whether standard input is /dev/null opened for writing only,
 *   as GNU's nohup has it instead of a terminal.
 */
function isHangupIgnored({ env, parentStatus, isInputNull }) {
  const mask = env[VARIABLE];
  if (mask !== undefined && /^[0-9a-f]+$/.test(mask)) return hasHangup(mask);
  const ofParent = /^SigIgn:\s*([0-9a-f]+)$/m.exec(parentStatus)?.[1];
  // Shells name in `_` the program that they start.
  return isInputNull || basename(env._ ?? '') === 'nohup' || (ofParent !== undefined && hasHangup(ofParent));
}

function parentStatus() {
  try {
    return readFileSync(`/proc/${process.ppid}/status`, 'latin1');
  } catch {
    return '';
  }
}

function isInputNull() {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'latin1'))?.[1] ?? '0';
    return fstatSync(0).rdev === NULL_DEVICE && (Number.parseInt(flags, 8) & 3) === 1;
  } catch {
    return false;
  }
}

/** Has SIGHUP without effect from now on if it was ignored, and leaves a note of that. */
function keepIgnored() {
  if (!isHangupIgnored({ env: process.env, parentStatus: parentStatus(), isInputNull: isInputNull() }))
    return;
  process.on('SIGHUP', () => undefined);
  process.env[VARIABLE] = HANGUP;
}

module.exports = { isHangupIgnored, keepIgnored };
