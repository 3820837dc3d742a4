import { counted, showBytes, showCount } from '../amounts.ts'
import type { KeyFacts, RedisFacts } from '../facts.ts'
import { type Finding, info as note, warning } from '../finding.ts'

/** From here on a hash of one user on one torrent is no household with many computers. */
const MANY_CLIENTS = 200
const NOUNS: Readonly<Record<string, readonly [string, string]>> = {
  set: ['member', 'members'],
  stream: ['entry', 'entries'],
  hash: ['field', 'fields'],
  zset: ['member', 'members'],
}

/** What takes the room. Numbers to know, and one that is too large to be right. */
export function checkSizes({ keys, sessions }: Pick<RedisFacts, 'keys' | 'sessions'>): Finding[] {
  const sized = keys.filter(({ bytes }) => bytes !== undefined)
  const findings: Finding[] = []
  if (sized.length > 0)
    findings.push(
      note(
        'sizes',
        sized
          .sort((a, b) => b.bytes! - a.bytes!)
          .map(sizeOf)
          .join('; '),
      ),
    )
  const crowded = sessions.filter(({ size }) => size > MANY_CLIENTS)
  if (crowded.length > 0) {
    const largest = Math.max(...crowded.map(({ size }) => size))
    findings.push(
      warning(
        'many-clients',
        `${counted(crowded.length, 'user has', 'users have')} more than ${MANY_CLIENTS} clients on one torrent, up to ${showCount(largest)}, among the ${showCount(sessions.length)} sessions looked at`,
        {
          meaning:
            'A client that takes a new peer_id with every announce, or a passkey that is passed around. Each is remembered for accounting_ttl and costs memory.',
          remedy: 'The hook peer limit bounds it (docs/hooks.md). redswarm traffic tail shows who it is.',
        },
      ),
    )
  }
  return findings
}

function sizeOf({ key, type, size, bytes }: KeyFacts): string {
  const [one, many] = NOUNS[type] ?? ['byte', 'bytes']
  return `${key} ${showBytes(bytes!)} (${counted(size ?? 0, one, many)})`
}
