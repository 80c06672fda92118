/** Parses a configuration file of `weir serve`. */
import { readFileSync } from 'node:fs';
import { type ConfigFormat, type Finding, jsonSchema, parseYaml } from '@weir/config';
import { isLoopback } from '@weir/http/auth';
import { exporterFindings } from './exporter-findings.js';
import { isInClear, peerNameOf } from './peers-schema.js';
import { recordFilterFindings } from './record-filter.js';
import { type ServeConfig, serveSchema } from './serve-schema.js';

const format: ConfigFormat<ServeConfig> = {
  schema: serveSchema,
  check: (_value, config) =>
    config === undefined
      ? []
      : [
          ...recordFilterFindings(config.record.filter, ['record', 'filter']),
          ...listenFindings(config),
          ...tokenFindings(config),
          ...storeFindings(config),
          ...peerFindings(config),
          ...readFindings(config),
          ...exporterFindings(config.exporters),
        ],
};

/**
 * Parses a configuration. An empty text has every default.
 *
 * @param file The text's name in messages.
 * @throws ConfigError with all problems of the text.
 */
export function parseServeConfig(text: string, file = 'config'): ServeConfig {
  return parseYaml(/^\s*(?:#[^\n]*\s*)*$/.test(text) ? '{}' : text, file, format);
}

/** Reads and parses a configuration file. @throws ConfigError; errors of reading the file. */
export function readServeConfig(file: string): ServeConfig {
  return parseServeConfig(readFileSync(file, 'utf8'), file);
}

/** The text of `weir-serve.schema.json`. */
export function serveSchemaText(): string {
  return jsonSchema('weir serve', serveSchema);
}

function tokenFindings({ tokens }: ServeConfig): Finding[] {
  const names = tokens.map(({ name }) => name);
  return names.flatMap((name, index): Finding[] =>
    names.indexOf(name) === index
      ? []
      : [{ path: ['tokens', index, 'name'], message: `tokens: ${name} is there twice` }],
  );
}

function storeFindings({ store }: ServeConfig): Finding[] {
  if (store === undefined || !store.distributed || store.cluster !== undefined) return [];
  return [
    {
      path: ['store', 'distributed'],
      message: 'store.distributed: needs store.cluster, over which rows are spread',
    },
  ];
}

function peerFindings({ peers, insecure }: ServeConfig): Finding[] {
  const names = peers.map(peerNameOf);
  return peers.flatMap((peer, index): Finding[] => {
    const path = ['peers', index];
    const name = names[index]!;
    if (names.indexOf(name) < index)
      return [{ path, message: `peers: ${name} is there twice: give each a name` }];
    if (insecure || !isInClear(peer)) return [];
    return [{ path, message: `peers: ${name} would be asked in the clear: use https, or insecure: true` }];
  });
}

function readFindings({ read, store, exporters, peers }: ServeConfig): Finding[] {
  if (read === undefined) return [];
  const finding = (message: string): Finding => ({ path: ['read'], message });
  const idle = [store !== undefined && 'store', exporters.length > 0 && 'exporters'].find(Boolean);
  return [
    ...(idle ? [finding(`read: nothing is recorded then: leave ${idle} out`)] : []),
    ...(peers.length > 0 ? [finding('read: ClickHouse has the rows of all hosts: leave peers out')] : []),
  ];
}

/** Whether there is a token is only known later: see `requireProtection()`. */
function listenFindings({ listen, tls, insecure }: ServeConfig): Finding[] {
  const places = listen.map(({ host, port }) => `${host} ${port}`);
  return listen.flatMap(({ host, port }, index): Finding[] => {
    const path = ['listen', index];
    if (port !== 0 && places.indexOf(places[index]!) < index)
      return [{ path, message: `listen: ${host} and port ${port} are there twice` }];
    if (isLoopback(host) || insecure || tls !== undefined) return [];
    return [{ path, message: `listen: ${host} is reached from elsewhere: set tls, or insecure: true` }];
  });
}
