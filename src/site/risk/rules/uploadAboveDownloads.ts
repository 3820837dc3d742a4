import type { Span, TorrentFeatures } from '../features.ts'
import type { Finding } from '../finding.ts'
import { bytesInWords, secondsInWords } from '../inWords.ts'
import type { UploadAboveDownloads } from '../thresholds.ts'

/**
 * What goes up on a torrent comes down on it. Whoever alone uploaded more than everybody together downloaded has made some
 * of it up, and is named. Where only the sum does not fit, any of the uploaders may be the one: the torrent is named, with
 * its uploaders in order, and nobody's credit is touched.
 */
export function uploadAboveDownloads(
  torrent: TorrentFeatures,
  span: Span,
  { maxRatio, slack }: UploadAboveDownloads,
): Finding[] {
  const { infohash, uploaded, downloaded, uploaders } = torrent
  const bound = Number(downloaded) * maxRatio + slack
  if (Number(uploaded) <= bound) return []
  const took = `all downloaders together took ${bytesInWords(downloaded)} in ${secondsInWords(span.untilSeconds - span.fromSeconds)}`
  const base = { rule: 'upload_above_downloads', version: 1, infohash, ...span } as const
  const sums = { torrentUploaded: String(uploaded), torrentDownloaded: String(downloaded), maxRatio, slack }
  const culprits = uploaders.filter((uploader) => Number(uploader.uploaded) > bound)
  if (culprits.length > 0)
    return culprits.map((uploader) => ({
      ...base,
      severity: 'high',
      passkey: uploader.passkey,
      summary: `uploaded ${bytesInWords(uploader.uploaded)} of a torrent of which ${took}`,
      evidence: { uploaded: String(uploader.uploaded), ...sums },
    }))
  return [
    {
      ...base,
      severity: 'medium',
      passkey: undefined,
      summary: `${bytesInWords(uploaded)} uploaded of a torrent of which ${took}; no uploader alone is above it`,
      evidence: {
        ...sums,
        uploaders: uploaders.map((uploader) => ({
          passkey: uploader.passkey,
          uploaded: String(uploader.uploaded),
        })),
      },
    },
  ]
}
