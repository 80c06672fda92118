/** The only access to @weir/tracer, so that commands which do not trace do not load it, and tests can replace it. */
import type { Btf } from '@weir/ebpf';
import type { DropOptions, HostReport, InspectOptions, Tracer, TracerApi, TracerOptions } from '@weir/tracer';

export interface TracerFactory {
  /** Starts to trace. @throws when this host does not allow it. */
  start(options: TracerOptions): TracerApi;
  /** Goes on with the tracer of another process. Absent in tests. */
  readonly resume?: typeof Tracer.resume;
  /** The same, sooner where a CPU is idle. */
  startAsync(options: TracerOptions): Promise<TracerApi>;
  /** @throws EbpfError where this process lacks the privileges for it, whatever the host offers */
  assertPrivileges(): void;
  /**
   * Gives up the capabilities that a running tracer does not need.
   *
   * @param options What else the process needs.
   * @returns why that failed, or undefined.
   */
  dropPrivileges(options?: DropOptions): string | undefined;
  /** Reports what this host offers to the tracer. */
  inspect(options: InspectOptions): HostReport;
  /** @throws FormatError */
  parseBtf(bytes: Uint8Array): Btf;
}

export type TracerLoader = () => Promise<TracerFactory>;
