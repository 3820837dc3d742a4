import type { AnnounceEvent, Infohash, Passkey, PeerId } from '../../../src/bittorrent/types.ts'
import { parseTrafficEvent } from '../../../src/contract/parseTrafficEvent.ts'
import type { TrafficEntry } from '../../../src/contract/trafficEvent.ts'
import type { Ledger } from '../../../src/site/ledger/ledger.ts'
import { RISK_CURSOR } from '../../../src/site/ledger/sql/migrations.ts'
import {
  createRiskEvaluator,
  type RiskEvaluator,
  type RiskEvaluatorOptions,
} from '../../../src/site/risk/evaluator.ts'
import type { RiskFlag } from '../../../src/site/risk/flags.ts'
import { anInfohash, aPasskey, aPeerId } from '../builders/builders.ts'

const PEER_LIFETIME = 1860
/** A full hour, and a window's start. */
export const NOON = 1_699_999_200
export const MINUTE = 60
export const INTERVAL = 30 * MINUTE

export interface ClientOptions {
  readonly passkey?: Passkey
  readonly infohash?: Infohash
  readonly peerId?: PeerId
  readonly ip?: string
  readonly port?: number
}

export interface Report {
  /** Totals as the client counts them. */
  readonly up?: bigint
  readonly down?: bigint
  /** 0 unless told: a seeder. */
  readonly left?: bigint
  readonly event?: AnnounceEvent
  /** This once from here. */
  readonly ip?: string
}

/** One client on one torrent. */
export interface Client {
  /** Times only rise, over all clients of a site. */
  announce(atSeconds: number, report?: Report): void
}

/**
 * A tracker in miniature in front of a ledger: clients announce, and what the announce script would append to the stream
 * for it, fields as text, is settled.
 */
export function aSite(ledger: Ledger) {
  const waiting: TrafficEntry[] = []
  const swarms = new Map<Infohash, Map<string, { isSeeder: boolean; atSeconds: number }>>()
  let sequence = 0
  let clients = 0

  const countsAfter = (infohash: Infohash, peer: string, atSeconds: number, { event, left = 0n }: Report) => {
    const swarm = swarms.get(infohash) ?? new Map()
    swarms.set(infohash, swarm)
    if (event === 'stopped') swarm.delete(peer)
    else swarm.set(peer, { isSeeder: left === 0n || event === 'completed', atSeconds })
    const live = [...swarm.values()].filter((each) => each.atSeconds >= atSeconds - PEER_LIFETIME)
    const seeders = live.filter(({ isSeeder }) => isSeeder).length
    return { seeders, leechers: live.length - seeders }
  }

  return {
    client(options: ClientOptions = {}): Client {
      clients++
      const { passkey = aPasskey(), infohash = anInfohash(), peerId = aPeerId(clients) } = options
      const { ip: home = `198.51.100.${clients}`, port = 42_000 + clients } = options
      let before: { up: bigint; down: bigint; atSeconds: number; since: number } | undefined
      return {
        announce(atSeconds, report = {}) {
          const { up = before?.up ?? 0n, down = before?.down ?? 0n, left = 0n, event = 'none' } = report
          const { ip = home } = report
          const isNew = before === undefined || up < before.up || down < before.down
          const since = isNew ? atSeconds : before!.since
          const counts = countsAfter(infohash, `${passkey} ${peerId}`, atSeconds, report)
          const fields = {
            passkey,
            infohash,
            peer_id: peerId,
            port: String(event === 'stopped' ? 0 : port),
            ip,
            af: ip.includes(':') ? 'IPv6' : 'IPv4',
            du: String(isNew ? 0n : up - before!.up),
            dd: String(isNew ? 0n : down - before!.down),
            left: String(left),
            event,
            ts: String(atSeconds),
            dt: String(before ? atSeconds - before.atSeconds : 0),
            interval: String(INTERVAL),
            min_interval: String(INTERVAL / 2),
            up: String(up),
            down: String(down),
            since: String(since),
            seeders: String(counts.seeders),
            leechers: String(counts.leechers),
            agent: 'TR4060',
          }
          waiting.push({ id: `${atSeconds * 1000}-${sequence++}`, event: parseTrafficEvent(fields) })
          before = { up, down, atSeconds, since }
        },
      }
    },
    /** Nothing happened before noon, so nothing of it needs judging. */
    async begin(): Promise<void> {
      const { db } = ledger.database
      await db
        .updateTable('pt_meta')
        .set({ value: String(NOON) })
        .where('name', '=', RISK_CURSOR)
        .execute()
    },
    /** Settles what was announced. */
    async settle(): Promise<void> {
      while (waiting.length > 0) await ledger.settle('one life of one Redis', waiting.splice(0, 4000))
    },
    /** Judges all windows that are closed by then. @returns flags that are new */
    async judge(untilSeconds: number, options: RiskEvaluatorOptions = {}): Promise<RiskFlag[]> {
      await this.settle()
      return judgeAll(createRiskEvaluator(ledger, options), untilSeconds)
    },
  }
}

export async function judgeAll(evaluator: RiskEvaluator, untilSeconds: number): Promise<RiskFlag[]> {
  const flags: RiskFlag[] = []
  for (let isMoreLeft = true; isMoreLeft; ) {
    const progress = await evaluator.evaluateUpTo(untilSeconds)
    flags.push(...progress.flags)
    isMoreLeft = progress.isMoreLeft
  }
  return flags
}
