/** The modes of a terminal in which a command is ended that does not handle signals. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';
import { bin } from './support/command.js';

/** Node.js has its handlers before it starts threads. Weir takes them away later. */
const script = `
  "$NODE" "$BIN" doctor >/dev/null & pid=$!
  for _ in {1..500}; do
    mask=$(awk '/^SigCgt/ { print $2 }' /proc/$pid/status)
    threads=$(ls /proc/$pid/task | wc -l)
    ((threads > 4 && (0x$mask & 0x4002) == 0)) && break
    sleep 0.01
  done
  stty -echo
  kill -"$SIGNAL" $pid
  wait $pid
  echo "status $?"
  stty -a | grep -ow -e '-echo'`;

for (const [signal, status] of [
  ['TERM', 143],
  ['INT', 130],
] as const) {
  it(`stay as others have set them since when SIG${signal} ends weir doctor`, async () => {
    const env = { ...process.env, NODE: process.execPath, BIN: bin, SIGNAL: signal, WATCHED: script };
    const child = spawn('script', ['-qec', 'bash -c "$WATCHED"', '/dev/null'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.equal((await text(child.stdout)).replaceAll('\r', ''), `status ${status}\n-echo\n`);
  });
}
