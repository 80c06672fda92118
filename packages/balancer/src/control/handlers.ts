/** The actions of requests on the control socket. */
import { realAt, vipOf } from '../config/convert.js';
import { parseConfig } from '../config/parse.js';
import type { Config } from '../config/schema.js';
import type { Explanation } from '../status.js';
import type { Daemon } from './daemon.js';
import type { FlowLines } from './flow-requests.js';
import { RequestError } from './names.js';
import type { NamedExplanation } from './protocol.js';
import type { Handlers } from './server.js';

function named(config: Config, found: Explanation): NamedExplanation {
  const { service, real, realPort } = found;
  const vip = service && vipOf(config, service);
  const realName = vip && real && realAt(vip, real, realPort)?.name;
  return { ...found, ...(vip && { vip: vip.name }), ...(realName !== undefined && { realName }) };
}

/** Walks through the flow tables at a time: each takes a share of the control plane's CPU. */
const MOST_WALKS = 2;

/**
 * The answers of a daemon to the calls of the control socket.
 *
 * @param stop Ends the balancer; the process ends after the answer.
 */
export function handlersFor(daemon: Daemon, stop: (detach: boolean) => Promise<void>): Handlers {
  let capturing = false;
  let walks = 0;
  async function* walk(begin: () => FlowLines): FlowLines {
    if (walks >= MOST_WALKS)
      throw new RequestError(
        `${MOST_WALKS} requests walk through the flow tables already: wait for the end of one`,
      );
    walks++;
    try {
      yield* begin();
    } finally {
      walks--;
    }
  }
  return {
    status: ({ overMs }) => daemon.status(overMs),
    apply: async ({ file, text }) => await daemon.apply(parseConfig(text, file)),
    drain: ({ vip, real, drained, force }) => daemon.drain(vip, real, drained, force),
    async lookup(flow) {
      const { onSyn, ...found } = daemon.lookup(flow);
      const { config } = daemon;
      return { ...named(config, found), ...(onSyn !== undefined && { onSyn: named(config, onSyn) }) };
    },
    deleteFlow: async (flow) => ({ removed: await daemon.deleteFlow(flow) }),
    flows: (body) => walk(() => daemon.flows(body)),
    purge: (body) => walk(() => daemon.purge(body)),
    async stop({ detach }) {
      await stop(detach);
      return {};
    },
    async *capture(body, signal) {
      if (capturing)
        throw new RequestError(
          'another capture is running, and there can be one at a time: wait for its end',
        );
      capturing = true;
      try {
        return yield* daemon.capture(body, signal);
      } finally {
        capturing = false;
      }
    },
  };
}
