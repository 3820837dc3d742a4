import { REDSWARM } from '../../src/contract/metricNames.ts'
import type { RowSpec } from './panel.ts'
import { CONSUMERS, each, once, perSecond, quantile, rise } from './promql.ts'

const of = CONSUMERS

export const streamRow: RowSpec = {
  title: 'Traffic stream',
  panels: [
    {
      title: 'Entries',
      description: 'Settled ones that were not trimmed yet among them.',
      unit: 'short',
      queries: { '{{job}}': once(REDSWARM.streamEntries) },
    },
    {
      title: 'Age of the oldest entry',
      description: 'Rises by a second a second: nobody trims, or nobody settles.',
      unit: 's',
      queries: { '{{job}}': once(REDSWARM.streamOldestAge) },
    },
    {
      title: 'Removed by max_len',
      description: 'Since Redis was empty. Entries that nobody had settled may be among them.',
      unit: 'short',
      queries: { '{{job}}': once(REDSWARM.trafficTrimmed) },
    },
    {
      title: 'Dead letters waiting',
      description: 'dlq: to be tried again. failed: given up, until somebody replays or purges them.',
      unit: 'short',
      queries: { '{{queue}} {{job}}': once(REDSWARM.deadLetters, 'queue') },
    },
  ],
}

export const consumerRow: RowSpec = {
  title: 'Consumers',
  panels: [
    {
      title: 'Lag',
      description: 'How old the oldest entry is that waits to be settled; 0 when none does.',
      unit: 's',
      queries: { '{{instance}}': each(REDSWARM.consumerLag, { of }) },
    },
    {
      title: 'Since the last commit',
      description: 'Rises while there is nothing to settle, too: read it together with what waits.',
      unit: 's',
      queries: { '{{instance}}': each(REDSWARM.consumerLastCommitAge, { of }) },
    },
    {
      title: 'Entries that wait',
      description: 'Backlog: delivered to nobody yet. Pending: delivered and not settled.',
      unit: 'short',
      queries: {
        'backlog {{instance}}': each(REDSWARM.consumerBacklog, { of }),
        'pending {{instance}}': each(REDSWARM.consumerPending, { of }),
      },
    },
    {
      title: 'Entries settled',
      description: 'Duplicates were settled before and credit nothing again.',
      kind: 'stacked',
      unit: 'ops',
      queries: {
        'settled {{instance}}': perSecond(REDSWARM.consumerSettled, { by: ['instance'], of }),
        'duplicates {{instance}}': perSecond(REDSWARM.consumerDuplicates, { by: ['instance'], of }),
      },
    },
    {
      title: 'Credited',
      description: 'Bytes a second that users were credited.',
      unit: 'Bps',
      queries: { '{{direction}}': perSecond(REDSWARM.consumerCredited, { by: ['direction'], of }) },
    },
    {
      title: 'Where Redis forgot',
      description:
        'Overlap: claimed twice, credited once. Recovered: lost by Redis, credited all the same. Both are 0 until Redis is restored or fails over.',
      unit: 'bytes',
      queries: {
        'overlap {{direction}}': rise(REDSWARM.consumerOverlaps, { by: ['direction'], of }),
        'recovered {{direction}}': rise(REDSWARM.consumerRecovered, { by: ['direction'], of }),
      },
    },
    {
      title: 'Gaps, losses, dead letters',
      description:
        'Gaps: holes between the claims of a session. Lost: trimmed before they were read. Forgotten: too old to be credited.',
      unit: 'short',
      queries: {
        gaps: rise(REDSWARM.consumerGaps, { by: [], of }),
        'lost entries': rise(REDSWARM.consumerLost, { by: [], of }),
        'forgotten entries': rise(REDSWARM.consumerForgotten, { by: [], of }),
        'dead letters to {{queue}}': rise(REDSWARM.consumerDeadLettered, { by: ['queue'], of }),
      },
    },
    {
      title: 'Retries by cause',
      description: 'A deadlock now and then is normal; redis and database are not.',
      kind: 'stacked',
      unit: 'ops',
      queries: {
        '{{cause}} {{instance}}': perSecond(REDSWARM.consumerRetries, { by: ['cause', 'instance'], of }),
      },
    },
    {
      title: 'Duration of a batch',
      description: 'From reading entries to their acknowledgement; mostly the database.',
      unit: 's',
      queries: {
        p50: quantile(0.5, REDSWARM.consumerBatchDuration, { by: [], of }),
        p99: quantile(0.99, REDSWARM.consumerBatchDuration, { by: [], of }),
      },
    },
    {
      title: 'Risk flags',
      description: 'Raised by rule. `redswarm risk list` has them with their evidence.',
      kind: 'stacked',
      unit: 'short',
      queries: { '{{rule}}': rise(REDSWARM.riskFlags, { by: ['rule'], of }) },
    },
  ],
}
