import type { Span, SwarmFeatures, WindowFeatures } from '../features.ts'
import type { Finding } from '../finding.ts'
import { bytesInWords, rateInWords } from '../inWords.ts'
import type { UploadWithoutLeechers } from '../thresholds.ts'

const SURELY_BYTES = 1024 ** 3

/** Whether the swarm has to be looked at at all. */
export function isUploadWithoutLeechers(
  { uploadedNoLeechers, seconds }: WindowFeatures,
  { minBytes, minRate }: UploadWithoutLeechers,
): boolean {
  return uploadedNoLeechers >= minBytes && Number(uploadedNoLeechers) / Math.max(seconds, 1) >= minRate
}

/**
 * Bytes that nobody can have taken. The leecher who took them may have finished or left before the uploader's announce
 * came, so anybody who was seen leeching, or reported a download, around the window clears it.
 *
 * @param swarm the torrent within `lookaroundSeconds` before and after the window
 */
export function uploadWithoutLeechers(
  row: WindowFeatures,
  swarm: SwarmFeatures,
  span: Span,
  thresholds: UploadWithoutLeechers,
): Finding | undefined {
  if (!isUploadWithoutLeechers(row, thresholds)) return undefined
  if (swarm.maxLeechers > 0 || swarm.downloadedByOthers > 0n) return undefined
  const { passkey, infohash, uploadedNoLeechers, seconds } = row
  const rate = Number(uploadedNoLeechers) / Math.max(seconds, 1)
  return {
    rule: 'upload_without_leechers',
    version: 1,
    severity: uploadedNoLeechers >= SURELY_BYTES ? 'high' : 'medium',
    passkey,
    infohash,
    ...span,
    summary: `uploaded ${bytesInWords(uploadedNoLeechers)} at ${rateInWords(rate)} where nobody was downloading`,
    evidence: {
      uploadedNoLeechers: String(uploadedNoLeechers),
      seconds,
      bytesPerSecond: Math.round(rate),
      lookaroundSeconds: thresholds.lookaroundSeconds,
    },
  }
}
