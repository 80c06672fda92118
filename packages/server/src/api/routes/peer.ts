/** Questions of other servers of Weir. */

import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import type { PartName } from '../../peers/history-part.js';
import {
  answerBody,
  MAX_QUESTION_BYTES,
  PEER_PATH,
  PEER_PROTOCOL,
  questionBody,
  questionSchemas,
} from '../../peers/peer-protocol.js';
import { fromWire, toWire } from '../../peers/wire-value.js';
import { type Route, route } from '../route.js';
import type { RouteServices } from '../services.js';

/** The route. Only this server's own history answers, whomever this server asks itself: so no question goes round in circles. */
export function peerRoutes({ own }: RouteServices): Route[] {
  return [
    route({
      method: 'post',
      path: PEER_PATH,
      summary:
        'For other servers of Weir, which put answers of several hosts together. It changes with their versions.',
      role: 'read',
      isQuery: true,
      isPeer: true,
      maxBody: MAX_QUESTION_BYTES,
      body: questionBody,
      answer: answerBody,
      handle: async ({ body: { protocol, question, query }, signal }) => {
        if (own === undefined) throw new ProblemError('unavailable', 'this server has no history of its own');
        if (protocol !== PEER_PROTOCOL)
          throw new ProblemError('unavailable', `protocol: this server has version ${PEER_PROTOCOL}`);
        const answer = await own.ask(question, checked(question, query), signal);
        return { protocol: PEER_PROTOCOL, host: own.host ?? own.name, answer: toWire(answer) };
      },
    }),
  ];
}

function checked<Name extends PartName>(name: Name, query: unknown) {
  try {
    return questionSchemas[name].parse(fromWire(query));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    const detail = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
    throw new ProblemError('request', `query: ${detail.slice(0, 300)}`, {}, { cause: error });
  }
}
