/** Experiments with threads: their tasks are copied while they use a socket. */
import { close } from 'node:fs';
import { readSmallFile, syscall } from '@weir/ebpf/sys';
import { TcpState } from '../sockets/tcp-state.js';
import { BorrowedName } from '../thread-name.js';
import { type Experiment, type ProbeSocket, waitUntil } from './experiment.js';
import { MAX_TARGETS, type TaskSnapshot } from './snapshot.js';
import { leaderCandidates } from './solve-task.js';

/** Node's pool of threads may be busy with other files. */
const CLOSED_WITHIN_MS = 1000;

/**
 * Observes this thread under two names and with several flags, and one of Node's pool, which closes the socket: a process has a task
 * for each thread, and all but one differ from that of the process.
 *
 * @throws SyscallError; Error where one was not seen.
 */
export function observeThreads(experiment: Experiment, probe: ProbeSocket): void {
  observeThis(experiment, probe);
  {
    using _otherName = new BorrowedName();
    observeThis(experiment, probe);
  }
  experiment.attempt('flags of this thread', () => {
    withMemoryPolicies(() => observeThis(experiment, probe));
  });
  const { socket, sk } = probe;
  socket.listen();
  const closing = { sk, from: TcpState.listen, to: TcpState.close };
  const closed = experiment.before(
    closing,
    (seen) => {
      close(socket.release(), () => {});
      waitUntil(() => seen() > 0, CLOSED_WITHIN_MS);
    },
    { task: true, anyThread: true },
  );
  observe(experiment, closed?.task);
}

function observeThis(experiment: Experiment, { socket, sk }: ProbeSocket): void {
  const flags = ownFlags();
  const snapshot = experiment.listenOnce(socket, sk, { task: true, anyThread: true });
  observe(experiment, snapshot?.task, flags === ownFlags() ? flags : undefined);
}

function observe(experiment: Experiment, task: TaskSnapshot | undefined, flags?: number): void {
  if (task === undefined) throw new Error('a thread of this process was not seen');
  const end = task.comm.indexOf(0);
  const comm = end < 0 ? task.comm : task.comm.subarray(0, end);
  const { image, pid, tgid } = task;
  experiment.tasks.push({ image, pid, tgid, comm, ...(flags !== undefined && { flags }) });
}

/** PF_* of this thread: the ninth field of its stat (proc_pid_stat(5)), of which the third follows the name. */
function ownFlags(): number | undefined {
  const stat = readSmallFile('/proc/thread-self/stat');
  const flags = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[9 - 3]);
  return Number.isSafeInteger(flags) ? flags : undefined;
}

/** Runs `body` with each of the policies for broken memory, which are flags of the thread, and restores the former one. */
function withMemoryPolicies(body: () => void): void {
  const [setPolicy, getPolicy] = [33, 34];
  const [clear, set] = [0, 1];
  const [late, early, byDefault] = [0, 1, 2];
  const former = syscall('prctl', getPolicy, 0, 0, 0, 0);
  try {
    for (const policy of [early, late]) {
      syscall('prctl', setPolicy, set, policy, 0, 0);
      body();
    }
  } finally {
    if (former === byDefault) syscall('prctl', setPolicy, clear, 0, 0, 0);
    else syscall('prctl', setPolicy, set, former, 0, 0);
  }
}

/** Copies what pointers lead to that all threads have in common: one of them leads to the task of the process. */
export function followLeaders(experiment: Experiment, { socket, sk }: ProbeSocket): void {
  const targets = leaderCandidates(experiment.tasks).flatMap(({ targets }) => targets);
  const wanted = [...new Set(targets)];
  for (let start = 0; start < wanted.length; start += MAX_TARGETS) {
    const batch = wanted.slice(start, start + MAX_TARGETS);
    const seen = experiment.listenOnce(socket, sk, { targets: batch });
    for (const [address, content] of seen?.copies ?? []) experiment.taskCopies.set(address, content);
  }
}
