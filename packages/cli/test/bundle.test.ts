/** What the bundles of commands that must start fast hold. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const cli = new URL('../../', import.meta.url);

/** Modules that a bundle loads before it runs. */
function loaded(name: string): string[] {
  const text = readFileSync(new URL(`dist/bundle/${name}.cjs`, cli), 'utf8');
  return [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map((match) => match[1]!);
}

function node(...args: string[]) {
  return spawnSync(process.execPath, args, { cwd: fileURLToPath(cli), encoding: 'utf8' });
}

describe('the bundle', () => {
  for (const command of ['trace', 'top']) {
    it(`of weir ${command} is one script, and loads only built-in modules that load fast`, () => {
      const names = loaded(`${command}-entry`);
      assert.ok(names.includes('node:fs'), String(names));
      assert.deepEqual(
        names.filter((name) => !name.startsWith('node:')),
        [],
      );
      // Each takes milliseconds, and only rarely is one of them needed.
      const slow = ['crypto', 'http', 'dns', 'dns/promises', 'zlib', 'child_process', 'stream/promises'];
      assert.deepEqual(
        names.filter((name) => slow.includes(name.slice('node:'.length))),
        [],
      );
    });

    it(`of weir ${command} starts without modules that it seldom uses`, () => {
      const script = `process.on('exit', () => {
        const slow = ['fs/promises'].filter((name) => process.moduleLoadList.includes('NativeModule ' + name));
        require('node:fs').writeSync(3, slow.join());
      });
      process.argv.splice(1, 0, 'weir');
      require('./bin/compiled-bundle.js').runBundle('${command}-entry');`;
      const { output, status } = spawnSync(process.execPath, ['--eval', script, '--', command, '--help'], {
        cwd: fileURLToPath(cli),
        encoding: 'utf8',
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      });
      assert.deepEqual({ loaded: output[3], status }, { loaded: '', status: 0 });
    });

    it(`of weir ${command} is ASCII, of which V8 keeps one byte a character`, () => {
      const text = readFileSync(new URL(`dist/bundle/${command}-entry.cjs`, cli), 'utf8');
      assert.deepEqual(text.match(/.{0,20}[\u0080-\uffff].{0,20}/), null);
    });

    it(`of weir ${command} comes with code that V8 takes for its own`, () => {
      const script = `const { compile, compiledCode } = require('./bin/compiled-bundle.js');
        console.log(compile('${command}-entry', compiledCode('${command}-entry')).cachedDataRejected)`;
      const { stdout, stderr } = node('--eval', script);
      const built = readdirSync(new URL('dist/bundle', cli)).filter((file) =>
        file.startsWith(`${command}-entry.v`),
      );
      assert.notEqual(built.length, 0);
      // Where another Node.js built it, this one compiles it.
      const isOwn = built.some((file) => file.startsWith(`${command}-entry.${process.version}-`));
      assert.deepEqual({ stdout, stderr }, { stdout: isOwn ? 'false\n' : 'undefined\n', stderr: '' });
    });

    it(`of weir ${command} runs where V8 refuses that code`, () => {
      // V8 compiles otherwise with other flags.
      const { status, stdout } = node('--stack-size=900', 'bin/weir.js', command, '--help');
      assert.equal(status, 0);
      assert.match(stdout, new RegExp(`^Usage: weir ${command} `));
      assert.equal(stdout, node('bin/weir.js', command, '--help').stdout);
    });
  }

  it('of all commands loads each command when it runs', () => {
    const text = readFileSync(new URL('../bundle/entry-point.js', import.meta.url), 'utf8');
    for (const module of ['run-trace', 'run-top', 'run-query', 'run-serve', 'run-doctor', 'run-request'])
      assert.match(text, new RegExp(`import\\("\\./${module}-`));
  });

  it('of the server runs with flags of its own, and with code that V8 takes for its own', () => {
    const script = `const vm = require('node:vm');
      let refused = 'no script';
      vm.Script = class extends vm.Script {
        constructor(...args) {
          super(...args);
          refused = String(this.cachedDataRejected);
        }
      };
      process.on('exit', () => require('node:fs').writeSync(3, refused));
      process.argv.splice(1, 0, 'weir');
      require('./bin/weir.js');`;
    // Without settings, it ends.
    const { output } = spawnSync(process.execPath, ['--eval', script, '--', 'serve', '--server'], {
      ...{ cwd: fileURLToPath(cli), encoding: 'utf8', stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    });
    const code = `server-entry.${process.version}-${process.arch}.code`;
    const isOwn = readdirSync(new URL('dist/bundle', cli)).includes(code);
    assert.equal(output[3], isOwn ? 'false' : 'undefined');
  });

  it('of weir serve starts a collector without the database, which is only for the server', () => {
    const [name] = readdirSync(new URL('dist/bundle', cli)).filter((file) => /^run-serve-.*\.js$/.test(file));
    const script = `import('./dist/bundle/${name}').then(({ runServe }) => {
      const mapped = require('node:fs').readFileSync('/proc/self/maps', 'latin1');
      console.log(typeof runServe, /duckdb/.test(mapped));
    });`;
    const { stdout, stderr } = node('--eval', script);
    assert.deepEqual({ stdout, stderr }, { stdout: 'function false\n', stderr: '' });
  });
});
