/** The code of README and of the pages in docs/ebpf, as printed, with the package as npm would publish it, in an empty folder. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { assertRoot } from './support/root.js';

assertRoot();

const packageFolder = fileURLToPath(new URL('../../', import.meta.url));
const modules = join(packageFolder, '../../node_modules');
let folder = '';

const firstSteps = join(packageFolder, '../../docs/ebpf/getting-started.md');
const kindsOfPrograms = join(packageFolder, '../../docs/ebpf/programs.md');

/** A page's blocks of a language. */
function blocks(language: string, page = join(packageFolder, 'README.md')): string[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!);
}

function shell(command: string, cwd = folder): string {
  return execFileSync('sh', ['-ec', command], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Compiles modules of TypeScript as a user does. */
function compile(...files: string[]): void {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const options = '--strict --target es2022 --lib es2023,esnext.disposable --module nodenext --types node';
  const types = `--typeRoots ${join(modules, '@types')}`;
  shell(`${process.execPath} ${join(modules, 'typescript/bin/tsc')} ${options} ${types} ${files.join(' ')}`);
}

/** Runs a script until it prints a line about a program that is started here; returns how it ended at SIGINT. */
async function printsExecutions(script: string): Promise<NodeJS.Signals | number | null> {
  const child = spawn(process.execPath, [script], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  child.stderr.on('data', (chunk) => {
    text += chunk;
  });
  const program = join(folder, 'readme-marker');
  while (!/^readme-marker runs as \d+$/m.test(text) && child.exitCode === null) {
    spawnSync(program);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGINT');
  const [code, signal] = await ended;
  assert.match(text, /^readme-marker runs as \d+$/m);
  return code ?? signal;
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-readme-'));
  const packed = join(folder, 'packed');
  mkdirSync(packed);
  const npm = 'npm --prefix . --no-audit --no-fund --no-update-notifier --ignore-scripts';
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', packed], {
    cwd: packageFolder,
  });
  shell(`${npm} install ./packed/${readdirSync(packed)[0]}`);
  // Debian's compiler has its version in its name.
  const clang = execFileSync('sh', ['-c', 'command -v clang-19'], { encoding: 'utf8' }).trim();
  mkdirSync(join(folder, 'bin'));
  shell(`ln -s ${clang} bin/clang`);
  copyFileSync('/bin/true', join(folder, 'readme-marker'));
  shell('chmod +x readme-marker');
  writeFileSync(join(folder, 'hello.bpf.c'), blocks('c')[0]!);
  for (const commands of blocks('sh')) shell(`PATH=${folder}/bin:$PATH; ${commands}`);
});

after(() => rmSync(folder, { recursive: true, force: true }));

describe("README's code", () => {
  it('compiles and runs as TypeScript', async () => {
    writeFileSync(join(folder, 'main.ts'), blocks('ts')[0]!);
    compile('main.ts', 'hello.ts');
    assert.equal(await printsExecutions('main.js'), 'SIGINT');
  });

  it('runs as JavaScript that requires the package', async () => {
    writeFileSync(join(folder, 'main.cjs'), blocks('js')[0]!);
    assert.equal(await printsExecutions('main.cjs'), 0);
  });
});

describe('the first steps', () => {
  it('compile and run', () => {
    writeFileSync(join(folder, 'counts.bpf.c'), blocks('c', firstSteps)[0]!);
    const commands = blocks('sh', firstSteps).find((text) => text.startsWith('clang'))!;
    shell(`PATH=${folder}/bin:$PATH; ${commands}`);
    writeFileSync(join(folder, 'count.ts'), blocks('ts', firstSteps)[0]!);
    compile('count.ts', 'counts.ts');
    const lines = shell(`${process.execPath} count.js & while kill -0 $!; do true; done 2>&-; wait $!`);
    assert.match(lines, /^\d+: [1-9]\d* system calls$/m);
  });
});

describe('each kind of program', () => {
  /** The C of the page, with an empty program for each that its TypeScript names beside a section. */
  function programs(modules: readonly string[]): string {
    const heads = modules.flatMap((text) => [
      ...text.matchAll(/^.*\bobject\.programs\.(\w+).*\/\/ (SEC\("[^"]+"\))/gm),
    ]);
    const empty = heads.map(([, name, section]) => `${section} int ${name}(void *ctx) { return 0; }`);
    return [
      ...['#include <linux/bpf.h>', '#include <bpf/bpf_helpers.h>'],
      'struct sock;',
      'struct tcp_congestion_ops {',
      '  __u32 (*ssthresh)(struct sock *sk);',
      '  void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);',
      '  __u32 (*undo_cwnd)(struct sock *sk);',
      '  char name[16];',
      '};',
      ...blocks('c', kindsOfPrograms),
      ...empty,
      'char LICENSE[] SEC("license") = "GPL";',
    ].join('\n');
  }

  it('compiles, in C and in TypeScript', () => {
    const modules = blocks('ts', kindsOfPrograms);
    writeFileSync(join(folder, 'kinds.bpf.c'), programs(modules));
    const [compileC] = blocks('sh', firstSteps).filter((text) => text.startsWith('clang'));
    shell(`PATH=${folder}/bin:$PATH; ${compileC!.replaceAll('counts.', 'kinds.')}`);
    // A program that the page does not give a section is none of the module's, and the compiler refuses it.
    const names = modules.map((text, i) => {
      const name = `kind-${i}.ts`;
      const start = "import { load } from './kinds.js';\nconst object = load();\n";
      writeFileSync(join(folder, name), `${start}declare const descriptor: number;\n${text}export {};\n`);
      return name;
    });
    compile('kinds.ts', ...names);
  });
});
