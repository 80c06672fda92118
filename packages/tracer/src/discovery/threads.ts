/** Experiments with threads: their tasks are copied while they use a socket. */
import { close } from 'node:fs';
import { TcpState } from '../sockets/tcp-state.js';
import { BorrowedName } from '../thread-name.js';
import { type Experiment, type ProbeSocket, waitUntil } from './experiment.js';
import { MAX_TARGETS, type TaskSnapshot } from './snapshot.js';
import { leaderCandidates } from './solve-task.js';

/** Node's pool of threads may be busy with other files. */
const CLOSED_WITHIN_MS = 1000;

/**
 * Observes this thread under two names, and one of Node's pool, which closes the socket: a process has a task for each thread,
 * and all but one differ from that of the process.
 *
 * @throws SyscallError; Error where one was not seen.
 */
export function observeThreads(experiment: Experiment, probe: ProbeSocket): void {
  const { socket, sk } = probe;
  const observeThis = () =>
    observe(experiment, experiment.listenOnce(socket, sk, { task: true, anyThread: true })?.task);
  observeThis();
  {
    using _otherName = new BorrowedName();
    observeThis();
  }
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

function observe(experiment: Experiment, task: TaskSnapshot | undefined): void {
  if (task === undefined) throw new Error('a thread of this process was not seen');
  const end = task.comm.indexOf(0);
  const comm = end < 0 ? task.comm : task.comm.subarray(0, end);
  experiment.tasks.push({ image: task.image, pid: task.pid, tgid: task.tgid, comm });
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
