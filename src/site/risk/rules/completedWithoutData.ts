import type { Passkey } from '../../../bittorrent/types.ts'
import { integer } from '../../../config/values.ts'
import { asNumber } from '../../ledger/sql/tables.ts'
import { secondsInWords } from '../inWords.ts'
import { defineRule, period, periodUntil, ruleSettings } from '../rule.ts'
import { windowRows, windowsIn } from '../windowRows.ts'

const SURELY = 4

/** One passkey over a period. */
export interface CompletionFeatures {
  readonly passkey: Passkey
  /** Different torrents that were reported completed by a session that had downloaded nothing. */
  readonly torrents: number
  readonly completions: number
}

/**
 * Downloads that were finished and never took place. Different torrents are counted, not events: some clients repeat
 * `completed`, and a re-check of data that is there already ends in one.
 */
export const completedWithoutDataRule = defineRule({
  name: 'completed_without_data',
  version: 1,
  settings: ruleSettings({
    maxTorrents: ['max_torrents', integer(1, 1_000_000).prefault(5)],
    periodSeconds: ['period', period.prefault('24h')],
  }),
  spanOf: ({ periodSeconds }, window) => periodUntil(window, periodSeconds),
  async *read({ db, sql, window, span }): AsyncIterable<CompletionFeatures> {
    const rows = await windowRows(db, window.fromSeconds).where('completed_no_data', '>', 0).execute()
    for (const passkey of new Set(rows.map((row) => row.passkey as Passkey))) {
      const row = await windowsIn(db, span)
        .select([
          sql<string>`count(distinct infohash)`.as('torrents'),
          sql<string>`sum(completed_no_data)`.as('completions'),
        ])
        .where('passkey', '=', passkey)
        .where('completed_no_data', '>', 0)
        .executeTakeFirst()
      yield { passkey, torrents: asNumber(row?.torrents), completions: asNumber(row?.completions) }
    }
  },
  decide({ passkey, torrents, completions }, span, { maxTorrents }) {
    if (torrents <= maxTorrents) return []
    return [
      {
        severity: torrents > maxTorrents * SURELY ? 'medium' : 'low',
        passkey,
        infohash: undefined,
        summary: `completed ${torrents} torrents in ${secondsInWords(span.untilSeconds - span.fromSeconds)} without downloading anything`,
        evidence: { torrents, completions, maxTorrents },
      },
    ]
  },
})
