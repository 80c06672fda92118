/** The completion scripts, in the shells that they are for. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { completionScript } from '../src/completion/script.js';
import { createProgram } from '../src/program.js';
import { helpOutput } from './support/help-output.js';

const nothing = async () => undefined;
const program = createProgram(
  {
    trace: nothing,
    top: nothing,
    query: nothing,
    serve: nothing,
    balance: nothing,
    doctor: nothing,
    completion: nothing,
  },
  helpOutput(() => undefined),
);
const folder = mkdtempSync(join(tmpdir(), 'weir-completion-'));
after(() => rmSync(folder, { recursive: true }));

function scriptFile(shell: 'bash' | 'zsh' | 'fish'): string {
  const path = join(folder, `weir.${shell}`);
  writeFileSync(path, completionScript(shell, program));
  return path;
}

/** The shell's candidates for the last of the words. */
type Complete = (...words: string[]) => string[];

/** What holds in every shell. */
function common(complete: Complete): void {
  it('completes commands', () => {
    assert.deepEqual(complete('tr'), ['trace']);
    assert.deepEqual(complete('').sort(), [
      'balance',
      'completion',
      'doctor',
      'help',
      'query',
      'serve',
      'top',
      'trace',
    ]);
  });

  it('completes the options of the command at hand', () => {
    assert.deepEqual(complete('trace', '--pe').sort(), ['--peer', '--peer-port']);
    assert.deepEqual(complete('doctor', '--js'), ['--json']);
    assert.deepEqual(complete('doctor', '--pe'), []);
    assert.deepEqual(complete('trace', '-p', '1', '--sum'), ['--summary']);
    const options = program.commands[0]!.createHelp().visibleOptions(program.commands[0]!);
    const offered = complete('trace', '--');
    for (const option of options) assert.ok(offered.includes(option.long!), `${option.long} in ${offered}`);
  });

  it('completes commands of commands, and their options', () => {
    assert.deepEqual(complete('balance', 'sim'), ['simulate']);
    assert.deepEqual(complete('balance', 'check', '--js'), ['--json']);
    assert.deepEqual(complete('balance', 'check', '--pa'), []);
    assert.deepEqual(complete('balance', 'simulate', '--pa'), ['--packet']);
  });

  it('completes operands', () => {
    assert.deepEqual(complete('completion', '').sort(), ['bash', 'fish', 'zsh']);
    assert.deepEqual(complete('help', 'do'), ['doctor']);
    const file = join(folder, 'balance.yaml');
    writeFileSync(file, '');
    // zsh offers the last part of a path.
    for (const offered of complete('balance', 'check', file.slice(0, -3))) assert.ok(file.endsWith(offered));
    assert.equal(complete('balance', 'check', file.slice(0, -3)).length, 1);
  });

  it('completes values', () => {
    assert.deepEqual(complete('trace', '--direction', 'in'), ['inbound']);
    assert.deepEqual(complete('trace', '--color', 'al'), ['always']);
    assert.deepEqual(complete('trace', '-e', 'acc'), ['accept']);
    assert.ok(complete('trace', '--pid', String(process.pid)).includes(String(process.pid)));
    assert.ok(complete('trace', '--uid', userInfo().username).includes(userInfo().username));
  });
}

describe('completion in bash', () => {
  const path = scriptFile('bash');
  const complete: Complete = (...words) => {
    const list = ['weir', ...words].map((word) => `'${word}'`).join(' ');
    const script = `source ${path}; COMP_WORDS=(${list}); COMP_CWORD=${words.length}; compopt() { :; }; _weir; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-u', '-c', script], {
      encoding: 'utf8',
    });
    assert.deepEqual([stderr, status], ['', 0]);
    return stdout.split('\n').filter((line) => line !== '');
  };
  common(complete);

  it('completes lists, files, and --option=value as readline splits it', () => {
    assert.deepEqual(complete('trace', '--event', 'connect,acc'), ['connect,accept']);
    assert.deepEqual(complete('trace', '--direction', '=', 'out'), ['outbound']);
    assert.deepEqual(complete('trace', '--direction', '=').sort(), ['inbound', 'outbound']);
    const spaced = join(folder, 'two words.btf');
    writeFileSync(spaced, '');
    assert.deepEqual(complete('trace', '--btf', join(folder, 'two')), [spaced]);
  });

  it('is registered for the command', () => {
    const registered = execFileSync('bash', ['--norc', '-c', `source ${path}; complete -p weir`], {
      encoding: 'utf8',
    });
    assert.match(registered, /^complete -F _weir weir$/m);
  });
});

describe('completion in zsh', () => {
  const path = scriptFile('zsh');
  // zsh completes only in its line editor, so it gets a terminal of its own. There, compadd, through which all
  // candidates go, notes them in a file, and a widget notes that completion is over.
  const setup = join(folder, 'setup.zsh');
  writeFileSync(
    setup,
    `autoload -Uz compinit; compinit -u -D; source ${path}; unset zle_bracketed_paste
compadd() {
  if [[ -z "\${(M)@:#-[ODA]*}" ]]; then
    local -a found
    builtin compadd -O found "$@"
    (( #found )) && print -l -- $found >> "$MATCHES"
  fi
  builtin compadd "$@"
}
complete-and-report() { zle list-choices; print > "$MATCHES.done" }
zle -N complete-and-report
bindkey '^I' complete-and-report
PS1=
`,
  );
  const harness = join(folder, 'harness.zsh');
  writeFileSync(
    harness,
    `zmodload zsh/zpty
export MATCHES=$1 TERM=vt100
zpty z zsh -f -i
zpty -w z "source ${setup}; print > $MATCHES.ready"
while [[ ! -e $MATCHES.ready ]]; do zpty -r -t z ignored; sleep 0.02; done
zpty -w -n z "$2"$'\\t'
while [[ ! -e $MATCHES.done ]]; do zpty -r -t z ignored; sleep 0.02; done
zpty -d z
[[ ! -e $MATCHES ]] || cat $MATCHES
`,
  );
  let runs = 0;
  const complete: Complete = (...words) => {
    const arguments_ = ['-f', harness, join(folder, `matches-${runs++}`), ['weir', ...words].join(' ')];
    const { stdout, status } = spawnSync('zsh', arguments_, { encoding: 'utf8', timeout: 20_000 });
    assert.equal(status, 0);
    return [...new Set(stdout.split('\n').filter((line) => line !== ''))];
  };
  common(complete);
});

describe('completion in fish', () => {
  const path = scriptFile('fish');
  const complete: Complete = (...words) => {
    const line = ['weir', ...words].join(' ');
    const script = `source ${path}; complete -C '${line}'`;
    const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return stdout.split('\n').flatMap((entry) => (entry === '' ? [] : [entry.split('\t')[0]!]));
  };
  common(complete);

  it('completes lists', () => {
    assert.ok(complete('trace', '--event', 'connect,acc').includes('connect,accept'));
  });
});
