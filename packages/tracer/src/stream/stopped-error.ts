import { EbpfError } from '@weir/ebpf';

/** What was asked of a tracer that has been stopped, and can no longer do it. One that failed has another error, with its cause. */
export class TracerStoppedError extends EbpfError {
  override name = 'TracerStoppedError';

  /** Says that it was stopped. */
  constructor() {
    super('this tracer was stopped');
  }
}
