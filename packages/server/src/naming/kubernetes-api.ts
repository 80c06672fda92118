/** Requests to the API server of Kubernetes: a list, and a watch. */
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { json } from 'node:stream/consumers';
import { OptionError } from '@weir/ebpf/errors';

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

/** The answer was no success. */
export class KubernetesError extends Error {
  override name = 'KubernetesError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

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

/** The answer to a path. @throws KubernetesError, Error of the system or the network */
export async function getJson(access: KubernetesAccess, path: string, signal: AbortSignal): Promise<unknown> {
  return json(await get(access, path, signal));
}

/** The lines of an answer that goes on. @throws as {@link getJson} does */
export async function* getLines(
  access: KubernetesAccess,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const response = await get(access, path, signal);
  response.setEncoding('utf8');
  let rest = '';
  for await (const piece of response as AsyncIterable<string>) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    if (rest.length > MOST_LINE) throw new Error('a line of the answer does not end');
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
  }
}

function get(
  { server, tokenFile, ca }: KubernetesAccess,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const url = new URL(path, server);
  const token = tokenFile === undefined ? undefined : readFileSync(tokenFile, 'utf8').trim();
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      headers: {
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      agent: false,
      signal,
      timeout: SILENCE_MS,
      ...(ca !== undefined && { ca: readFileSync(ca) }),
    });
    const deadline = setTimeout(() => sent.destroy(new Error('no answer in 30 s')), ANSWER_MS);
    sent.on('timeout', () => sent.destroy(new Error('the connection is silent')));
    sent.on('error', (error) => {
      clearTimeout(deadline);
      reject(error);
    });
    sent.on('response', (response) => {
      clearTimeout(deadline);
      if (response.statusCode === 200) return resolve(response);
      response.resume();
      const { statusCode = 0 } = response;
      reject(new KubernetesError(statusCode, `${url.pathname} is answered with status ${statusCode}`));
    });
    sent.end();
  });
}
