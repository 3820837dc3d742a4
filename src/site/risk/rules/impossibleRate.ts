import type { Infohash } from '../../../bittorrent/types.ts'
import { seconds, size } from '../../../config/values.ts'
import { bytesInWords, rateInWords, secondsInWords } from '../inWords.ts'
import { bytes, defineRule, type RuleSources, ruleSettings } from '../rule.ts'
import type { Verdict } from '../verdict.ts'
import { type WindowFeatures, windowFeatures, windowRows } from '../windowRows.ts'

const SURELY = 2
/** Torrents in one list of a query. */
const NAMES = 250

/**
 * Uploads faster than any line the site believes in: on one torrent, or on all torrents of a passkey together. A rate is
 * taken over the whole time the bytes were reported for, never over less than `minSeconds`: dt is tiny when a client
 * announces twice in a row. Torrents that are too fast alone are found, else the passkey if their sum is.
 */
export const impossibleRateRule = defineRule({
  name: 'impossible_rate',
  version: 1,
  settings: ruleSettings({
    maxBytesPerSecond: ['max_rate', size('1KiB', '1024GiB').prefault('500MiB')],
    /** Less in a window is never looked at. */
    minBytes: ['min_bytes', bytes.prefault('1GiB')],
    /** A shorter time counts as this long, so that an announce right after another one makes no giant rate. */
    minSeconds: ['min_time', seconds('1s', '1h').prefault('1m')],
  }),
  /** The rows of one passkey in the window, without those of its seedboxes. */
  async *read(query): AsyncIterable<readonly WindowFeatures[]> {
    const { db, sql, greatest, window, exemptions } = query
    const { maxBytesPerSecond, minBytes, minSeconds } = query.settings
    // Cents of a byte per second are lost where the database divides; the rule has the last word.
    const rate = sql<number>`sum(1.0 * uploaded / ${greatest}(seconds, ${sql.lit(minSeconds)}))`
    const passkeys = await db
      .selectFrom('pt_windows')
      .select('passkey')
      .where('window_start', '=', window.fromSeconds)
      .groupBy('passkey')
      .having(sql<number>`sum(1.0 * uploaded)`, '>=', minBytes)
      .having(rate, '>', maxBytesPerSecond * 0.999)
      .execute()
    for (const { passkey } of passkeys) {
      const rows = await windowRows(db, window.fromSeconds).where('passkey', '=', passkey).execute()
      const all = rows.map(windowFeatures)
      yield exemptions.hasSeedboxes ? await withoutSeedboxes(all, window.fromSeconds, query) : all
    }
  },
  decide(rows, _, { maxBytesPerSecond, minBytes, minSeconds }) {
    const paced = rows.map((row) => ({
      ...row,
      rate: Number(row.uploaded) / Math.max(row.seconds, minSeconds),
    }))
    const tooFast = paced.filter(({ uploaded, rate }) => uploaded >= minBytes && rate > maxBytesPerSecond)
    if (tooFast.length > 0) return tooFast.map((row) => verdict([row], row.infohash, maxBytesPerSecond))
    const uploaded = paced.reduce((sum, row) => sum + row.uploaded, 0n)
    const rate = paced.reduce((sum, row) => sum + row.rate, 0)
    return uploaded >= minBytes && rate > maxBytesPerSecond
      ? [verdict(paced, undefined, maxBytesPerSecond)]
      : []
  },
})

function verdict(
  parts: readonly (WindowFeatures & { readonly rate: number })[],
  infohash: Infohash | undefined,
  maxRate: number,
): Verdict {
  const uploaded = parts.reduce((sum, part) => sum + part.uploaded, 0n)
  const rate = parts.reduce((sum, part) => sum + part.rate, 0)
  const seconds = Math.max(...parts.map((part) => part.seconds))
  const where = infohash ? '' : ` on ${parts.length} torrents together`
  return {
    severity: rate > maxRate * SURELY ? 'high' : 'medium',
    passkey: parts[0]!.passkey,
    infohash,
    summary: `uploaded ${bytesInWords(uploaded)} in ${secondsInWords(seconds)}${where}, ${rateInWords(rate)}; above ${rateInWords(maxRate)}`,
    evidence: {
      uploaded: String(uploaded),
      seconds,
      bytesPerSecond: Math.round(rate),
      maxRate,
      torrents: parts.length,
    },
  }
}

/** A torrent counts as a seedbox's when all of the user's clients on it are there. */
async function withoutSeedboxes(
  rows: readonly WindowFeatures[],
  sinceSeconds: number,
  { db, exemptions }: RuleSources,
): Promise<WindowFeatures[]> {
  const infohashes = rows.slice(0, NAMES).map(({ infohash }) => infohash)
  const sessions = await db
    .selectFrom('pt_sessions')
    .select(['infohash', 'ip4', 'ip6'])
    .where('passkey', '=', rows[0]!.passkey)
    .where('infohash', 'in', infohashes)
    .where('last_ts', '>=', sinceSeconds)
    .execute()
  const known = new Set(sessions.map(({ infohash }) => infohash))
  const elsewhere = new Set(
    sessions.filter((session) => !exemptions.isSeedbox(session)).map(({ infohash }) => infohash),
  )
  return rows.filter(({ infohash }) => elsewhere.has(infohash) || !known.has(infohash))
}
