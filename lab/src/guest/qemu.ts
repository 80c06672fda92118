/**
 * QEMU 10 from Debian 12's backports, unpacked into the cache with every library it needs and run through its own
 * dynamic linker: nothing of it depends on what the machine has installed.
 *
 * Debian 12's own QEMU 7.2 corrupts guests: about one boot in fourteen of a 6.12 kernel crashes under it.
 */

import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suites } from '../apt.js';
import { run } from '../command.js';
import { withLock } from '../lock.js';
import { cacheFolder } from '../paths.js';
import { type Architecture, type Platform, platforms } from '../platforms.js';

export interface Qemu {
  readonly program: string;
  /** Arguments that come before QEMU's own. */
  readonly prefix: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** As `--version` says it. */
  readonly version: string;
}

export interface Machine {
  readonly architecture: Architecture;
  readonly image: string;
  readonly initramfs: string;
  /** Virtual CPUs. */
  readonly smp: number;
  /** Mebibytes. */
  readonly memory: number;
  /** Added to the kernel's command line. */
  readonly append?: string | undefined;
  /** File for the kernel's console. */
  readonly console: string;
  /** The guest's second serial line, the command's input and output: this process's terminal, or a file. */
  readonly terminal: 'inherit' | { readonly file: string };
}

const omitted = new Set(['debconf', 'dpkg', 'perl-base', 'tar', 'passwd', 'adduser']);
const pending = new Map<Architecture, Promise<Qemu>>();

/** The QEMU of the lab for guests of an architecture, fetched if it is not in the cache. */
export function qemu(architecture: Architecture = 'x64'): Promise<Qemu> {
  let found = pending.get(architecture);
  if (!found) {
    found = provide(platforms[architecture]);
    pending.set(architecture, found);
  }
  return found;
}

async function provide({ architecture, qemu: wanted }: Platform): Promise<Qemu> {
  const folder = join(cacheFolder(), architecture === 'x64' ? 'qemu' : `qemu-${architecture}`);
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return;
    const partial = mkdtempSync(`${folder}-`);
    try {
      const options = { dependencies: true, target: 'bookworm-backports', omit: omitted };
      await suites.bookworm.unpack([wanted.package], partial, options);
      renameSync(partial, folder);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  });
  const libraries = ['lib', 'usr/lib'].map((lib) => join(folder, lib, 'x86_64-linux-gnu'));
  const program = join(folder, 'lib64/ld-linux-x86-64.so.2');
  const loader = existsSync(program) ? program : join(libraries[0]!, 'ld-linux-x86-64.so.2');
  const prefix = ['--library-path', libraries.join(':'), join(folder, 'usr/bin', wanted.program)];
  // Started through the dynamic linker, QEMU cannot find these by its own place.
  const data = ['qemu', 'seabios'].flatMap((name) => ['-L', join(folder, 'usr/share', name)]);
  const env = { ...process.env, QEMU_MODULE_DIR: join(libraries[1]!, 'qemu') };
  const version = (await run(loader, [...prefix, '--version'], { env })).toString().split('\n')[0]!;
  return { program: loader, prefix: [...prefix, ...data], env, version };
}

/** For the kernel's command line. Debian's kernels clear all memory that they allocate, which is slow here. */
const kernelOptions = 'quiet panic=-1 mitigations=off init_on_alloc=0';

/** QEMU's arguments for one guest, without KVM. */
export function machineArguments(machine: Machine): string[] {
  const platform = platforms[machine.architecture];
  const commandLine = `console=${platform.console} ${kernelOptions} ${machine.append ?? ''}`.trim();
  // Control-C goes to the guest.
  const terminal =
    machine.terminal === 'inherit'
      ? 'stdio,id=terminal,signal=off'
      : `file,id=terminal,path=${machine.terminal.file}`;
  return [
    ...platform.qemu.machine,
    ...['-smp', String(machine.smp), '-m', String(machine.memory)],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-kernel', machine.image, '-initrd', machine.initramfs, '-append', commandLine],
    ...['-serial', `file:${machine.console}`, '-chardev', terminal, '-serial', 'chardev:terminal'],
    // Old kernels wait in getrandom() for entropy that nothing else provides.
    ...['-object', 'rng-random,filename=/dev/urandom,id=random', '-device', 'virtio-rng-pci,rng=random'],
  ];
}
