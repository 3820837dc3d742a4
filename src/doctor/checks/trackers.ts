import { counted, showTime } from '../amounts.ts'
import type { RedisFacts } from '../facts.ts'
import { error, type Finding, info as note, ok, warning } from '../finding.ts'

/** The sweep looks every few minutes; a swarm that is due for longer is passed over. */
const UNSWEPT_SECONDS = 900
const MANY_CLIENTS_SHARE = 0.8

/** The trackers that share this Redis, as far as it sees them. */
export function checkTrackers({
  trackers,
  sweep,
  config,
  info,
}: Pick<RedisFacts, 'trackers' | 'sweep' | 'config' | 'info'>): Finding[] {
  return [...udpKey(trackers, config), ...sweeping(sweep, trackers), ...connections(info)]
}

/** Each worker is a connection too, so those of one machine may be one instance. */
function udpKey(trackers: readonly string[] | undefined, config: RedisFacts['config']): Finding[] {
  if (!trackers) return []
  const machines = new Set(trackers).size
  const what = `${counted(trackers.length, 'tracker process', 'tracker processes')} on ${counted(machines, 'machine', 'machines')}`
  const isSeveral = machines > 1 || (config.workers === 1 && trackers.length > 1)
  if (!isSeveral || !config.udp || config.udp.privateKey !== undefined)
    return [trackers.length > 0 ? ok('trackers', what) : note('trackers', 'no tracker is connected')]
  return [
    error('udp-private-key', `${what}, and udp.private_key is not set`, {
      meaning:
        'Each makes a key of its own and refuses the connection IDs of the others: a client whose packets reach another one reads “bad connection ID”.',
      remedy:
        'Put the same random text into private_key of every instance (openssl rand -hex 32), and restart them.',
    }),
  ]
}

function sweeping(sweep: RedisFacts['sweep'], trackers: readonly string[] | undefined): Finding[] {
  if (sweep?.overdueSeconds === undefined) return []
  if (sweep.overdueSeconds < UNSWEPT_SECONDS) return [ok('sweep', 'silent peers are swept')]
  const isNobodyThere = trackers?.length === 0
  return [
    warning('sweep', `silent peers have been waiting for ${showTime(sweep.overdueSeconds)} to be swept`, {
      meaning:
        'Nobody is handed them, and no count of an announce has them, but they take memory, and the fleet’s totals are too high.',
      remedy: isNobodyThere
        ? 'No tracker is connected: start one, and it sweeps.'
        : `${sweep.hasLease ? 'A tracker holds the lease, so its sweeps fail or do not keep up' : 'No tracker holds the lease'}: look for “sweep failed” in the logs of the trackers.`,
    }),
  ]
}

function connections(info: ReadonlyMap<string, string> | undefined): Finding[] {
  const most = Number(info?.get('maxclients') ?? 0)
  const connected = Number(info?.get('connected_clients') ?? 0)
  if (most === 0 || connected < most * MANY_CLIENTS_SHARE) return []
  return [
    warning('clients', `${connected} of ${most} connections to Redis are taken`, {
      meaning: 'At the limit a tracker that reconnects is turned away.',
      remedy:
        'A tracker process needs one. Who holds the others: redis-cli CLIENT LIST. Else raise maxclients.',
    }),
  ]
}
