/** Network namespaces of a test's own. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';

let count = 0;

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs iproute2's ip. @throws Error with its message. */
export function ip(...args: string[]): string {
  return run('ip', args);
}

/** Runs iproute2's tc. @throws Error with its message. */
export function tc(...args: string[]): string {
  return run('tc', args);
}

/** A network namespace with its loopback device up; removed when disposed of. */
export class TestNetns implements Disposable {
  readonly name = `weir-test-${process.pid}-${count++}`;
  /** The number that records show as `netns`. */
  readonly inode: number;

  constructor() {
    ip('netns', 'add', this.name);
    this.inode = statSync(`/run/netns/${this.name}`).ino;
    this.ip('link', 'set', 'lo', 'up');
  }

  /** ip, inside. */
  ip(...args: string[]): string {
    return ip('-n', this.name, ...args);
  }

  /** Sets a sysctl of the namespace, by its path below /proc/sys. */
  sysctl(path: string, value: number): void {
    ip('netns', 'exec', this.name, 'sh', '-c', `echo ${value} > /proc/sys/${path}`);
  }

  [Symbol.dispose](): void {
    ip('netns', 'del', this.name);
  }
}
