/** One start's look for the place where accept() reads, which a process makes once. Prints it, or why there is none. */
import { features } from '@weir/ebpf';
import { probeAcceptBreakpoint } from '../../src/hooks/accept-breakpoint.js';
import { targetTypes } from '../../src/types/target.js';

const { breakpoint, reason } = probeAcceptBreakpoint(targetTypes(undefined).btf, features, false);
const found = breakpoint && {
  pointers: breakpoint.pointers.map((pointer) => pointer.toString(16)),
  place: breakpoint.place.toString(16),
};
process.stdout.write(JSON.stringify(found ?? { reason }));
