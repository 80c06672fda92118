/** Asks agents on reals. */
import { OptionError } from '@weir/ebpf';
import { within } from '../limits.js';
import { realKey, type Service, serviceName } from '../service.js';
import { type AgentState, afterAgentAnswer, silentAgent } from './agent-answer.js';
import { connectTo, deadline } from './probe-connection.js';
import type { Schedule } from './schedule.js';

/** An agent on each real of a service. */
export interface AgentCheck {
  /** 1 to 65535. */
  readonly port: number;
  /** Time from one question to the next, milliseconds; 10 or more. Default 2000. */
  readonly interval?: number;
  /** Time within which the agent must answer, milliseconds; 1 to the interval. Default: the interval. */
  readonly timeout?: number;
  /** What is sent to it, with a line break behind. Default: nothing. */
  readonly send?: string;
}

/** An agent and its question, complete. */
export interface AgentTarget {
  readonly address: string;
  readonly port: number;
  readonly interval: number;
  readonly timeout: number;
  readonly send: string;
}

/** Asks once, for a line; undefined where there is no answer. */
export type AskAgent = (target: AgentTarget) => Promise<string | undefined>;

/** Fills in defaults. @throws OptionError */
export function agentTarget(
  address: string,
  { port, interval = 2000, timeout, send }: AgentCheck,
): AgentTarget {
  within('agent.interval', interval, 10, 2 ** 31 - 1);
  if (send !== undefined && !/^[ -~]{0,256}$/.test(send))
    throw new OptionError('agent.send: expected printable ASCII');
  return {
    address,
    port: within('agent.port', port, 1, 65_535),
    interval,
    timeout: within('agent.timeout', timeout ?? interval, 1, interval),
    send: send === undefined ? '' : `${send}\n`,
  };
}

const MOST_BYTES = 1024;

/** Over the network. */
export const askAgent: AskAgent = ({ address, port, timeout, send }) =>
  new Promise((resolve) => {
    const socket = connectTo({ host: address, port, mark: undefined });
    let text = '';
    const end = (line: string | undefined) => {
      cancel();
      resolve(line);
      socket.destroy();
    };
    const cancel = deadline(timeout, () => end(undefined));
    socket.on('connect', () => socket.write(send));
    socket.on('error', () => end(undefined));
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      const at = text.indexOf('\n');
      if (at >= 0) end(text.slice(0, at));
      else if (text.length > MOST_BYTES) end(undefined);
    });
    socket.on('end', () => end(text === '' ? undefined : text));
  });

/** An agent that several services share. */
interface SharedAgent {
  state: AgentState;
  readonly users: Set<string>;
  readonly stop: () => void;
}

/** What {@link AgentChecks} are made of. */
export interface AgentChecksOptions {
  readonly schedule: Schedule;
  readonly ask?: AskAgent;
  /** An agent of a service's real says something else than before. */
  onChange(service: string): void;
}

/** Asks the agents of services. An agent that does not answer changes nothing, as its real's health checks say whether it lives. */
export class AgentChecks implements Disposable {
  readonly #options: AgentChecksOptions;
  readonly #agents = new Map<string, SharedAgent>();
  /** Keys of agents by service and real. */
  readonly #services = new Map<string, ReadonlyMap<string, string>>();

  constructor(options: AgentChecksOptions) {
    this.#options = options;
  }

  /** Asks the agents of these reals of a service from now on. */
  set(
    service: Service,
    reals: readonly { readonly address: string; readonly port?: number }[],
    check: AgentCheck | undefined,
  ): void {
    const name = serviceName(service);
    const before = new Set(this.#services.get(name)?.values());
    const keys = new Map<string, string>();
    for (const real of check === undefined ? [] : reals) {
      const target = agentTarget(real.address, check!);
      const key = JSON.stringify(target);
      this.#share(key, target).users.add(name);
      keys.set(realKey(real), key);
    }
    if (check === undefined) this.#services.delete(name);
    else this.#services.set(name, keys);
    const kept = new Set(keys.values());
    for (const key of before) if (!kept.has(key)) this.#leave(key, name);
  }

  /** What is known of a service's real. */
  state(service: Service, real: { readonly address: string; readonly port?: number }): AgentState {
    if (this.#services.size === 0) return silentAgent;
    const key = this.#services.get(serviceName(service))?.get(realKey(real));
    return (key === undefined ? undefined : this.#agents.get(key)?.state) ?? silentAgent;
  }

  [Symbol.dispose](): void {
    for (const { stop } of this.#agents.values()) stop();
    this.#agents.clear();
  }

  #share(key: string, target: AgentTarget): SharedAgent {
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const stop = this.#options.schedule.add(target.interval, () => this.#ask(key, target));
    const agent: SharedAgent = { state: silentAgent, users: new Set(), stop };
    this.#agents.set(key, agent);
    return agent;
  }

  #leave(key: string, name: string): void {
    const agent = this.#agents.get(key);
    agent?.users.delete(name);
    if (agent === undefined || agent.users.size > 0) return;
    agent.stop();
    this.#agents.delete(key);
  }

  async #ask(key: string, target: AgentTarget): Promise<void> {
    const line = await (this.#options.ask ?? askAgent)(target);
    const agent = this.#agents.get(key);
    if (line === undefined || agent === undefined) return;
    const before = agent.state;
    const state = afterAgentAnswer(before, line);
    if (state === undefined) return;
    agent.state = state;
    const isSame =
      state.isDown === before.isDown && state.isDrained === before.isDrained && state.share === before.share;
    if (!isSame) for (const user of agent.users) this.#options.onChange(user);
  }
}
