import type { Span, WindowFeatures } from '../features.ts'
import type { Finding } from '../finding.ts'
import { bytesInWords, rateInWords, secondsInWords } from '../inWords.ts'
import type { ImpossibleRate } from '../thresholds.ts'

const SURELY = 2

/**
 * Uploads faster than any line the site believes in: on one torrent, or on all torrents of a passkey together. A rate is
 * taken over the whole time the bytes were reported for, never over less than `minSeconds`: dt is tiny when a client
 * announces twice in a row.
 *
 * @param rows all of one passkey in one window
 * @returns the torrents that are too fast alone, else the passkey if their sum is
 */
export function impossibleRate(
  rows: readonly WindowFeatures[],
  span: Span,
  { maxRate, minBytes, minSeconds }: ImpossibleRate,
): Finding[] {
  const paced = rows.map((row) => ({
    ...row,
    rate: Number(row.uploaded) / Math.max(row.seconds, minSeconds),
  }))
  const finding = (infohash: WindowFeatures['infohash'] | undefined, parts: typeof paced): Finding => {
    const uploaded = parts.reduce((sum, part) => sum + part.uploaded, 0n)
    const rate = parts.reduce((sum, part) => sum + part.rate, 0)
    const seconds = Math.max(...parts.map((part) => part.seconds))
    const where = infohash ? '' : ` on ${parts.length} torrents together`
    return {
      rule: 'impossible_rate',
      version: 1,
      severity: rate > maxRate * SURELY ? 'high' : 'medium',
      passkey: rows[0]!.passkey,
      infohash,
      ...span,
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
  const tooFast = paced.filter(({ uploaded, rate }) => uploaded >= minBytes && rate > maxRate)
  if (tooFast.length > 0) return tooFast.map((row) => finding(row.infohash, [row]))
  const uploaded = paced.reduce((sum, row) => sum + row.uploaded, 0n)
  const rate = paced.reduce((sum, row) => sum + row.rate, 0)
  return uploaded >= minBytes && rate > maxRate ? [finding(undefined, paced)] : []
}
