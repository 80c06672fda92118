/** Reals from Consul: each question waits until something has changed. */
import { httpGet, readJson } from '@weir/http/client';
import type { SourceConfig } from '../config/source-schema.js';
import { nextIndex, readHealthAnswer } from './consul-health.js';
import { repeatQuestion } from './repeat-question.js';
import type { Source, SourceEvents } from './source.js';

type ConsulConfig = NonNullable<SourceConfig['from']['consul']>;

/** Time for which a question waits for a change. Consul adds a sixteenth of it at random. */
const WAIT_SECONDS = 60;
const ANSWER_MS = (WAIT_SECONDS * 17 * 1000) / 16 + 10_000;
const SILENCE_MS = 10_000 + ANSWER_MS;
const MOST_BYTES = 32 * 2 ** 20;
/** Rest between two questions where things change all the time. */
const REST_MS = 500;

/** Follows the healthy instances of a service. */
export function consulSource(config: ConsulConfig, events: SourceEvents): Source {
  let index = 0;
  return repeatQuestion(events, async (signal) => {
    const { tokenFile, ca } = config;
    try {
      const url = questionFor(config, index);
      const response = await httpGet(url, {
        signal,
        tokenFile,
        ca,
        answerMs: ANSWER_MS,
        silenceMs: SILENCE_MS,
      });
      const reals = readHealthAnswer(await readJson(response, MOST_BYTES));
      const header = response.headers['x-consul-index'];
      index = nextIndex(typeof header === 'string' ? header : undefined, index);
      return { reals, waitMs: REST_MS };
    } catch (error) {
      // What is answered at once shows whether it is back.
      index = 0;
      throw error;
    }
  });
}

/** The address of a question. @param index 0: it is answered at once. */
export function questionFor({ url, service, tag, datacenter }: ConsulConfig, index: number): URL {
  const question = new URL(`/v1/health/service/${encodeURIComponent(service)}`, url);
  const waiting = index === 0 ? {} : { index: String(index), wait: `${WAIT_SECONDS}s` };
  question.search = new URLSearchParams({
    passing: '1',
    ...(tag !== undefined && { tag }),
    ...(datacenter !== undefined && { dc: datacenter }),
    ...waiting,
  }).toString();
  return question;
}
