import { counted, showBytes, showCount, showTime } from '../amounts.ts'
import type { GroupFacts, RedisFacts, StreamFacts } from '../facts.ts'
import { error, type Finding, info as note, ok, redisCli, redswarm, warning } from '../finding.ts'

const ENTRY_BYTES = 260
/** Too few entries say nothing about the size of one. */
const ENOUGH_ENTRIES = 1_000
const SHORT_RESERVE_SECONDS = 12 * 3600
/** What comes in within less is a burst, and says little about a day. */
const BURST_SECONDS = 60
const SECONDS_A_DAY = 86_400
/** What everybody has finished is trimmed by a consumer within moments; after this long nobody does. */
const FORGOTTEN_SECONDS = 48 * 3600

/** The traffic stream as a whole: its length, its room, and what was lost of it. */
export function checkStream({
  stream,
  info,
  config,
}: Pick<RedisFacts, 'stream' | 'info' | 'config'>): Finding[] {
  if (!config.trafficPush)
    return [
      note('stream', 'the hook traffic push is off', {
        meaning: 'Nobody is credited: announces leave no events.',
        remedy: 'Add it to prehooks, unless that is what you want.',
      }),
    ]
  if (!stream)
    return [
      note('stream', 'there is no traffic stream yet: no announce has been served, or nobody may read it'),
    ]
  return [...growth(stream, info), ...lost(stream), ...untrimmed(stream)]
}

function growth(stream: StreamFacts, info: ReadonlyMap<string, string> | undefined): Finding[] {
  const { length, perSecond, oldestSeconds, bytes } = stream
  const isSized = bytes !== undefined && length >= ENOUGH_ENTRIES
  const entryBytes = isSized ? bytes / length : ENTRY_BYTES
  const perDay = perSecond * SECONDS_A_DAY * entryBytes
  const what =
    `${stream.key}: ${counted(length, 'entry', 'entries')}` +
    `${length > 0 ? `, the oldest ${showTime(oldestSeconds)} old` : ''}: ` +
    `${perSecond > 0 ? `${perSecond.toFixed(1)} a second, ${showBytes(perDay)} a day` : 'none comes in at present'}`
  const reserve = reserveSeconds(info, perSecond * entryBytes)
  if (reserve === undefined) return [ok('stream', what)]
  const full = `without trimming, memory is full in ${showTime(reserve)} at the present rate`
  const findings = [ok('stream', what)]
  const isRead = (stream.groups?.length ?? 1) > 0
  if (oldestSeconds < BURST_SECONDS) return findings
  if (reserve > SHORT_RESERVE_SECONDS && (isRead || reserve > 7 * SECONDS_A_DAY))
    return [...findings, ok('stream-reserve', full)]
  const advice = {
    meaning: isRead
      ? 'So long may the consumer or its database be down. After that announces are refused.'
      : 'Nobody reads the stream, so nobody trims it: announces will be refused then.',
    remedy:
      'Let a consumer run, or raise maxmemory. max_len of traffic push would throw away traffic that is not settled.',
  }
  return [
    ...findings,
    isRead ? warning('stream-reserve', full, advice) : error('stream-reserve', full, advice),
  ]
}

/** @returns undefined when nothing grows, or where there is no limit */
function reserveSeconds(
  info: ReadonlyMap<string, string> | undefined,
  bytesPerSecond: number,
): number | undefined {
  const max = Number(info?.get('maxmemory') ?? 0)
  if (max === 0 || bytesPerSecond === 0) return undefined
  return Math.max(0, max - Number(info?.get('used_memory') ?? 0)) / bytesPerSecond
}

function lost({ trimmed = 0 }: StreamFacts): Finding[] {
  if (trimmed === 0) return []
  return [
    warning('stream-trimmed', `max_len has pushed ${counted(trimmed, 'event', 'events')} out of the stream`, {
      meaning:
        'What of it was not settled is recovered from the clients’ totals where they go on announcing, and else lost.',
      remedy:
        'Raise max_len of traffic push, or leave it away and let the consumer trim. This begins to count anew:',
      commands: [redisCli('HSET', 'tracker:stats', 'trimmed', '0')],
    }),
  ]
}

function untrimmed(stream: StreamFacts): Finding[] {
  const { groups, oldestSeconds, length } = stream
  if (!groups || groups.length === 0 || length === 0 || oldestSeconds < FORGOTTEN_SECONDS) return []
  if (groups.some((group) => isBehind(group, FORGOTTEN_SECONDS))) return [] // then it is still needed
  return [
    warning(
      'stream-untrimmed',
      `settled entries of up to ${showTime(oldestSeconds)} ago are still in the stream`,
      {
        meaning: `Every group has finished them. ${showCount(length)} entries take memory for nothing.`,
        remedy:
          'redswarm traffic consume trims by itself; a consumer of the site’s own has to. By hand, only what all groups have finished:',
        commands: [redswarm('traffic', 'trim', '--yes')],
      },
    ),
  ]
}

function isBehind({ oldestUnsettledSeconds }: GroupFacts, seconds: number): boolean {
  return oldestUnsettledSeconds !== undefined && oldestUnsettledSeconds >= seconds
}
