import type { Infohash, Passkey } from '../../../bittorrent/types.ts'
import { integer } from '../../../config/values.ts'
import { asBigint, asNumber } from '../../ledger/sql/tables.ts'
import { bytesInWords, secondsInWords } from '../inWords.ts'
import { bytes, defineRule, period, periodUntil, ruleSettings } from '../rule.ts'
import { windowFeatures, windowRows, windowsIn } from '../windowRows.ts'

const SURELY = 4

/** One passkey on one torrent over a period. */
export interface ResetFeatures {
  readonly passkey: Passkey
  readonly infohash: Infohash
  /** Client counters that began anew. */
  readonly resets: number
  readonly uploaded: bigint
}

/**
 * A client's counters that begin anew again and again while it claims uploads. Counted on each torrent by itself: a client
 * that restarts once begins anew on all of its torrents.
 */
export const counterResetsRule = defineRule({
  name: 'counter_resets',
  version: 1,
  settings: ruleSettings({
    /** Of one passkey on one torrent over the period. */
    maxResets: ['max_resets', integer(1, 1_000_000).prefault(6)],
    minBytes: ['min_bytes', bytes.prefault('1GiB')],
    periodSeconds: ['period', period.prefault('24h')],
  }),
  spanOf: ({ periodSeconds }, window) => periodUntil(window, periodSeconds),
  async *read({ db, sql, sum, window, span }): AsyncIterable<ResetFeatures> {
    const rows = await windowRows(db, window.fromSeconds).where('resets', '>', 0).execute()
    for (const { passkey, infohash } of rows.map(windowFeatures)) {
      const row = await windowsIn(db, span)
        .select([sql<string>`sum(resets)`.as('resets'), sql<string>`${sum}(uploaded)`.as('uploaded')])
        .where('passkey', '=', passkey)
        .where('infohash', '=', infohash)
        .executeTakeFirst()
      yield { passkey, infohash, resets: asNumber(row?.resets), uploaded: asBigint(row?.uploaded) }
    }
  },
  decide({ passkey, infohash, resets, uploaded }, span, { maxResets, minBytes }) {
    if (resets <= maxResets || uploaded < minBytes) return []
    return [
      {
        severity: resets > maxResets * SURELY ? 'medium' : 'low',
        passkey,
        infohash,
        summary: `counters began anew ${resets} times in ${secondsInWords(span.untilSeconds - span.fromSeconds)} while ${bytesInWords(uploaded)} were uploaded`,
        evidence: { resets, maxResets, uploaded: String(uploaded) },
      },
    ]
  },
})
