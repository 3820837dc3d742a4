import { compareStreamIds } from '../../contract/streamId.ts'
import { counted, showTime } from '../amounts.ts'
import type { ConsumerFacts, GroupFacts, RedisFacts, StreamFacts } from '../facts.ts'
import { error, type Finding, info as note, ok, redisCli, redswarm, warning } from '../finding.ts'

/** RedswarmConsumerLag and RedswarmTrafficNotSettled begin there too. */
const BEHIND_SECONDS = 300
const FAR_BEHIND_SECONDS = 6 * 3600
/** A consumer that is alive asks again every few seconds. */
const DEAD_SECONDS = 600
const LONG_GONE_SECONDS = 7 * 86_400
const CONSUME = redswarm('traffic', 'consume', '--db', 'URL')

/** Who reads the traffic stream, and how far they are. */
export function checkGroups({ stream }: Pick<RedisFacts, 'stream'>): Finding[] {
  if (!stream?.groups) return []
  if (stream.groups.length === 0) return stream.length > 0 ? [unread(stream)] : []
  return stream.groups.flatMap((group) => {
    const findings = [
      ...skipped(stream, group),
      ...gone(stream, group),
      ...behind(stream, group),
      ...dead(stream, group),
    ]
    return findings.length > 0 ? findings : [fine(group)]
  })
}

function fine({ name, oldestUnsettledSeconds }: GroupFacts): Finding {
  if (oldestUnsettledSeconds === undefined) return ok('group', `the group ${name} has settled everything`)
  return ok('group', `the group ${name} is ${showTime(oldestUnsettledSeconds)} behind`)
}

function unread({ key, length, oldestSeconds }: StreamFacts): Finding {
  return warning(
    'no-group',
    `no group reads ${key}: ${counted(length, 'entry', 'entries')} of up to ${showTime(oldestSeconds)} ago`,
    {
      meaning:
        'Nobody is credited, and the stream grows until memory is full. (A site that reads it without a group is not seen here.)',
      remedy:
        'Settle it into SQL, or create a group for a consumer of your own, at 0 and not at $, which would skip all of it:',
      commands: [redisCli('XGROUP', 'CREATE', key, 'group-pt', '0', 'MKSTREAM')],
    },
  )
}

/** A group that stands behind an entry it has never read was created at `$`. */
function skipped({ key, firstId, length }: StreamFacts, group: GroupFacts): Finding[] {
  const { name, lastDeliveredId, entriesRead, pending } = group
  if (entriesRead !== undefined || pending > 0 || firstId === undefined || length === 0) return []
  if (compareStreamIds(lastDeliveredId, firstId) < 0) return []
  return [
    error(
      'group-skips',
      `the group ${name} has read nothing, and stands at ${lastDeliveredId}: it was created at $`,
      {
        meaning:
          'Every entry up to that one is skipped, and those users are not credited. XINFO shows a lag of 0 all the same.',
        remedy:
          'Set it back to the beginning. A consumer that stores entry IDs with what it credits settles each entry once, whatever was settled before:',
        commands: [redisCli('XGROUP', 'SETID', key, name, '0')],
      },
    ),
  ]
}

/** Entries that left the stream before the group was through with them. */
function gone({ firstId, length, entriesAdded }: StreamFacts, group: GroupFacts): Finding[] {
  const { name, entriesRead, lastDeliveredId, isOldestPendingThere, oldestPendingId } = group
  const findings: Finding[] = []
  const meaning =
    'redswarm traffic consume recovers what it can from the clients’ totals, and counts the rest (redswarm_consumer_lost_entries_total).'
  const remedy =
    'Find what trimmed it: max_len of traffic push, an XTRIM or XDEL by hand, a consumer that trims for itself alone.'
  const missed = entriesAdded - length - (entriesRead ?? entriesAdded)
  if (missed > 0 && firstId !== undefined && compareStreamIds(lastDeliveredId, firstId) < 0)
    findings.push(
      error(
        'group-missed',
        `${counted(missed, 'entry was', 'entries were')} trimmed before the group ${name} had read them`,
        {
          meaning,
          remedy,
        },
      ),
    )
  if (!isOldestPendingThere)
    findings.push(
      error(
        'pending-gone',
        `the group ${name} waits for entry ${oldestPendingId}, which is no longer in the stream`,
        {
          meaning: `It was given to a consumer, and trimmed before that had settled it. ${meaning}`,
          remedy,
        },
      ),
    )
  return findings
}

function behind(stream: StreamFacts, { name, oldestUnsettledSeconds, pending }: GroupFacts): Finding[] {
  if (oldestUnsettledSeconds === undefined || oldestUnsettledSeconds < BEHIND_SECONDS) return []
  const what =
    `the group ${name} is ${showTime(oldestUnsettledSeconds)} behind` +
    `${pending > 0 ? `, with ${counted(pending, 'entry', 'entries')} read and not settled` : ''}`
  const advice = {
    meaning: 'Traffic is safe in the stream, and users see it late. The stream grows meanwhile.',
    remedy:
      `Is a consumer running, and what does its log say? A database that is down or slow shows there. ${stream.perSecond > 0 ? 'Several consumers of one group share the work.' : ''}`.trim(),
    commands: [CONSUME],
  }
  return [
    oldestUnsettledSeconds >= FAR_BEHIND_SECONDS
      ? error('group-behind', what, advice)
      : warning('group-behind', what, advice),
  ]
}

function dead({ key }: StreamFacts, { name, consumers, pending }: GroupFacts): Finding[] {
  const silent = consumers.filter(({ idleSeconds }) => idleSeconds > DEAD_SECONDS)
  const holding = silent.filter((each) => each.pending > 0)
  const findings: Finding[] = []
  const isAnybodyAlive = consumers.some(({ idleSeconds }) => idleSeconds <= DEAD_SECONDS)
  if (holding.length > 0)
    findings.push(
      warning(
        'dead-consumer',
        `${namesOf(holding)} of the group ${name} holds entries and has been silent for ${quietest(holding)}`,
        {
          meaning: `${counted(sumOfPending(holding), 'entry is', 'entries are')} given to it, and to nobody else until somebody claims them.`,
          remedy: isAnybodyAlive
            ? 'redswarm traffic consume claims them by itself within a minute. The consumer that runs does not seem to: a consumer of your own has to call XAUTOCLAIM.'
            : 'Start a consumer: it claims them by itself.',
          commands: [CONSUME],
        },
      ),
    )
  const leftovers = silent.filter((each) => each.pending === 0 && each.idleSeconds > LONG_GONE_SECONDS)
  if (leftovers.length > 0 && pending >= 0)
    findings.push(
      note(
        'old-consumer',
        `${namesOf(leftovers)} of the group ${name} has not been seen for ${quietest(leftovers)}`,
        {
          meaning: 'A name that is left over. It holds nothing.',
          remedy: 'It may go:',
          commands: leftovers.map((each) => redisCli('XGROUP', 'DELCONSUMER', key, name, each.name)),
        },
      ),
    )
  return findings
}

const MOST_NAMES = 3

function namesOf(consumers: readonly ConsumerFacts[]): string {
  const shown = consumers.slice(0, MOST_NAMES).map((each) => each.name)
  const hidden = consumers.length - shown.length
  return `consumer ${shown.join(', ')}${hidden > 0 ? ` and ${hidden} more` : ''}`
}

function quietest(consumers: readonly ConsumerFacts[]): string {
  return showTime(Math.max(...consumers.map(({ idleSeconds }) => idleSeconds)))
}

function sumOfPending(consumers: readonly ConsumerFacts[]): number {
  return consumers.reduce((sum, each) => sum + each.pending, 0)
}
