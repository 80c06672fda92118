/** The tracer proper, with everything that it needs. */
import { Btf, EbpfError } from '@weir/ebpf';
import { assertPrivileges, dropPrivileges, inspectHost, Tracer } from '@weir/tracer';
import type { TracerFactory } from './tracing.js';

export const tracerFactory: TracerFactory = {
  start: (options) => Tracer.start(options),
  resume: (held, position, options) => Tracer.resume(held, position, options),
  startAsync: (options) => Tracer.startAsync(options),
  assertPrivileges,
  dropPrivileges: (options) => {
    try {
      dropPrivileges(options);
      return undefined;
    } catch (error) {
      if (!(error instanceof EbpfError)) throw error;
      return `privileges were not dropped: ${error.message}`;
    }
  },
  inspect: (options) => inspectHost(options),
  parseBtf: (bytes) => Btf.parse(bytes),
};
