/** Commands behind a seccomp filter. */
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('./seccomp-launcher.js', import.meta.url));

/** What goes before a command, so that a system call fails. @param rule `bpf=EPERM`. */
export function behindFilter(rule: string): string[] {
  return [process.execPath, launcher, rule];
}
