import type { CompletionFeatures, Span } from '../features.ts'
import type { Finding } from '../finding.ts'
import { secondsInWords } from '../inWords.ts'
import type { CompletedWithoutData } from '../thresholds.ts'

const SURELY = 4

/**
 * Downloads that were finished and never took place. Different torrents are counted, not events: some clients repeat
 * `completed`, and a re-check of data that is there already ends in one.
 */
export function completedWithoutData(
  { passkey, torrents, completions }: CompletionFeatures,
  span: Span,
  { maxTorrents }: CompletedWithoutData,
): Finding | undefined {
  if (torrents <= maxTorrents) return undefined
  return {
    rule: 'completed_without_data',
    version: 1,
    severity: torrents > maxTorrents * SURELY ? 'medium' : 'low',
    passkey,
    infohash: undefined,
    ...span,
    summary: `completed ${torrents} torrents in ${secondsInWords(span.untilSeconds - span.fromSeconds)} without downloading anything`,
    evidence: { torrents, completions, maxTorrents },
  }
}
