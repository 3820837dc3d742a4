import { defineScript } from '../../../redis/script.ts'
import { announceScript } from './announce.ts'

/**
 * Whether an announce could be carried out: Redis refuses this script wherever it refuses writes. Writes nothing.
 * One round trip. Throws StoreUnavailable.
 *
 * @returns commands that the Redis user may not run, with their keys
 */
export const probeScript = defineScript({
  file: 'tracker/probe.lua',
  keys: announceScript.definition.keys,
  args: ['checksPasskeys', 'checksTorrents', 'isTraffic'],
  parse: (reply): string[] => (reply as Buffer[]).map(String),
})
