import { PACKED_PEER_BYTES } from '../../bittorrent/packedPeer.ts'
import { SESSION_LAYOUT } from '../../tracker/store/sessionLayout.ts'
import type { RedisFacts } from '../facts.ts'
import { configSet, type Finding, keepSetting, info as note, ok, warning } from '../finding.ts'

/** Redis' defaults, and what has to fit. Lower ones cost memory that nothing gives back. */
const DEFAULTS = [
  ['hash-max-listpack-entries', 128, 16, 'session records of one user'],
  ['hash-max-listpack-value', 64, SESSION_LAYOUT.bytes, `a session record of ${SESSION_LAYOUT.bytes} bytes`],
  ['zset-max-listpack-entries', 128, 64, 'peers of a small swarm'],
  ['zset-max-listpack-value', 64, PACKED_PEER_BYTES, `a packed peer of ${PACKED_PEER_BYTES} bytes`],
] as const
/** From there on finding a peer in it takes longer than in a skip list. */
const MOST_ENTRIES = 1_024
const SMALLEST_NODE_BYTES = 1_024
const LARGEST_NODE_BYTES = 65_536

/** How Redis keeps small things. The numbers behind it are in docs/redis-schema.md. */
export function checkListpacks({
  info,
  settings,
  sessions,
}: Pick<RedisFacts, 'info' | 'settings' | 'sessions'>): Finding[] {
  if (!settings) return []
  const configFile = info?.get('config_file')
  const findings: Finding[] = []
  for (const [name, usual, least, what] of DEFAULTS) {
    const value = Number(settings.get(name))
    if (!settings.has(name) || value >= least) continue
    findings.push(
      warning(name, `${name} is ${value}`, {
        meaning: `Too low for ${what}: they take up to three times the memory.`,
        remedy: `What is stored already changes when it is written anew. ${keepSetting(configFile)}`.trim(),
        commands: configSet(name, String(usual), configFile),
      }),
    )
  }
  for (const name of ['hash-max-listpack-entries', 'zset-max-listpack-entries']) {
    const value = Number(settings.get(name) ?? 0)
    if (value <= MOST_ENTRIES) continue
    findings.push(
      warning(name, `${name} is ${value}`, {
        meaning:
          'A listpack is walked from one end: the larger it may be, the longer every announce takes, and all wait for it.',
        remedy: keepSetting(configFile),
        commands: configSet(name, '128', configFile),
      }),
    )
  }
  findings.push(...streamNodes(settings, configFile))
  if (findings.length > 0) return findings
  return [
    ok('listpack', 'small hashes, sets and stream nodes are kept packed'),
    ...unpacked(sessions, settings),
  ]
}

function streamNodes(settings: ReadonlyMap<string, string>, configFile: string | undefined): Finding[] {
  const name = 'stream-node-max-bytes'
  const bytes = Number(settings.get(name))
  const entries = Number(settings.get('stream-node-max-entries'))
  if (!settings.has(name)) return []
  const isBoundless = bytes === 0 && entries === 0
  if (!isBoundless && (bytes === 0 || (bytes >= SMALLEST_NODE_BYTES && bytes <= LARGEST_NODE_BYTES)))
    return []
  const meaning =
    bytes > 0 && bytes < SMALLEST_NODE_BYTES
      ? 'Nodes of few entries: the stream takes more memory.'
      : 'Nodes of many entries: reading or trimming a part of one takes long, and all wait for it.'
  return [
    warning(name, `${name} is ${bytes}${isBoundless ? ', as is stream-node-max-entries' : ''}`, {
      meaning,
      remedy: keepSetting(configFile),
      commands: configSet(name, '4096', configFile),
    }),
  ]
}

function unpacked(sessions: RedisFacts['sessions'], settings: ReadonlyMap<string, string>): Finding[] {
  const limit = Number(settings.get('hash-max-listpack-entries'))
  const old = sessions.filter(({ encoding, size }) => encoding === 'hashtable' && size <= limit)
  if (old.length === 0) return []
  return [
    note(
      'listpack-old',
      `${old.length} of ${sessions.length} sessions looked at are not packed, though they could be`,
      {
        meaning:
          'They were written under a lower limit, or were larger once. They take more memory until they end.',
        remedy: 'Nothing: they end within accounting_ttl, and new ones are packed.',
      },
    ),
  ]
}
