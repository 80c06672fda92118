/** Simulation of a configuration on packets, by the balancer's own program, without a device. */
import { onlineCpus } from '@weir/ebpf/sys';
import { Balancer, type Explanation, type Processed } from '../balancer.js';
import { nextHop, programOptions } from '../config/convert.js';
import type { Config } from '../config/schema.js';
import { type Controlled, Controller } from './controller.js';

/** The result of a packet. */
export interface Simulated extends Explanation, Processed {
  /** The frame before the run; bytes that a capture left out are zeros. */
  readonly given: Uint8Array;
}

/** Stands for a router whose MAC address is unknown. */
export const unknownRouterMac = '00:00:00:00:00:00';

/** Flows that a simulation remembers. */
const rememberedFlows = 65_536;

/** A balancer without a device, all of whose reals are up. Needs Linux 5.10 and root. */
export class Simulator implements Disposable {
  readonly #balancer: Balancer;

  /** @throws the errors of {@link Balancer.open} and {@link Balancer.setServices}. */
  constructor(config: Config) {
    const { routerMac = unknownRouterMac } = nextHop(config.router);
    const { cpus: _, ...options } = programOptions(config);
    const balancer = Balancer.open({ ...options, flows: 1, fallbackFlows: rememberedFlows, routerMac });
    this.#balancer = balancer;
    try {
      // CPUs without a flow table share one, so that a flow is known wherever the next packet runs.
      for (const cpu of onlineCpus()) balancer.dropFlowTable(cpu);
      const services: Controlled['services'] = {
        set: (wanted) => balancer.setServices(wanted.map(({ service, spec }) => [service, spec])),
        remove: (services) => balancer.removeServices(services),
      };
      new Controller({ services, tables: balancer, setRouter: () => undefined }, config);
    } catch (error) {
      balancer[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Runs the program on a packet. Later packets find its flow in the flow table.
   *
   * @param bytes The frame's first bytes, from the Ethernet header on.
   * @param length Bytes of the whole frame; missing ones are zeros.
   * @throws SyscallError
   */
  run(bytes: Uint8Array, length = bytes.length): Simulated {
    const given = new Uint8Array(Math.max(length, MIN_FRAME_BYTES));
    given.set(bytes);
    const explanation = this.#balancer.explain(given);
    return { given, ...explanation, ...this.#balancer.process(given) };
  }

  /** Unloads the programs. */
  [Symbol.dispose](): void {
    this.#balancer[Symbol.dispose]();
  }
}

/** The shortest frame on which the kernel runs programs: an Ethernet header. */
const MIN_FRAME_BYTES = 14;
