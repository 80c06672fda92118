/** The histories that a server answers from, put together: its own, and those of other hosts. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { HistoryStore } from '@weir/history';
import { nameValue } from '@weir/history/rows';
import type { ApiHistory } from '../api/history.js';
import { storedHistory } from '../api/stored-history.js';
import { type PeerConfig, parsePeerUrl, peerNameOf } from '../config/peers-schema.js';
import { type Environment, readClientTls } from '../exporters/client-tls.js';
import { type HistoryPart, PeerError } from '../peers/history-part.js';
import { localPart } from '../peers/local-part.js';
import { mergedHistory } from '../peers/merged-history.js';
import { type Peer, RemotePart } from '../peers/remote-part.js';

/** The variable with the token of hosts that have none of their own in the configuration. */
export const PEERS_TOKEN = 'WEIR_PEERS_TOKEN';

/** What a server answers from. Disposing closes connections to other hosts. */
export interface AnsweringHistories extends Disposable {
  /** The history of all hosts. */
  readonly history: ApiHistory;
  /** This host's. */
  readonly own: HistoryPart;
  readonly peers: readonly RemotePart[];
}

/** Puts them together; nobody is asked yet. @throws OptionError for files that cannot be used */
export function answeringHistories(
  store: HistoryStore,
  configs: readonly PeerConfig[],
  environment: Environment = process.env,
): AnsweringHistories {
  const stored = storedHistory(store);
  const own = localPart(store, nameValue(hostname()));
  const peers = configs.map((config) => new RemotePart(peerOf(config, environment)));
  return {
    history: peers.length === 0 ? stored : mergedHistory(stored, [own, ...peers]),
    ...{ own, peers },
    [Symbol.dispose]() {
      for (const peer of peers) peer[Symbol.dispose]();
    },
  };
}

function peerOf(config: PeerConfig, environment: Environment): Peer {
  const { url, token, ca: caFile, timeout } = config;
  const { ca } = readClientTls(caFile === undefined ? {} : { ca: caFile });
  return {
    name: peerNameOf(config),
    url: parsePeerUrl(url),
    token: () => tokenOf(token ?? { env: PEERS_TOKEN }, environment),
    timeoutMs: timeout,
    ...(ca !== undefined && { ca }),
  };
}

function tokenOf(source: NonNullable<PeerConfig['token']>, environment: Environment): string | undefined {
  const text = 'file' in source ? readToken(source.file) : environment[source.env];
  return text === undefined || text === '' ? undefined : text;
}

/** @throws PeerError, which is shown to all who ask: without the path */
function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PeerError('refused', `the file with its token cannot be read (${code})`, { cause: error });
  }
}
