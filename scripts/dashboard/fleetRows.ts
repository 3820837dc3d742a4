import { GC_DURATION, INFOHASHES, LEECHERS, REDSWARM, SEEDERS } from '../../src/contract/metricNames.ts'
import type { RowSpec } from './panel.ts'
import { CONSUMERS, each, once, perSecond, quantile, rise, TRACKERS } from './promql.ts'

const announces = `${REDSWARM.announceDuration}_count`

export const overviewRow: RowSpec = {
  title: 'At a glance',
  panels: [
    {
      title: 'Instances ready',
      description: 'Trackers whose /readyz is 200. Compare with how many you run.',
      kind: 'stat',
      unit: 'short',
      queries: { '{{job}}': `sum by (job) (${each(REDSWARM.ready)})` },
    },
    {
      title: 'Announces a second',
      description: 'HTTP and UDP, refused ones included.',
      kind: 'stat',
      unit: 'reqps',
      queries: { '{{job}}': perSecond(announces, { by: ['job'] }) },
    },
    {
      title: 'Refused',
      description: 'Refusals of any kind for each announce. The texts are below.',
      kind: 'stat',
      unit: 'percentunit',
      warnAt: [0.1, 0.3],
      queries: {
        '{{job}}': `${perSecond(REDSWARM.refusals, { by: ['job'] })} / ${perSecond(announces, { by: ['job'] })}`,
      },
    },
    {
      title: 'Announce, p99',
      description: '99 of 100 announces are answered within this time.',
      kind: 'stat',
      unit: 's',
      warnAt: [0.1, 0.5],
      queries: { '{{job}}': quantile(0.99, REDSWARM.announceDuration, { by: ['job'] }) },
    },
    {
      title: 'Redis memory',
      description: 'Of maxmemory. At 100 % every announce is refused until there is room.',
      kind: 'stat',
      unit: 'percentunit',
      warnAt: [0.8, 0.95],
      queries: { '{{job}}': `${once(REDSWARM.redisUsedMemory)} / (${once(REDSWARM.redisMaxMemory)} > 0)` },
    },
    {
      title: 'Settled behind by',
      description: 'Age of the oldest traffic that no consumer has settled; 0 when nothing waits.',
      kind: 'stat',
      unit: 's',
      warnAt: [300, 3600],
      queries: { '{{job}}': `max by (job) (${each(REDSWARM.consumerLag, { of: CONSUMERS })})` },
    },
    {
      title: 'Seeders',
      description: 'Of the whole fleet, live ones.',
      kind: 'stat',
      unit: 'short',
      queries: { '{{job}}': once(SEEDERS) },
    },
    {
      title: 'Leechers',
      description: 'Of the whole fleet, live ones.',
      kind: 'stat',
      unit: 'short',
      queries: { '{{job}}': once(LEECHERS) },
    },
    {
      title: 'Swarms',
      description: 'Infohashes with a peer.',
      kind: 'stat',
      unit: 'short',
      queries: { '{{job}}': once(INFOHASHES) },
    },
    {
      title: 'Passkeys',
      description: 'Members of the whitelist.',
      kind: 'stat',
      unit: 'short',
      queries: { '{{job}}': once(REDSWARM.passkeys) },
    },
    {
      title: 'Oldest traffic entry',
      description:
        'Age of the first entry of the stream, settled or not: settled ones stay until they are trimmed.',
      kind: 'stat',
      unit: 's',
      queries: { '{{job}}': once(REDSWARM.streamOldestAge) },
    },
    {
      title: 'Dead letters',
      description: 'Entries that could not be settled, and those given up.',
      kind: 'stat',
      unit: 'short',
      warnAt: [1, 1000],
      queries: { '{{queue}} {{job}}': once(REDSWARM.deadLetters, 'queue') },
    },
    {
      title: 'Alerts',
      description: 'Rules of dist/prometheus that fire; docs/monitoring.md says what to do. Empty is good.',
      kind: 'stacked',
      width: 24,
      unit: 'short',
      queries: {
        '{{alertname}} ({{severity}})':
          'count by (alertname, severity) (ALERTS{alertname=~"Redswarm.+", alertstate="firing"})',
      },
    },
  ],
}

export const swarmsRow: RowSpec = {
  title: 'Peers and swarms',
  panels: [
    {
      title: 'Peers',
      description: 'Kept exact by the scripts in Redis, so each instance tells the same; taken once.',
      kind: 'stacked',
      unit: 'short',
      queries: { 'seeders {{job}}': once(SEEDERS), 'leechers {{job}}': once(LEECHERS) },
    },
    {
      title: 'Swarms with a peer',
      description: 'Infohashes.',
      unit: 'short',
      queries: { '{{job}}': once(INFOHASHES) },
    },
    {
      title: 'Searches for silent peers',
      description:
        'Rounds finished, by the instance that held the lease. None for long: counts of idle swarms go stale.',
      kind: 'stacked',
      unit: 'short',
      queries: { '{{instance}}': rise(`${GC_DURATION}_count`, { by: ['instance'] }) },
    },
    {
      title: 'How long a search takes',
      description: 'One round over all swarms that are due.',
      unit: 'ms',
      queries: {
        p50: quantile(0.5, GC_DURATION, { by: [] }),
        p99: quantile(0.99, GC_DURATION, { by: [] }),
      },
    },
  ],
}

export const processRow: RowSpec = {
  title: 'Processes',
  panels: [
    {
      title: 'Ready',
      description: '1 while /readyz is 200.',
      unit: 'short',
      queries: { '{{instance}}': each(REDSWARM.ready) },
    },
    {
      title: 'Event loop lag',
      description:
        'How late work starts because other work is under way: the first sign of a process that is full. Of several workers the worst.',
      unit: 's',
      queries: {
        'p99 {{instance}}': each(REDSWARM.eventLoopLag, { where: 'stat="p99"' }),
        'max {{instance}}': each(REDSWARM.eventLoopLag, { where: 'stat="max"' }),
      },
    },
    {
      title: 'CPU',
      description: 'Cores in use; one tracker process can use a little more than one.',
      unit: 'short',
      queries: { '{{instance}}': perSecond('process_cpu_seconds_total', { by: ['instance'] }) },
    },
    {
      title: 'Memory of trackers',
      description: 'Resident. A tracker keeps nothing between requests: it should be flat.',
      unit: 'bytes',
      queries: { '{{instance}}': each('process_resident_memory_bytes') },
    },
    {
      title: 'Heap of trackers',
      description: 'JavaScript heap in use.',
      unit: 'bytes',
      queries: { '{{instance}}': each('nodejs_heap_size_used_bytes') },
    },
    {
      title: 'Workers',
      description: 'Of instances with `workers` above 1, and how many ended and were replaced.',
      unit: 'short',
      queries: {
        'serve {{instance}}': each(REDSWARM.workers),
        'replaced {{instance}}': rise(REDSWARM.workerRestarts, { by: ['instance'] }),
      },
    },
    {
      title: 'Memory of consumers',
      description: 'Resident. Flat as well, however far behind they are.',
      unit: 'bytes',
      queries: { '{{instance}}': each('process_resident_memory_bytes', { of: CONSUMERS }) },
    },
    {
      title: 'Up for',
      description: 'Time since the process began: a step down is a restart.',
      unit: 's',
      queries: { '{{instance}}': `time() - ${each('process_start_time_seconds', { of: TRACKERS })}` },
    },
  ],
}
