/** The client of the API. */
import type { Answers, ConnectionAnswer, SqlAnswer } from './api-types.js';
import { noteAnswer } from './missing-hosts.js';
import { ApiProblem, readProblem } from './problem.js';

/** Where the API is. */
export const API = '/api/v1';

/** Parameters of a question. What is undefined or empty is left out. */
export type Parameters = Readonly<Record<string, string | number | undefined>>;

/** How a question is asked. */
export interface AskOptions {
  readonly signal?: AbortSignal;
}

/** Called with each failure, before it is thrown. The page notices here that it needs a token, or that no server answers. */
export const observers: { onAnswer: () => void; onFailure: (error: ApiProblem) => void } = {
  onAnswer: () => {},
  onFailure: () => {},
};

/** The address of a question. */
export function addressOf(path: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return `${API}/${path}${text === '' ? '' : `?${text}`}`;
}

/** Asks. @throws ApiProblem; the signal's reason */
export async function ask<Path extends keyof Answers>(
  path: Path,
  parameters: Parameters,
  options: AskOptions = {},
): Promise<Answers[Path]> {
  return (await send(addressOf(path, parameters), options)) as Answers[Path];
}

/** Asks for one connection, or both ends of it. @throws ApiProblem */
export async function askConnection(id: string, options: AskOptions = {}): Promise<ConnectionAnswer> {
  const path = `connections/${encodeURIComponent(id)}`;
  return (await send(addressOf(path), options)) as ConnectionAnswer;
}

/** Asks in SQL. @throws ApiProblem */
export async function askSql(sql: string, limit: number, options: AskOptions = {}): Promise<SqlAnswer> {
  const body = JSON.stringify({ sql, limit });
  const headers = { 'content-type': 'application/json' };
  return (await send(`${API}/sql`, { ...options, method: 'POST', body, headers })) as SqlAnswer;
}

/** Logs in: the browser keeps the token in a cookie that scripts cannot read. @throws ApiProblem */
export async function logIn(token: string): Promise<void> {
  await send(`${API}/session`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
}

/** Logs out. @throws ApiProblem */
export async function logOut(): Promise<void> {
  await send(`${API}/session`, { method: 'DELETE' });
}

async function send(address: string, init: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(address, { ...init, credentials: 'same-origin' });
    if (!response.ok) throw await readProblem(response);
    const answer = response.status === 204 ? undefined : await response.json();
    observers.onAnswer();
    noteAnswer(answer);
    return answer;
  } catch (error) {
    if (init.signal?.aborted === true) throw init.signal.reason;
    const problem = error instanceof ApiProblem ? error : ApiProblem.noAnswer();
    observers.onFailure(problem);
    throw problem;
  }
}
