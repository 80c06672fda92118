/** Commands are fixed when a balancer starts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../src/config/index.js';
import { commandsOf, refuseNewCommands, refuseNewTokens, tokensOf } from '../src/control/commands.js';
import { RequestError } from '../src/control/names.js';

const file = (all: string, own: string) =>
  parseConfig(`interface: eth0
vips:
  - address: 198.51.100.1
    port: 80
    protocol: tcp
    reals: [{address: 10.0.0.1}]
${own}
${all}
`);

const started = commandsOf(file('onChange: [/bin/a, x]', '    onChange: [/bin/b]'));

test('the commands of the start may move and vanish', () => {
  refuseNewCommands(file('', ''), started);
  refuseNewCommands(file('onChange: [/bin/b]', '    onChange: [/bin/a, x]'), started);
});

test('a command that the start did not have, or with other arguments, is refused', () => {
  for (const changed of [
    file('onChange: [/bin/a, y]', ''),
    file('', '    onChange: [/bin/c]'),
    file('onChange: [/bin/a]', ''),
  ]) {
    assert.throws(() => refuseNewCommands(changed, started), RequestError);
  }
  assert.throws(
    () => refuseNewCommands(file('onChange: [/bin/a]', ''), []),
    /commands are fixed then: "weir balance stop/,
  );
});

test('commands of checks are fixed as well', () => {
  const script = (command: string) => file('', `    check: {type: script, command: [${command}]}`);
  assert.deepEqual(commandsOf(script('/bin/a, x')), [['/bin/a', 'x']]);
  refuseNewCommands(script('/bin/a, x'), started);
  assert.throws(
    () => refuseNewCommands(script('/bin/c'), started),
    /^RequestError: \/bin\/c was not in the file/,
  );
});

test('a file with a token is only sent to the server for which the start had it', () => {
  const consul = (url: string, tokenFile: string) =>
    parseConfig(`interface: eth0
vips: [{address: 198.51.100.1, port: 80, protocol: tcp,
  reals: {from: {consul: {service: web, url: "${url}", tokenFile: ${tokenFile}}}}}]`);
  const tokens = tokensOf(consul('http://127.0.0.1:8500', '/etc/token'));
  refuseNewTokens(consul('http://127.0.0.1:8500', '/etc/token'), tokens);
  refuseNewTokens(file('', ''), tokens);
  for (const other of [
    consul('http://192.0.2.9', '/etc/token'),
    consul('http://127.0.0.1:8500', '/etc/shadow'),
  ])
    assert.throws(() => refuseNewTokens(other, tokens), RequestError);
});
