/** Requests to the API server of Kubernetes: a list, and a watch. */
import { OptionError } from '@weir/ebpf/errors';
import { httpGet } from '../client/http-get.js';
import { readJson, readLines } from '../client/read-answer.js';

/** How to reach it. */
export interface KubernetesAccess {
  /** `https://host:port` */
  readonly server: string;
  /** A file with a token, which is read for each request: Kubernetes replaces it. Absent: none is sent. */
  readonly tokenFile?: string | undefined;
  /** A PEM file with the authorities that sign its certificate. Absent: those of Node.js. */
  readonly ca?: string | undefined;
}

/** Where a pod has what it needs. */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An answer has to begin within this time. */
const ANSWER_MS = 30_000;
/** A watch that says nothing for this long is dead: the server ends it earlier, and sends bookmarks meanwhile. */
const SILENCE_MS = 360_000;
/** More than any object has. */
const MOST_LINE = 16 * 2 ** 20;
/** More than a page of objects has. */
const MOST_LIST = 256 * 2 ** 20;

/** What a pod is given, for all that the configuration does not say. @throws OptionError outside of a cluster */
export function accessOf(
  config: { readonly server?: string; readonly tokenFile?: string; readonly ca?: string },
  environment: NodeJS.ProcessEnv = process.env,
): KubernetesAccess {
  if (config.server !== undefined) return { ...config, server: config.server };
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (host === undefined || port === undefined)
    throw new OptionError('kubernetes: this is no pod of a cluster: set kubernetes.server');
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    server: `https://${name}:${port}`,
    tokenFile: config.tokenFile ?? `${ACCOUNT}/token`,
    ca: config.ca ?? `${ACCOUNT}/ca.crt`,
  };
}

/** The answer to a path. @throws HttpStatusError, Error of the system or the network */
export async function getJson(access: KubernetesAccess, path: string, signal: AbortSignal): Promise<unknown> {
  return readJson(await get(access, path, signal), MOST_LIST);
}

/** The lines of an answer that goes on. @throws as {@link getJson} does */
export async function* getLines(
  access: KubernetesAccess,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  yield* readLines(await get(access, path, signal), MOST_LINE);
}

function get({ server, tokenFile, ca }: KubernetesAccess, path: string, signal: AbortSignal) {
  const limits = { answerMs: ANSWER_MS, silenceMs: SILENCE_MS };
  return httpGet(new URL(path, server), { signal, tokenFile, ca, ...limits });
}
