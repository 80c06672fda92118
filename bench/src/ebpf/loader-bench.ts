/** The eBPF library beside libbpf and cilium/ebpf: the same object, the same work, in turn. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Measures, parts } from './measures.js';

export interface LoaderResult {
  readonly release: string;
  /** The samples of each library, one a round, and why a part of it could not be measured. */
  readonly libraries: readonly LoaderSamples[];
}

export interface LoaderSamples {
  readonly name: string;
  readonly samples: readonly Measures[];
  readonly failures: readonly string[];
}

/** A library's program, which takes the part as its last argument. */
interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
}

const sources = fileURLToPath(new URL('../../../loader/', import.meta.url));
const converter = fileURLToPath(new URL('../../../../packages/ebpf/bin/weir-bpf2ts.js', import.meta.url));
const goPath = '/usr/share/gocode';
/** A library that waits for records that were read already would wait for good. */
const timeout = 60_000;

/** Compiles the object, and the program of each library that is installed. */
function build(folder: string, onProgress: (text: string) => void): Contestant[] {
  const object = join(folder, 'loader.bpf.o');
  const flags = ['-O2', '-g', '-target', 'bpf', '-mcpu=v2', '-D__TARGET_ARCH_x86'];
  const headers = ['x86_64', 'aarch64'].flatMap((machine) => [
    '-idirafter',
    `/usr/include/${machine}-linux-gnu`,
  ]);
  execFileSync('clang-19', [...flags, ...headers, '-c', join(sources, 'loader.bpf.c'), '-o', object]);
  const generated = join(folder, 'loader.mjs');
  execFileSync(process.execPath, [
    converter,
    object,
    '--runtime',
    import.meta.resolve('@weir/ebpf'),
    '-o',
    generated,
  ]);
  const program = fileURLToPath(new URL('weir-loader.js', import.meta.url));
  const contestants: Contestant[] = [
    { name: 'Weir', command: [process.execPath, program, object, generated] },
  ];
  const add = (name: string, needs: string, present: boolean, compile: (output: string) => void) => {
    if (!present) return onProgress(`${name} is left out: apt install ${needs}`);
    const output = join(folder, name.replace('/', '-'));
    compile(output);
    contestants.push({ name, command: [output, object] });
  };
  add('libbpf', 'gcc libbpf-dev', existsSync('/usr/include/bpf/libbpf.h'), (output) =>
    execFileSync('gcc', ['-O2', '-o', output, join(sources, 'libbpf.c'), '-lbpf']),
  );
  const go = existsSync(join(goPath, 'src/github.com/cilium/ebpf'));
  add('cilium/ebpf', 'golang-go golang-github-cilium-ebpf-dev', go, (output) => {
    // Go takes what Debian has installed.
    const env = {
      ...process.env,
      GO111MODULE: 'off',
      GOPATH: goPath,
      GOFLAGS: '',
      GOCACHE: join(folder, 'go'),
    };
    execFileSync('go', ['build', '-o', output, join(sources, 'cilium.go')], { env });
  });
  return contestants;
}

/** The line of a program's complaints that says why; without the time before it. */
function reason(text: string): string {
  const lines = text.trim().split('\n');
  const line = lines.find((each) => /^\w*Error\b/.test(each)) ?? lines.at(-1)!;
  return line.replace(/^[\d/]+ [\d:]+ /, '');
}

/** Needs root, and clang-19. @param rounds Each measures every library once, in turn in this order and in the opposite one. */
export function benchLoaders(rounds: number, onProgress: (text: string) => void): LoaderResult {
  const folder = mkdtempSync(join(tmpdir(), 'weir-loader-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{}');
    const contestants = build(folder, onProgress);
    const libraries = contestants.map(({ name, command }) => ({
      ...{ name, command, samples: [] as Measures[], failures: new Set<string>() },
    }));
    for (let round = 0; round < rounds; round++) {
      for (const library of round % 2 === 0 ? libraries : libraries.toReversed()) {
        let sample: Measures = {};
        for (const part of parts) {
          const [program = '', ...args] = library.command;
          const run = spawnSync(program, [...args, part], { encoding: 'utf8', timeout });
          if (run.status === 0) sample = { ...sample, ...(JSON.parse(run.stdout) as Measures) };
          else library.failures.add(`${part}: ${run.error?.message ?? reason(run.stderr)}`);
        }
        library.samples.push(sample);
        onProgress(`${library.name} ${JSON.stringify(sample)}`);
      }
    }
    return {
      release: release(),
      libraries: libraries.map(({ name, samples, failures }) => ({ name, samples, failures: [...failures] })),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
