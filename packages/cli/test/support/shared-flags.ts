/** Runs a command whose standard output and error are an open file that a shell holds, too, and watches its flags. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const openFileKinds = ['pipe', 'socket', 'terminal', 'file'] as const;
export type OpenFileKind = (typeof openFileKinds)[number];

/**
 * Prints the flags of its standard output before the command, while it runs, and afterwards; and a terminal's modes before
 * and afterwards. The commands read nothing but what is asked.
 */
const watcher = `
  flags() { while read -r key value; do [[ $key == flags: ]] && echo "$value" >&9; done </proc/$$/fdinfo/1; }
  modes() { [[ ! -t 1 ]] || stty -g <&1 >&9; }
  exec 9>"$REPORT"
  flags; modes
  bash -c "$COMMAND" 9>&- 2>&1 &
  while kill -0 $! 2>/dev/null; do flags; sleep 0.01; done
  wait $!; status=$?
  flags; modes
  exec 9>&-
  exit $status`;

/** How each kind of open file becomes the standard output of the watcher. Each has a reader. */
const places: Readonly<Record<OpenFileKind, string>> = {
  pipe: 'set -o pipefail; bash -c "$WATCHER" </dev/null | cat',
  socket: 'bash -c "$WATCHER" </dev/null',
  terminal: 'script -qec \'bash -c "$WATCHER"\' /dev/null </dev/null',
  file: 'bash -c "$WATCHER" </dev/null >"$REPORT.out"; status=$?; cat "$REPORT.out"; exit $status',
};

export interface Watched {
  readonly status: number | null;
  readonly output: string;
  /** All flags, and modes, that were seen. One each is right. */
  readonly seen: readonly string[];
}

/** Runs a command of bash. */
export function watchFlags(command: string, kind: OpenFileKind, env: NodeJS.ProcessEnv = {}): Watched {
  const folder = mkdtempSync(join(tmpdir(), 'weir-flags-'));
  try {
    const report = join(folder, 'report');
    const added = { ...env, COMMAND: command, WATCHER: watcher, REPORT: report, SHELL: '/bin/bash' };
    const { status, stdout } = spawnSync('bash', ['-c', places[kind]], {
      env: { ...process.env, ...added },
      encoding: 'utf8',
      timeout: 30_000,
    });
    const seen = new Set(readFileSync(report, 'utf8').trim().split('\n'));
    return { status, output: stdout, seen: [...seen] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
