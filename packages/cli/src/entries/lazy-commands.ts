/** All commands, each of which is loaded when it runs. */
import type { Commands } from '../commands.js';

export const lazyCommands: Commands = {
  trace: async (...run) => (await import('../trace/run-trace.js')).runTrace(...run),
  top: async (...run) =>
    run[0].at === undefined
      ? (await import('../top/run-top.js')).runTop(...run)
      : (await import('../top/past/run-past.js')).runPast(...run),
  query: async (...run) => (await import('../query/run-query.js')).runQuery(...run),
  serve: async (request, ...run) => (await import('../serve/run-serve.js')).runServe(request, ...run),
  doctor: async (...run) => (await import('../doctor/run-doctor.js')).runDoctor(...run),
  balance: async (...run) => (await import('../balance/run-request.js')).runBalanceRequest(...run),
  completion: async (...run) => (await import('../completion/script.js')).completionScript(...run),
};
