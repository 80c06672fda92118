/** The packages as npm would publish them, installed in an empty folder far from the checkout. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../..', import.meta.url));
let folder = '';
/** Paths of the tarballs by the package's folder. */
const tarballs = new Map<string, string>();

/** npm for a folder and nothing above it: without a prefix it would look for a package.json there. */
function npm(prefix: string, ...args: string[]): string {
  const options = ['--prefix', prefix, '--no-audit', '--no-fund', '--no-update-notifier'];
  return execFileSync('npm', [...args, ...options], { cwd: prefix, encoding: 'utf8', stdio: 'pipe' });
}

/** A new folder with the packages in it. No install script runs, so nothing is compiled. */
function install(name: string, ...options: string[]): string {
  const prefix = join(folder, name);
  mkdirSync(prefix);
  npm(prefix, 'install', '--ignore-scripts', '--prefer-offline', ...options, ...tarballs.values());
  return prefix;
}

function weir(prefix: string, ...args: string[]) {
  // No path to compilers and the like: Node.js alone must do.
  const env = { PATH: join(process.execPath, '..'), HOME: prefix };
  return spawnSync('node_modules/.bin/weir', args, { cwd: prefix, env, encoding: 'utf8' });
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-package-'));
  const names = ['ebpf', 'config', 'http', 'tracer', 'balancer', 'history', 'server', 'web', 'cli'];
  const chosen = names.flatMap((name) => ['-w', `packages/${name}`]);
  const target = join(folder, 'packed');
  mkdirSync(target);
  npm(join(packages, '..'), 'pack', ...chosen, '--pack-destination', target);
  for (const file of readdirSync(target)) {
    const name = /^weir-(\w+)-\d/.exec(file)?.[1];
    assert.ok(name !== undefined && names.includes(name), file);
    tarballs.set(name, join(target, file));
  }
  assert.equal(tarballs.size, names.length);
});

after(() => rmSync(folder, { recursive: true, force: true }));

describe('the packages for npm', () => {
  for (const [name, needed] of [
    [
      'ebpf',
      [
        'dist/src/index.js',
        'dist/src/index.d.ts',
        'dist/cjs/index.cjs',
        'dist/src/sys/index.js',
        'dist/src/address/index.js',
        'README.md',
        'LICENSE',
      ],
    ],
    ['config', ['dist/src/index.js', 'dist/src/index.d.ts', 'README.md', 'LICENSE']],
    ['http', ['dist/src/client/index.js', 'dist/src/kubernetes/index.js', 'README.md', 'LICENSE']],
    ['tracer', ['dist/src/index.js', 'dist/src/index.d.ts', 'bpf/tcp.bpf.o', 'README.md', 'LICENSE']],
    ['balancer', ['dist/src/index.js', 'bpf/balancer.bpf.o', 'weir-balance.schema.json', 'README.md']],
    ['history', ['dist/src/index.js', 'dist/src/query/index.js', 'README.md', 'LICENSE']],
    ['server', ['dist/src/serve/index.js', 'weir-serve.schema.json', 'README.md', 'LICENSE']],
    ['web', ['dist/page/index.html', 'dist/page/licenses.txt', 'README.md', 'LICENSE']],
    ['cli', ['dist/bundle/entry-point.js', 'bin/weir.js', 'README.md', 'LICENSE']],
  ] as const) {
    it(`of ${name} hold what is needed, and no tests`, () => {
      const list = execFileSync('tar', ['-tzf', tarballs.get(name)!], { encoding: 'utf8' });
      const files = list.trimEnd().split('\n');
      for (const path of needed) assert.ok(files.includes(`package/${path}`), `${path} is missing:\n${list}`);
      const unwanted = files.filter((path) =>
        /(^|\/)(test|node_modules)\/|\.tsbuildinfo$|\.test\./.test(path),
      );
      assert.deepEqual(unwanted, []);
    });
  }
});

describe('the packages installed elsewhere', () => {
  let prefix = '';
  before(() => {
    prefix = install('app');
  });

  it('bring few packages, none of them for development', () => {
    const installed = readdirSync(join(prefix, 'node_modules')).filter((name) => !name.startsWith('.'));
    const history = [
      '@clickhouse',
      '@duckdb',
      'bare-events',
      'detect-libc',
      'tar-stream',
      'b4a',
      'fast-fifo',
      'streamx',
      'text-decoder',
      'events-universal',
    ];
    const others = [
      ...history,
      '@hono',
      '@koromix',
      '@opentelemetry',
      'commander',
      'hono',
      'ipaddr.js',
      'koffi',
      'mmdb-lib',
      'nanotar',
      'xz-decompress',
      'yaml',
      'zod',
    ];
    assert.deepEqual(installed.sort(), [...others, '@weir'].sort());
    assert.deepEqual(readdirSync(join(prefix, 'node_modules/@weir')).sort(), [
      ...['balancer', 'cli', 'config', 'ebpf', 'history', 'http', 'server', 'tracer', 'web'],
    ]);
  });

  it('run weir --help and --version', () => {
    assert.match(weir(prefix, '--help').stdout, /^Usage: weir /);
    assert.match(weir(prefix, '--version').stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('run weir trace where weir doctor says so, and end it in one line elsewhere', () => {
    const doctor = weir(prefix, 'doctor', '--json');
    assert.equal(doctor.stderr, '');
    const { ok } = JSON.parse(doctor.stdout) as { ok: boolean };
    assert.equal(doctor.status, ok ? 0 : 1);
    if (process.getuid?.() === 0) assert.ok(ok, doctor.stdout);
    const trace = weir(prefix, 'trace', '--json', '--duration', '1s', '--pid', String(process.pid));
    assert.equal(trace.status, ok ? 0 : 1, trace.stderr);
    assert.match(trace.stderr, ok ? /^weir: \d+ events? in .*\n$/ : /^weir: .*\n$/);
  });
});

describe('installed without optional dependencies, where koffi has its native part', () => {
  let prefix = '';
  before(() => {
    prefix = install('bare', '--omit=optional');
  });

  for (const command of ['trace', 'doctor']) {
    it(`weir ${command} says in one line what is missing`, () => {
      const { status, stdout, stderr } = weir(prefix, command);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /^weir: .*koffi.*\n$/);
      assert.match(stderr, /optional/);
    });
  }
});
