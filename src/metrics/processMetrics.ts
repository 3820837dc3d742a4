import { readdir } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'
import { REDSWARM } from '../contract/metricNames.ts'

/** How often the event loop is looked at. What the system's own delay measures includes this. */
const LAG_RESOLUTION_MS = 10
const NS_PER_SECOND = 1e9

/** What every exporter tells of its process, under the usual names; numbers of several processes add up. */
export function addProcessMetrics(registry: Registry): void {
  const registers = [registry]
  let cpuSeconds = 0
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      const now = (user + system) / 1e6
      this.inc(now - cpuSeconds)
      cpuSeconds = now
    },
  })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes', () => process.memoryUsage.rss())
  gauge('nodejs_heap_size_used_bytes', 'Memory in use on the JavaScript heap', () => heap().heapUsed)
  gauge('nodejs_heap_size_total_bytes', 'Size of the JavaScript heap', () => heap().heapTotal)
  gauge(
    'nodejs_external_memory_bytes',
    'Memory of buffers outside the JavaScript heap',
    () => heap().external,
  )
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start time of the process since unix epoch in seconds',
    registers,
    aggregator: 'min',
  }).set(performance.timeOrigin / 1000)
  const descriptors: Gauge = new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors',
    registers,
    async collect() {
      const open = await openDescriptors()
      if (open !== undefined) this.set(open)
    },
  })
  descriptors.remove() // not 0 where the system does not tell
}

const heap = () => process.memoryUsage()

/** Looking counts itself. */
async function openDescriptors(): Promise<number | undefined> {
  return readdir('/proc/self/fd').then(
    (list) => list.length - 1,
    () => undefined,
  )
}

/** How late this process' timers are: the time for which one piece of work kept all others waiting. */
export function addEventLoopLag(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  delay.enable()
  const seconds = (ns: number) => Math.max(0, ns / NS_PER_SECOND - LAG_RESOLUTION_MS / 1000)
  new Gauge({
    name: REDSWARM.eventLoopLag,
    help: 'How late the event loop was since the last scrape: p50, p99 and max of looks every 10 ms',
    labelNames: ['stat'],
    registers: [registry],
    aggregator: 'max',
    collect() {
      if (delay.count === 0) return // scraped twice within the resolution
      this.set({ stat: 'p50' }, seconds(delay.percentile(50)))
      this.set({ stat: 'p99' }, seconds(delay.percentile(99)))
      this.set({ stat: 'max' }, seconds(delay.max))
      delay.reset()
    },
  })
}
