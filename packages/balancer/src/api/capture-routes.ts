/** A capture as an answer that goes on until its client, or a number of packets, ends it. */
import type { ServerResponse } from 'node:http';
import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import { type CaptureBody, lostTrailer, packetsTrailer } from '../control/protocol.js';
import type { Handlers } from '../control/server.js';
import { reasonNames } from '../datapath/reason-texts.js';
import { type BalancerRoute, type RouteInput, StreamedAnswer } from './api-answer.js';

/** A pcapng file has no registered type. */
const PCAPNG = 'application/octet-stream';

const query = z.strictObject({
  every: z
    .int()
    .min(1)
    .max(2 ** 32 - 1)
    .exactOptional()
    .describe('One packet in so many on each CPU.'),
  reasons: z.array(z.enum(reasonNames)).exactOptional().describe('Only packets with these, with commas.'),
  misses: z.boolean().exactOptional().describe('Only packets that find no flow and begin none.'),
  bytes: z.int().min(0).max(256).exactOptional().describe('Bytes of each packet. Default 128.'),
  count: z.int().min(1).exactOptional().describe('Ends after this many packets.'),
});

/** The routes: one that begins a capture, and one that ends it. */
export function captureRoutes(handlers: Handlers): BalancerRoute[] {
  let ending: AbortController | undefined;
  return [
    {
      method: 'get',
      path: '/capture',
      summary:
        'Packets with the reason of each, as a pcapng file, until the client goes away, DELETE ends it, or count is reached. Trailers have the numbers of packets and of lost ones.',
      role: 'apply',
      query,
      isQueryTyped: true,
      answerType: PCAPNG,
      handle: (input) => {
        if (ending !== undefined)
          throw new ProblemError(
            'request',
            'another capture is running, and there can be one at a time: wait for its end',
          );
        return new StreamedAnswer(async (response) => {
          const own = new AbortController();
          ending = own;
          try {
            await sendCapture(handlers, input, own, response);
          } finally {
            ending = undefined;
          }
        });
      },
    },
    {
      method: 'delete',
      path: '/capture',
      summary: 'Ends a capture that goes on over the API: its answer is completed.',
      role: 'apply',
      answer: z.strictObject({ ended: z.boolean().describe('Whether there was one.') }),
      handle: () => {
        const ended = ending !== undefined;
        ending?.abort();
        return { ended };
      },
    },
  ];
}

async function sendCapture(
  { capture }: Handlers,
  { query, signal, mayRead }: RouteInput,
  own: AbortController,
  response: ServerResponse,
): Promise<void> {
  const ended = AbortSignal.any([own.signal, signal]);
  const check = setInterval(() => {
    if (!mayRead()) own.abort();
  }, 1000);
  try {
    const pieces = capture(query as CaptureBody, ended);
    for (;;) {
      const { done, value } = await pieces.next();
      if (done) {
        response.addTrailers({ [packetsTrailer]: String(value.packets), [lostTrailer]: String(value.lost) });
        response.end();
        return;
      }
      if (!response.headersSent)
        response.writeHead(200, {
          'content-type': PCAPNG,
          'cache-control': 'no-store',
          trailer: `${packetsTrailer}, ${lostTrailer}`,
        });
      if (response.write(value) || response.destroyed) continue;
      await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    }
  } finally {
    clearInterval(check);
  }
}
