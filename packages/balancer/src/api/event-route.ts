/** What happens to the balancer, as server-sent events. */
import type { ServerResponse } from 'node:http';
import { ProblemError } from '@weir/http/api';
import type { EventFeed } from '../control/event-feed.js';
import { type BalancerRoute, type RouteInput, StreamedAnswer } from './api-answer.js';

const MOST_CLIENTS = 16;
/** What waits for a client that reads slowly, bytes. */
const MOST_WAITING = 256 * 1024;
const HEARTBEAT_MS = 15_000;

/** The route. */
export function eventRoute(feed: EventFeed): BalancerRoute {
  return {
    method: 'get',
    path: '/events',
    summary:
      'What happens from now on, as server-sent events: message, real, vip, drain, applied, and dropped with the number that this client lost. The data is JSON with the time.',
    role: 'read',
    answerType: 'text/event-stream',
    handle: (input) => {
      if (feed.watchers >= MOST_CLIENTS)
        throw new ProblemError('busy', `${MOST_CLIENTS} clients read events already`, { retryAfter: 10 });
      return new StreamedAnswer((response) => sendEvents(feed, input, response));
    },
  };
}

async function sendEvents(
  feed: EventFeed,
  { signal, mayRead }: RouteInput,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  let dropped = 0;
  const send = (text: string): void => {
    if (!mayRead()) response.end();
    else if (!response.writableEnded) response.write(text);
  };
  send(': \n\n');
  const unwatch = feed.watch(({ event, time, data }) => {
    if (response.writableLength > MOST_WAITING) {
      dropped++;
      return;
    }
    if (dropped > 0) send(eventText('dropped', { time, events: dropped }));
    dropped = 0;
    send(eventText(event, { time, ...data }));
  });
  const heartbeat = setInterval(() => {
    if (response.writableLength === 0) send(': \n\n');
  }, HEARTBEAT_MS);
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
  clearInterval(heartbeat);
  unwatch();
  response.end();
}

function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
