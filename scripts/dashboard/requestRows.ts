import { HTTP_DURATION, REDSWARM, UDP_DURATION } from '../../src/contract/metricNames.ts'
import type { RowSpec } from './panel.ts'
import { each, once, perSecond, quantile, rise } from './promql.ts'

const INSTANCE_AND_FAMILY = ['instance', 'address_family']
const announces = { by: INSTANCE_AND_FAMILY, where: 'action="announce"' }

export const requestsRow: RowSpec = {
  title: 'Requests',
  panels: [
    {
      title: 'Announces by instance and family',
      description: 'Uneven instances: look at the load balancer. Refused ones included.',
      kind: 'stacked',
      unit: 'reqps',
      width: 12,
      queries: {
        'HTTP {{address_family}} {{instance}}': perSecond(`${HTTP_DURATION}_count`, announces),
        'UDP {{address_family}} {{instance}}': perSecond(`${UDP_DURATION}_count`, announces),
      },
    },
    {
      title: 'Refusals by text',
      description:
        'What clients were told. "unapproved passkey" of deleted users is there on every site; watch for jumps.',
      kind: 'stacked',
      unit: 'reqps',
      width: 12,
      queries: { '{{reason}} ({{frontend}})': perSecond(REDSWARM.refusals, { by: ['frontend', 'reason'] }) },
    },
    {
      title: 'Announce latency',
      description: 'From reading the request to its answer, Redis included, network not.',
      unit: 's',
      queries: latencies(REDSWARM.announceDuration),
    },
    {
      title: 'Announce latency, p99 by instance',
      description: 'One instance above the others: its machine or its way to Redis.',
      unit: 's',
      queries: { '{{instance}}': quantile(0.99, REDSWARM.announceDuration, { by: ['instance'] }) },
    },
    {
      title: 'Announces by latency',
      description: 'Two bands: some go a slower way, for example to the verify endpoint.',
      kind: 'heatmap',
      unit: 's',
      queries: { '{{le}}': rise(`${REDSWARM.announceDuration}_bucket`, { by: ['le'] }) },
    },
    {
      title: 'Scrapes',
      description: 'Requests, each with one or many infohashes.',
      kind: 'stacked',
      unit: 'reqps',
      queries: {
        '{{frontend}} {{instance}}': perSecond(`${REDSWARM.scrapeDuration}_count`, {
          by: ['frontend', 'instance'],
        }),
      },
    },
    {
      title: 'Scrape latency',
      description: 'As for announces.',
      unit: 's',
      queries: latencies(REDSWARM.scrapeDuration),
    },
    {
      title: 'UDP connects and dropped packets',
      description:
        'Dropped ones were not read: max_in_flight were under way, or the receive buffer was full.',
      unit: 'pps',
      queries: {
        'connects {{instance}}': perSecond(`${UDP_DURATION}_count`, {
          by: ['instance'],
          where: 'action="connect"',
        }),
        'dropped {{instance}}': perSecond(REDSWARM.droppedPackets, { by: ['instance'] }),
      },
    },
  ],
}

export const storeRow: RowSpec = {
  title: 'Redis',
  panels: [
    {
      title: 'Script latency',
      description:
        'From sending a call to its reply: the round trip, the queue in Redis and the script itself.',
      unit: 's',
      queries: {
        'p50 {{script}}': quantile(0.5, REDSWARM.storeDuration, { by: ['script'] }),
        'p99 {{script}}': quantile(0.99, REDSWARM.storeDuration, { by: ['script'] }),
      },
    },
    {
      title: 'Script calls',
      description: 'One announce is one call of announce.',
      kind: 'stacked',
      unit: 'ops',
      queries: { '{{script}}': perSecond(`${REDSWARM.storeDuration}_count`, { by: ['script'] }) },
    },
    {
      title: 'Calls under way',
      description: 'At max_in_flight the next ones are refused at once.',
      unit: 'short',
      queries: { '{{instance}}': each(REDSWARM.storeInFlight) },
    },
    {
      title: 'Store failures',
      description:
        'Clients that were told to come back later, since Redis did not answer, refused, or was overloaded.',
      kind: 'stacked',
      unit: 'reqps',
      queries: { '{{instance}}': perSecond(REDSWARM.storeFailures, { by: ['instance'] }) },
    },
    {
      title: 'Script errors by kind',
      description: 'What Redis or the connection said.',
      kind: 'stacked',
      unit: 'ops',
      queries: { '{{kind}}': perSecond(REDSWARM.scriptErrors, { by: ['kind'] }) },
    },
    {
      title: 'Memory of Redis',
      description: 'Used, and the limit where there is one.',
      unit: 'bytes',
      queries: {
        'used {{job}}': once(REDSWARM.redisUsedMemory),
        'maxmemory {{job}}': `${once(REDSWARM.redisMaxMemory)} > 0`,
      },
    },
    {
      title: 'Evictions',
      description: 'noeviction must be 1, and no key may ever go: it could be credit.',
      unit: 'short',
      queries: {
        'noeviction {{job}}': `min by (job) (${each(REDSWARM.redisNoEviction)})`,
        'evicted keys {{job}}': once(REDSWARM.redisEvictedKeys),
      },
    },
    {
      title: 'Whitelist',
      description:
        'Passkeys listed; missing is 1 while the set does not exist and everybody is asked to come back.',
      unit: 'short',
      queries: {
        'passkeys {{job}}': once(REDSWARM.passkeys),
        'missing {{job}}': once(REDSWARM.whitelistMissing),
      },
    },
    {
      title: 'Verdicts on unlisted passkeys',
      description: 'By who decided: the site, its answer of a moment ago, or the bounds on asking it.',
      kind: 'stacked',
      unit: 'reqps',
      queries: {
        '{{result}} ({{source}})': perSecond(REDSWARM.passkeyDecisions, { by: ['source', 'result'] }),
      },
    },
    {
      title: 'Verify endpoint latency',
      description: 'How long the site takes to answer about a passkey.',
      unit: 's',
      queries: {
        p50: quantile(0.5, REDSWARM.verifyDuration, { by: [] }),
        p99: quantile(0.99, REDSWARM.verifyDuration, { by: [] }),
      },
    },
  ],
}

function latencies(histogram: string): Record<string, string> {
  return Object.fromEntries(
    [0.5, 0.9, 0.99, 0.999].map((q) => [
      `p${100 * q} {{frontend}}`,
      quantile(q, histogram, { by: ['frontend'] }),
    ]),
  )
}
