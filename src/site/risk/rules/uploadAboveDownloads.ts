import { setImmediate } from 'node:timers/promises'
import type { Infohash, Passkey } from '../../../bittorrent/types.ts'
import { fraction } from '../../../config/values.ts'
import { asBigint, asNumber } from '../../ledger/sql/tables.ts'
import { bytesInWords, secondsInWords } from '../inWords.ts'
import { bytes, defineRule, period, periodUntil, type RuleSources, ruleSettings } from '../rule.ts'
import type { Span } from '../verdict.ts'
import { windowsIn } from '../windowRows.ts'

/** How often the torrents are added up: a whole day each time, and nothing of it changes within minutes. */
const EVERY_SECONDS = 3600
const UPLOADERS = 20

/** What all passkeys together moved on one torrent over a period. */
export interface TorrentFeatures {
  readonly infohash: Infohash
  readonly uploaded: bigint
  readonly downloaded: bigint
  /** The largest uploaders, the largest one first. */
  readonly uploaders: readonly { readonly passkey: Passkey; readonly uploaded: bigint }[]
}

/**
 * What goes up on a torrent comes down on it. Whoever alone uploaded more than everybody together downloaded has made some
 * of it up, and is named. Where only the sum does not fit, any of the uploaders may be the one: the torrent is named, with
 * its uploaders in order, and nobody's credit is touched.
 */
export const uploadAboveDownloadsRule = defineRule({
  name: 'upload_above_downloads',
  version: 1,
  settings: ruleSettings({
    /** Upload to download over the period. */
    maxRatio: ['max_ratio', fraction(1, 1000).prefault(1.5)],
    /** Bytes above that ratio that are accepted. */
    slackBytes: ['slack', bytes.prefault('5GiB')],
    periodSeconds: ['period', period.prefault('24h')],
  }),
  spanOf: ({ periodSeconds }, window) => periodUntil(window, periodSeconds),
  async *read(query): AsyncIterable<TorrentFeatures> {
    const { window, span, settings } = query
    const hour = (seconds: number) => Math.floor(seconds / EVERY_SECONDS)
    if (hour(window.fromSeconds) === hour(window.untilSeconds)) return
    const recentSeconds = Math.min(window.fromSeconds, window.untilSeconds - EVERY_SECONDS)
    const sums = await sumsOf(span, recentSeconds, query)
    for (const [infohash, { uploaded, downloaded, isRecent }] of sums)
      if (isRecent && uploaded > settings.maxRatio * downloaded + settings.slackBytes)
        yield await torrentOf(infohash, span, query)
  },
  decide({ infohash, uploaded, downloaded, uploaders }, span, { maxRatio, slackBytes: slack }) {
    const bound = Number(downloaded) * maxRatio + slack
    if (Number(uploaded) <= bound) return []
    const took = `all downloaders together took ${bytesInWords(downloaded)} in ${secondsInWords(span.untilSeconds - span.fromSeconds)}`
    const sums = { torrentUploaded: String(uploaded), torrentDownloaded: String(downloaded), maxRatio, slack }
    const culprits = uploaders.filter((uploader) => Number(uploader.uploaded) > bound)
    if (culprits.length > 0)
      return culprits.map((uploader) => ({
        severity: 'high',
        passkey: uploader.passkey,
        infohash,
        summary: `uploaded ${bytesInWords(uploader.uploaded)} of a torrent of which ${took}`,
        evidence: { uploaded: String(uploader.uploaded), ...sums },
      }))
    const named = uploaders.map((each) => ({ passkey: each.passkey, uploaded: String(each.uploaded) }))
    return [
      {
        severity: 'medium',
        passkey: undefined,
        infohash,
        summary: `${bytesInWords(uploaded)} uploaded of a torrent of which ${took}; no uploader alone is above it`,
        evidence: { ...sums, uploaders: named },
      },
    ]
  },
})

/**
 * Sums of each torrent over the period, and whether it has uploads since `recentSeconds`. Goes through the period's rows
 * once, a window at a time, in the order in which they lie. Downloads count within a margin around the period, since they
 * belong to its uploads.
 */
async function sumsOf(
  span: Span,
  recentSeconds: number,
  { db, sql, sum, windowSeconds, evaluationDelaySeconds: marginSeconds }: RuleSources,
) {
  const sums = new Map<Infohash, { uploaded: number; downloaded: number; isRecent: boolean }>()
  const end = span.untilSeconds + marginSeconds
  for (let from = span.fromSeconds - marginSeconds; from < end; from += windowSeconds) {
    await setImmediate() // SQLite works inside the process, and others have something to do too
    const windows = { fromSeconds: from, untilSeconds: Math.min(from + windowSeconds, end) }
    const rows = await windowsIn(db, windows)
      .select([
        'infohash',
        sql<string>`${sum}(uploaded)`.as('uploaded'),
        sql<string>`${sum}(downloaded)`.as('downloaded'),
      ])
      .groupBy('infohash')
      .execute()
    const isWithin = from >= span.fromSeconds && from < span.untilSeconds
    for (const row of rows) {
      const infohash = row.infohash as Infohash
      const uploaded = isWithin ? asNumber(row.uploaded) : 0
      const before = sums.get(infohash) ?? { uploaded: 0, downloaded: 0, isRecent: false }
      before.uploaded += uploaded
      before.downloaded += asNumber(row.downloaded)
      before.isRecent ||= uploaded > 0 && from >= recentSeconds
      sums.set(infohash, before)
    }
  }
  return sums
}

/** What all passkeys moved on a torrent over the period, downloads with the margin. */
async function torrentOf(
  infohash: Infohash,
  { fromSeconds, untilSeconds }: Span,
  { db, sql, sum, evaluationDelaySeconds: marginSeconds }: RuleSources,
): Promise<TorrentFeatures> {
  await setImmediate()
  const withMargin = { fromSeconds: fromSeconds - marginSeconds, untilSeconds: untilSeconds + marginSeconds }
  const rowsIn = (span: Span) => windowsIn(db, span).where('infohash', '=', infohash)
  const total = await rowsIn(withMargin)
    .select([
      sql<string>`${sum}(case when window_start >= ${sql.lit(fromSeconds)}
        and window_start < ${sql.lit(untilSeconds)} then uploaded else 0 end)`.as('uploaded'),
      sql<string>`${sum}(downloaded)`.as('downloaded'),
    ])
    .executeTakeFirst()
  const uploaders = await rowsIn({ fromSeconds, untilSeconds })
    .select(['passkey', sql<string>`${sum}(uploaded)`.as('uploaded')])
    .groupBy('passkey')
    .orderBy('uploaded', 'desc')
    .orderBy('passkey')
    .limit(UPLOADERS)
    .execute()
  return {
    infohash,
    uploaded: asBigint(total?.uploaded),
    downloaded: asBigint(total?.downloaded),
    uploaders: uploaders.map((row) => ({
      passkey: row.passkey as Passkey,
      uploaded: asBigint(row.uploaded),
    })),
  }
}
