import type { ResetFeatures, Span } from '../features.ts'
import type { Finding } from '../finding.ts'
import { bytesInWords, secondsInWords } from '../inWords.ts'
import type { CounterResets } from '../thresholds.ts'

const SURELY = 4

/**
 * A client's counters that begin anew again and again while it claims uploads. Counted on each torrent by itself: a client
 * that restarts once begins anew on all of its torrents.
 */
export function counterResets(
  { passkey, infohash, resets, uploaded }: ResetFeatures,
  span: Span,
  { maxResets, minBytes }: CounterResets,
): Finding | undefined {
  if (resets <= maxResets || uploaded < minBytes) return undefined
  return {
    rule: 'counter_resets',
    version: 1,
    severity: resets > maxResets * SURELY ? 'medium' : 'low',
    passkey,
    infohash,
    ...span,
    summary: `counters began anew ${resets} times in ${secondsInWords(span.untilSeconds - span.fromSeconds)} while ${bytesInWords(uploaded)} were uploaded`,
    evidence: { resets, maxResets, uploaded: String(uploaded) },
  }
}
