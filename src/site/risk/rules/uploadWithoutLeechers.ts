import { seconds, size } from '../../../config/values.ts'
import { asBigint, asNumber } from '../../ledger/sql/tables.ts'
import { bytesInWords, rateInWords } from '../inWords.ts'
import { bytes, defineRule, type RuleSources, ruleSettings } from '../rule.ts'
import type { Span } from '../verdict.ts'
import { type WindowFeatures, windowFeatures, windowRows, windowsIn } from '../windowRows.ts'

const SURELY_BYTES = 1024 ** 3

/** A torrent around the window in question, from everybody's announces. */
export interface SwarmFeatures {
  /** The most leechers besides the announcer that any announce has seen. */
  readonly maxLeechers: number
  /** By all other passkeys. */
  readonly downloadedByOthers: bigint
}

/**
 * Bytes that nobody can have taken. The leecher who took them may have finished or left before the uploader's announce
 * came, so anybody who was seen leeching, or reported a download, around the window clears it.
 */
export const uploadWithoutLeechersRule = defineRule({
  name: 'upload_without_leechers',
  version: 1,
  settings: ruleSettings({
    minBytes: ['min_bytes', size('1', '1024TiB').prefault('10MiB')],
    minBytesPerSecond: ['min_rate', bytes.prefault('100KiB')],
    /** How far around the window a leecher clears the uploader: an interval for the upload, and one for the leecher. */
    lookaroundSeconds: ['lookaround', seconds('10m', '48h').prefault('2h')],
  }),
  async *read(query): AsyncIterable<{ readonly row: WindowFeatures; readonly swarm: SwarmFeatures }> {
    const { minBytes, minBytesPerSecond, lookaroundSeconds } = query.settings
    const { fromSeconds, untilSeconds } = query.window
    const around = {
      fromSeconds: fromSeconds - lookaroundSeconds,
      untilSeconds: untilSeconds + lookaroundSeconds,
    }
    const rows = await windowRows(query.db, fromSeconds)
      .where('uploaded_no_leechers', '>=', minBytes)
      .execute()
    for (const row of rows.map(windowFeatures))
      if (rateOf(row) >= minBytesPerSecond) yield { row, swarm: await swarmAround(row, around, query) }
  },
  decide({ row, swarm }, _, { minBytes, minBytesPerSecond, lookaroundSeconds }) {
    const { passkey, infohash, uploadedNoLeechers, seconds } = row
    const rate = rateOf(row)
    if (uploadedNoLeechers < minBytes || rate < minBytesPerSecond) return []
    if (swarm.maxLeechers > 0 || swarm.downloadedByOthers > 0n) return []
    return [
      {
        severity: uploadedNoLeechers >= SURELY_BYTES ? 'high' : 'medium',
        passkey,
        infohash,
        summary: `uploaded ${bytesInWords(uploadedNoLeechers)} at ${rateInWords(rate)} where nobody was downloading`,
        evidence: {
          uploadedNoLeechers: String(uploadedNoLeechers),
          seconds,
          bytesPerSecond: Math.round(rate),
          lookaroundSeconds,
        },
      },
    ]
  },
})

const rateOf = ({ uploadedNoLeechers, seconds }: WindowFeatures) =>
  Number(uploadedNoLeechers) / Math.max(seconds, 1)

async function swarmAround(
  { infohash, passkey }: WindowFeatures,
  span: Span,
  { db, sql, sum }: RuleSources,
): Promise<SwarmFeatures> {
  const row = await windowsIn(db, span)
    .select([
      sql<string>`max(max_leechers)`.as('leechers'),
      sql<string>`${sum}(case when passkey <> ${passkey} then downloaded else 0 end)`.as('downloaded'),
    ])
    .where('infohash', '=', infohash)
    .executeTakeFirst()
  return { maxLeechers: asNumber(row?.leechers), downloadedByOthers: asBigint(row?.downloaded) }
}
