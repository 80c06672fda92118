/** Learning that the wall clock was set. Source: timerfd_create(2), fs/timerfd.c. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { createArena } from './arena.js';
import { Clock } from './clock.js';
import { Readiness, type WaitOptions } from './epoll.js';
import { Fd } from './fd.js';
import { syscall, syscallRaw } from './syscalls.js';

const TFD_CLOEXEC = 0x80000;
const TFD_NONBLOCK = 0x800;
const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
/** The timer's moment, seconds since 1970: far away, and no clock is set beyond it (KTIME_MAX is in 2262). */
const NEVER_S = 9_000_000_000n;
const { EAGAIN, ECANCELED, EINTR } = constants.errno;

/**
 * Changes of CLOCK_REALTIME against CLOCK_MONOTONIC that are no drift: the clock was set, or the machine was suspended
 * and resumed (3.0). It is a timer of the wall clock that the kernel cancels then.
 */
export class ClockChanges implements Disposable {
  readonly #timer: Fd;
  readonly #readiness: Readiness;
  readonly #memory = createArena(32);
  /** A change that was noticed and not reported yet. */
  #seen = false;

  /** @throws SyscallError */
  constructor() {
    this.#timer = new Fd(syscall('timerfd_create', Clock.realtime, TFD_CLOEXEC | TFD_NONBLOCK));
    try {
      // struct itimerspec: the interval, then the moment; each in seconds and nanoseconds.
      this.#memory.view.setBigInt64(16, NEVER_S, true);
      const flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
      syscall('timerfd_settime', this.#timer.fd, flags, this.#memory.address, 0);
      this.#readiness = new Readiness(false);
      this.#readiness.add(this.#timer.fd);
    } catch (error) {
      this.#timer[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether there was a change since the last call. @throws SyscallError */
  happened(): boolean {
    const happened = this.#look();
    this.#seen = false;
    return happened;
  }

  /**
   * Resolves to true once {@link happened} would say so, to false at the timeout, at an abort, or upon disposal. Does not keep
   * the process alive.
   */
  wait(options: WaitOptions = {}): Promise<boolean> {
    return this.#readiness.wait(() => this.#look(), options);
  }

  #look(): boolean {
    while (!this.#seen) {
      const result = syscallRaw('read', this.#timer.fd, this.#memory.address, 8);
      if (result === -EAGAIN) return false;
      if (result === -EINTR) continue;
      if (result < 0 && result !== -ECANCELED) throw new SyscallError('read(timerfd)', -result);
      this.#seen = true;
    }
    return true;
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#readiness[Symbol.dispose]();
    this.#timer[Symbol.dispose]();
  }
}
