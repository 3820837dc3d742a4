import { Counter, Gauge, Registry } from 'prom-client'
import { REDSWARM } from '../../contract/metricNames.ts'
import { ProcessTotals } from '../../metrics/aggregate.ts'
import { addProcessMetrics } from '../../metrics/processMetrics.ts'
import type { Profiles } from '../../metrics/profiler.ts'
import { addReadiness } from '../../metrics/registry.ts'
import type { WorkerProcess } from './workerProcess.ts'

/** Time to serialize and transfer a large profile. */
const PROFILE_SLACK_MS = 30_000

/** Profiles of the workers: the supervisor itself serves no client. */
export function profilesOfWorkers(serving: ReadonlySet<WorkerProcess>): Profiles {
  return {
    pids: () => [...serving].map(({ pid }) => pid),
    async take(pid, kind, seconds) {
      const worker = [...serving].find((each) => each.pid === pid)
      const result = await worker?.ask(
        { question: 'profile', kind, seconds },
        seconds * 1000 + PROFILE_SLACK_MS,
      )
      return result ?? { status: 'failed', reason: `worker ${pid} does not answer` }
    },
  }
}

/** The supervisor's /metrics: the sum over the workers, their number and restarts. */
export function createWorkerMetrics(
  workers: ReadonlySet<WorkerProcess>,
  servingNow: () => number,
  notReady: () => Promise<string>,
) {
  const totals = new ProcessTotals()
  const own = new Registry()
  const restarts = new Counter({
    name: REDSWARM.workerRestarts,
    help: 'Workers started in place of one that ended',
    registers: [own],
  })
  new Gauge({
    name: REDSWARM.workers,
    help: 'Workers that serve',
    registers: [own],
    collect() {
      this.set(servingNow())
    },
  })
  addReadiness(own, notReady)
  addProcessMetrics(own)
  return {
    async getMetricsAsJSON() {
      await Promise.all(
        [...workers].map(async (worker) => {
          const snapshot = await worker.ask({ question: 'metrics' })
          if (workers.has(worker)) totals.report(worker.pid, snapshot) // else it has been counted out
        }),
      )
      return totals.snapshot(await own.getMetricsAsJSON())
    },
    retire: ({ pid }: WorkerProcess) => totals.retire(pid),
    countRestart: () => restarts.inc(),
  }
}
