/** Messages to the service manager, as sd_notify(3) describes them: ready, status, watchdog. */
import { monotonicNs, sendUnixDatagram } from '@weir/ebpf/sys';

/** What the service manager puts into a service's environment. */
export type ServiceEnvironment = Readonly<Record<string, string | undefined>>;

/** What the collector leaves with the service manager for the next one. */
export const STORED_NAME = 'weir-handover';

const MAX_STATUS_LENGTH = 500;

/** Sends messages, where a service manager wants them; else does nothing. */
export class ServiceNotifier implements Disposable {
  readonly #socket: string | undefined;
  readonly #onProblem: (message: string) => void;
  #watchdog: NodeJS.Timeout | undefined;
  #hasFailed = false;

  /** Makes a notifier. @param onProblem Reports, once, that the service manager cannot be reached. */
  constructor(environment: ServiceEnvironment, onProblem: (message: string) => void) {
    const { NOTIFY_SOCKET: socket } = environment;
    // Other kinds of sockets, such as vsock:…, are for virtual machines.
    this.#socket = socket !== undefined && /^[/@]/.test(socket) ? socket : undefined;
    this.#onProblem = onProblem;
  }

  /** The service answers, at the start or after a reload. */
  ready(status: string): void {
    this.#send(['READY=1', `STATUS=${oneLine(status)}`]);
  }

  /** One line that `systemctl status` shows. */
  status(text: string): void {
    this.#send([`STATUS=${oneLine(text)}`]);
  }

  /** A reload begins; {@link ready} ends it. */
  reloading(): void {
    this.#send(['RELOADING=1', `MONOTONIC_USEC=${monotonicNs() / 1000n}`]);
  }

  /**
   * The next process of this service gets a duplicate of a descriptor, should this one be killed.
   *
   * @param fd Undefined: of none any more.
   */
  store(fd: number | undefined): void {
    const name = `FDNAME=${STORED_NAME}`;
    if (fd === undefined) this.#send(['FDSTOREREMOVE=1', name]);
    // Without FDPOLL, a socket whose other end is closed would be removed at once.
    else this.#send(['FDSTORE=1', 'FDPOLL=0', name], [fd]);
  }

  /** The service ends. */
  stopping(): void {
    this.#send(['STOPPING=1']);
  }

  /**
   * Reports that the service works, twice in the time after which it would be killed, for as long as it does.
   *
   * @param isHealthy Asked before each report.
   */
  startWatchdog(environment: ServiceEnvironment, isHealthy: () => boolean): void {
    const intervalMs = watchdogIntervalMs(environment, process.pid);
    if (intervalMs === undefined || this.#socket === undefined) return;
    const report = () => {
      if (isHealthy()) this.#send(['WATCHDOG=1']);
    };
    report();
    this.#watchdog = setInterval(report, intervalMs);
    this.#watchdog.unref();
  }

  #send(lines: readonly string[], descriptors?: readonly number[]): void {
    if (this.#socket === undefined) return;
    try {
      sendUnixDatagram(this.#socket, Buffer.from(lines.join('\n')), descriptors);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed)
        this.#onProblem(`the service manager cannot be reached: ${(error as Error).message}`);
      this.#hasFailed = true;
    }
  }

  /** Stops the watchdog's reports. */
  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
  }
}

/** Half of the time that the watchdog waits, milliseconds; undefined where none watches this process. */
export function watchdogIntervalMs(environment: ServiceEnvironment, pid: number): number | undefined {
  const { WATCHDOG_USEC: time = '', WATCHDOG_PID: watched } = environment;
  if (!/^[1-9]\d{0,14}$/.test(time) || (watched !== undefined && watched !== String(pid))) return undefined;
  // A timer of Node.js takes 2^31 - 1 milliseconds at most.
  return Math.min(2 ** 31 - 1, Math.max(1, Math.floor(Number(time) / 2000)));
}

/** A line break would begin another message. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be sent.
  return text.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, MAX_STATUS_LENGTH);
}
