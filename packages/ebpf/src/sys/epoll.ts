/** Waiting for descriptors in Node's event loop. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { type Arena, createArena } from './arena.js';
import { Fd } from './fd.js';
import { ffi, type PollHandle } from './ffi.js';
import { syscall, syscallRaw } from './syscalls.js';

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const EPOLLET = 0x8000_0000;

// struct epoll_event is packed on x86-64 only.
const eventSize = process.arch === 'x64' ? 12 : 16;
const MAX_EVENTS = 64;

let arena: Arena | undefined;

/** How long to wait, and what ends the wait early. */
export interface WaitOptions {
  /** Ends the wait, which then resolves as at a timeout. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; without it, a wait lasts until there is data or the signal aborts. */
  readonly timeoutMs?: number | undefined;
}

/**
 * An epoll descriptor of our own, watched by Node's event loop. Descriptors are added edge-triggered: the wake-up only
 * hints that something happened, and whoever waits looks at the memory itself for whether there is data.
 */
export class Readiness implements Disposable {
  readonly #epoll: Fd;
  readonly #handle: PollHandle;
  /** Ends the wait under way. */
  #endWait: (() => void) | undefined;

  /** @param keepsAlive Whether a wait keeps the process alive. */
  constructor(keepsAlive = true) {
    this.#epoll = new Fd(syscall('epoll_create1', EPOLL_CLOEXEC));
    this.#handle = ffi().poll(this.#epoll.fd);
    if (!keepsAlive) this.#handle.unref();
  }

  /** The epoll descriptor, for another event loop. */
  get fd(): number {
    return this.#epoll.fd;
  }

  /** @param direction What a descriptor's wake-up means: something to read, or room to write. */
  add(fd: number, direction: 'readable' | 'writable' = 'readable'): void {
    this.#control(EPOLL_CTL_ADD, fd, 'EPOLL_CTL_ADD', direction === 'readable' ? EPOLLIN : EPOLLOUT);
  }

  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 'EPOLL_CTL_DEL');
  }

  #control(operation: number, fd: number, name: string, events = EPOLLIN): void {
    arena ??= createArena(eventSize * MAX_EVENTS);
    arena.view.setUint32(0, events | EPOLLET, true);
    const result = syscallRaw('epoll_ctl', this.#epoll.fd, operation, fd, arena.address);
    if (result < 0) throw new SyscallError(`epoll_ctl(${name})`, -result);
  }

  /** Takes the pending events, so that the epoll descriptor is no longer readable. */
  #consume(): void {
    arena ??= createArena(eventSize * MAX_EVENTS);
    for (;;) {
      const count = syscallRaw('epoll_pwait', this.#epoll.fd, arena.address, MAX_EVENTS, 0, 0, 0);
      if (count === -constants.errno.EINTR) continue;
      if (count < 0) throw new SyscallError('epoll_pwait', -count);
      if (count < MAX_EVENTS) return;
    }
  }

  /**
   * Resolves to true once `ready` says so, which is asked at once and after every wake-up; to what `ready` says when
   * the time is over, the signal aborts or this object is disposed of. At least one turn of the event loop passes, so
   * that a consumer which always finds data does not starve the rest of the process.
   *
   * @throws Error if somebody waits already.
   */
  wait(ready: () => boolean, options: WaitOptions = {}): Promise<boolean> {
    if (this.#endWait !== undefined) throw new Error('only one wait at a time');
    const { signal, timeoutMs } = options;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      // A wake-up may arrive after its wait has ended, and must not end the next one: each wait has its own flag.
      let ended = false;
      const end = (): void => {
        ended = true;
        this.#endWait = undefined;
        this.#handle.stop();
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
      };
      const finish = (): void => {
        if (ended) return;
        end();
        resolve(!this.#epoll.closed && ready());
      };
      const finishIfReady = (): void => {
        if (!ended && ready()) finish();
      };
      this.#endWait = finish;
      if (signal?.aborted === true || timeoutMs === 0) {
        setImmediate(finish);
        return;
      }
      if (timeoutMs !== undefined) timer = setTimeout(finish, timeoutMs);
      signal?.addEventListener('abort', finish);
      this.#handle.start(() => {
        if (ended) return;
        try {
          this.#consume();
          finishIfReady();
        } catch (error) {
          end();
          reject(error);
        }
      });
      // Node arms the descriptor in its next poll phase, and arming can swallow the wake-up of a perf ring (perf_poll
      // clears its flag when asked). The immediate runs after that phase: what came until then is seen here.
      setImmediate(finishIfReady);
    });
  }

  /** Ends a wait under way and closes the epoll descriptor. */
  [Symbol.dispose](): void {
    if (this.#epoll.closed) return;
    this.#handle.close();
    this.#epoll[Symbol.dispose]();
    this.#endWait?.();
  }
}
