/** Real traffic on one CPU: each CPU has its own flow table, and veth handles a packet on the CPU that sends it. */
import { execFileSync, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

const CPU = '0';

/**
 * Binds this thread, and the processes that it starts, to one CPU, which does not idle until this process ends: since Linux 6.9,
 * and before it for timers that begin on an idle CPU, another CPU fires the timers of an idle one. A segment that TCP
 * sends by a timer, such as a delayed acknowledgement, would be handled there.
 */
export function useOneCpu(): void {
  const isAlone = availableParallelism() === 1;
  execFileSync('taskset', ['-cp', CPU, String(process.pid)], { stdio: 'ignore' });
  if (isAlone) return;
  const loop = `while kill -0 ${process.pid} 2>/dev/null; do :; done`;
  const child = spawn('taskset', ['-c', CPU, 'nice', '-n', '19', 'sh', '-c', loop], { stdio: 'ignore' });
  child.unref();
  process.once('exit', () => child.kill('SIGKILL'));
}
