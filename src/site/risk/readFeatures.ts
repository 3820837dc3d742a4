import { setImmediate } from 'node:timers/promises'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Infohash, Passkey, PeerId } from '../../bittorrent/types.ts'
import type { Database } from '../ledger/sql/dialect.ts'
import { asBigint, asNumber, type LedgerTables } from '../ledger/sql/tables.ts'
import type {
  CompletionFeatures,
  ResetFeatures,
  SightingFeatures,
  Span,
  SwarmFeatures,
  TorrentFeatures,
  WindowFeatures,
} from './features.ts'
import type { ImpossibleRate, ManyNetworks, SharedIdentity, UploadAboveDownloads } from './thresholds.ts'

type Db = Kysely<LedgerTables>

/** Names in one list of a query. */
const NAMES = 250
/** Sightings read for one question; more of one passkey or identity say nothing new. */
const SIGHTINGS = 5_000
const UPLOADERS = 20

/** All that one window has and that some rule asks about; rows of everybody else stay in the database. */
export interface NotableRow extends WindowFeatures {
  readonly resets: number
  readonly completedNoData: number
}

/**
 * What the rules decide from, read from the books. Each query is over one window, one period of a few names, or the
 * sessions that began in a window, and has an index for it. The database lets through what may be a finding; the rules decide.
 */
export class FeatureReader {
  readonly #db: Db
  readonly #windowSeconds: number
  readonly #greatest: RawBuilder<unknown>
  readonly #sum: RawBuilder<unknown>

  constructor({ db, dialect }: Database, windowSeconds: number) {
    this.#db = db
    this.#windowSeconds = windowSeconds
    this.#greatest = sql.raw(dialect.greatest)
    this.#sum = sql.raw(dialect.sum)
  }

  /** Passkeys that may be too fast, each with its rows of the window. */
  async fastPasskeys(windowStart: number, { maxRate, minBytes, minSeconds }: ImpossibleRate) {
    // Cents of a byte per second are lost where the database divides; the rule has the last word.
    const rate = sql<number>`sum(1.0 * uploaded / ${this.#greatest}(seconds, ${sql.lit(minSeconds)}))`
    const passkeys = await this.#db
      .selectFrom('pt_windows')
      .select('passkey')
      .where('window_start', '=', windowStart)
      .groupBy('passkey')
      .having(sql<number>`sum(1.0 * uploaded)`, '>=', minBytes)
      .having(rate, '>', maxRate * 0.999)
      .execute()
    const fast: WindowFeatures[][] = []
    for (const { passkey } of passkeys) {
      const rows = await windowRows(this.#db)
        .where('window_start', '=', windowStart)
        .where('passkey', '=', passkey)
        .execute()
      fast.push(rows.map(windowFeatures))
    }
    return fast
  }

  /** Rows with uploads to nobody, counters that began anew, or downloads that finished without data. */
  async notableRows(windowStart: number, minUploadedNoLeechers: number): Promise<NotableRow[]> {
    const rows = await windowRows(this.#db)
      .select(['resets', 'completed_no_data'])
      .where('window_start', '=', windowStart)
      .where((is) =>
        is.or([
          is('uploaded_no_leechers', '>=', minUploadedNoLeechers),
          is('resets', '>', 0),
          is('completed_no_data', '>', 0),
        ]),
      )
      .execute()
    return rows.map((row) => ({
      ...windowFeatures(row),
      resets: asNumber(row.resets),
      completedNoData: asNumber(row.completed_no_data),
    }))
  }

  async swarm(infohash: Infohash, passkey: Passkey, span: Span): Promise<SwarmFeatures> {
    const row = await this.#db
      .selectFrom('pt_windows')
      .select([
        sql<string>`max(max_leechers)`.as('leechers'),
        sql<string>`${this.#sum}(case when passkey <> ${passkey} then downloaded else 0 end)`.as(
          'downloaded',
        ),
      ])
      .where('infohash', '=', infohash)
      .where('window_start', '>=', span.fromSeconds)
      .where('window_start', '<', span.untilSeconds)
      .executeTakeFirst()
    return { maxLeechers: asNumber(row?.leechers), downloadedByOthers: asBigint(row?.downloaded) }
  }

  /**
   * Torrents with uploads since `recentSeconds` that may not add up over the period. Goes through the period's rows once,
   * a few windows at a time, in the order in which they lie.
   *
   * @param marginSeconds around the period, within which downloads count that belong to its uploads
   */
  async oddTorrents(
    span: Span,
    { recentSeconds, marginSeconds }: { readonly recentSeconds: number; readonly marginSeconds: number },
    { maxRatio, slack }: UploadAboveDownloads,
  ): Promise<Infohash[]> {
    const sums = new Map<string, { uploaded: number; downloaded: number; isRecent: boolean }>()
    const end = span.untilSeconds + marginSeconds
    for (let from = span.fromSeconds - marginSeconds; from < end; from += this.#windowSeconds) {
      await setImmediate() // SQLite works inside the process, and others have something to do too
      const rows = await this.#db
        .selectFrom('pt_windows')
        .select([
          'infohash',
          sql<string>`${this.#sum}(uploaded)`.as('uploaded'),
          sql<string>`${this.#sum}(downloaded)`.as('downloaded'),
        ])
        .where('window_start', '>=', from)
        .where('window_start', '<', Math.min(from + this.#windowSeconds, end))
        .groupBy('infohash')
        .execute()
      const isWithin = from >= span.fromSeconds && from < span.untilSeconds
      for (const row of rows) {
        const uploaded = isWithin ? asNumber(row.uploaded) : 0
        const before = sums.get(row.infohash) ?? { uploaded: 0, downloaded: 0, isRecent: false }
        before.uploaded += uploaded
        before.downloaded += asNumber(row.downloaded)
        before.isRecent ||= uploaded > 0 && from >= recentSeconds
        sums.set(row.infohash, before)
      }
    }
    const odd = [...sums].filter(
      ([, { uploaded, downloaded, isRecent }]) => isRecent && uploaded > maxRatio * downloaded + slack,
    )
    return odd.map(([infohash]) => infohash as Infohash)
  }

  /** What all passkeys moved on these torrents over the period, downloads with the margin. */
  async torrents(
    infohashes: readonly Infohash[],
    span: Span,
    marginSeconds: number,
  ): Promise<TorrentFeatures[]> {
    const torrents: TorrentFeatures[] = []
    for (const infohash of infohashes) {
      await setImmediate()
      const row = await this.#db
        .selectFrom('pt_windows')
        .select([
          sql<string>`${this.#sum}(case when window_start >= ${sql.lit(span.fromSeconds)}
            and window_start < ${sql.lit(span.untilSeconds)} then uploaded else 0 end)`.as('uploaded'),
          sql<string>`${this.#sum}(downloaded)`.as('downloaded'),
        ])
        .where('infohash', '=', infohash)
        .where('window_start', '>=', span.fromSeconds - marginSeconds)
        .where('window_start', '<', span.untilSeconds + marginSeconds)
        .executeTakeFirst()
      torrents.push({
        infohash,
        uploaded: asBigint(row?.uploaded),
        downloaded: asBigint(row?.downloaded),
        uploaders: await this.#uploadersOf(infohash, span),
      })
    }
    return torrents
  }

  async resets(passkey: Passkey, infohash: Infohash, span: Span): Promise<ResetFeatures> {
    const row = await this.#db
      .selectFrom('pt_windows')
      .select([sql<string>`sum(resets)`.as('resets'), sql<string>`${this.#sum}(uploaded)`.as('uploaded')])
      .where('passkey', '=', passkey)
      .where('infohash', '=', infohash)
      .where('window_start', '>=', span.fromSeconds)
      .where('window_start', '<', span.untilSeconds)
      .executeTakeFirst()
    return { passkey, infohash, resets: asNumber(row?.resets), uploaded: asBigint(row?.uploaded) }
  }

  async completions(passkey: Passkey, span: Span): Promise<CompletionFeatures> {
    const row = await this.#db
      .selectFrom('pt_windows')
      .select([
        sql<string>`count(distinct infohash)`.as('torrents'),
        sql<string>`sum(completed_no_data)`.as('completions'),
      ])
      .where('passkey', '=', passkey)
      .where('window_start', '>=', span.fromSeconds)
      .where('window_start', '<', span.untilSeconds)
      .where('completed_no_data', '>', 0)
      .executeTakeFirst()
    return { passkey, torrents: asNumber(row?.torrents), completions: asNumber(row?.completions) }
  }

  /** Addresses of a passkey's clients on these torrents that have announced since. */
  async sessions(passkey: Passkey, infohashes: readonly Infohash[], sinceSeconds: number) {
    const rows = await this.#db
      .selectFrom('pt_sessions')
      .select(['infohash', 'ip4', 'ip6'])
      .where('passkey', '=', passkey)
      .where('infohash', 'in', infohashes.slice(0, NAMES))
      .where('last_ts', '>=', sinceSeconds)
      .execute()
    return rows.map(({ infohash, ip4, ip6 }) => ({ infohash: infohash as Infohash, ip4, ip6 }))
  }

  /** Passkeys with a client that came, or moved, within the span, and that may be in more networks than allowed. */
  async spreadPasskeys(span: Span, { maxNetworks }: ManyNetworks): Promise<Passkey[]> {
    const came = await this.#db
      .selectFrom('pt_sightings')
      .select('passkey')
      .distinct()
      .where('seen_ts', '>=', span.fromSeconds)
      .where('seen_ts', '<', span.untilSeconds)
      .execute()
    const spread: Passkey[] = []
    for (let first = 0; first < came.length; first += NAMES) {
      await setImmediate()
      const passkeys = came.slice(first, first + NAMES).map(({ passkey }) => passkey)
      const rows = await liveSightings(this.#db, span)
        .select('s.passkey')
        .where('s.passkey', 'in', passkeys)
        .groupBy('s.passkey')
        .having(sql<number>`count(distinct s.ip4) + count(distinct s.ip6)`, '>', maxNetworks)
        .execute()
      spread.push(...rows.map(({ passkey }) => passkey as Passkey))
    }
    return spread
  }

  /** A passkey's sessions that were live within the span, each at its latest address. */
  async liveSessions(passkey: Passkey, span: Span): Promise<SightingFeatures[]> {
    const rows = await liveSightings(this.#db, span)
      .select(SIGHTING)
      .where('s.passkey', '=', passkey)
      .orderBy('s.seen_ts', 'desc')
      .limit(SIGHTINGS)
      .execute()
    const sessions = new Map<string, SightingFeatures>()
    for (const row of rows) {
      const key = `${row.infohash} ${row.peer_id}`
      if (!sessions.has(key)) sessions.set(key, sighting(row))
    }
    return [...sessions.values()]
  }

  /** Sightings that share a peer id or an endpoint with another passkey, one of them from within the span. */
  async sharedSightings(span: Span, { ignoredPorts }: SharedIdentity): Promise<SightingFeatures[]> {
    const came = () =>
      this.#db
        .selectFrom('pt_sightings as s')
        .distinct()
        .where('s.seen_ts', '>=', span.fromSeconds)
        .where('s.seen_ts', '<', span.untilSeconds)
    const found: SightingFeatures[] = []
    const peerIds = await came()
      .select('s.peer_id')
      .where(({ exists, selectFrom }) =>
        exists(
          selectFrom('pt_sightings as o')
            .select('o.passkey')
            .whereRef('o.peer_id', '=', 's.peer_id')
            .whereRef('o.passkey', '<>', 's.passkey'),
        ),
      )
      .execute()
    for (const { peer_id } of peerIds) found.push(...(await sightings(this.#db, { peer_id })))
    for (const family of ['ip4', 'ip6'] as const) {
      const endpoints = await came()
        .select([`s.${family} as ip`, 's.port'])
        .where(`s.${family}`, '<>', '')
        .where('s.port', 'not in', [0, ...ignoredPorts])
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('pt_sightings as o')
              .select('o.passkey')
              .whereRef(`o.${family}`, '=', `s.${family}`)
              .whereRef('o.port', '=', 's.port')
              .whereRef('o.passkey', '<>', 's.passkey'),
          ),
        )
        .execute()
      for (const { ip, port } of endpoints)
        found.push(...(await sightings(this.#db, { [family]: ip, port: asNumber(port) })))
    }
    return found
  }

  async #uploadersOf(infohash: string, span: Span): Promise<TorrentFeatures['uploaders']> {
    const rows = await this.#db
      .selectFrom('pt_windows')
      .select(['passkey', sql<string>`${this.#sum}(uploaded)`.as('uploaded')])
      .where('infohash', '=', infohash)
      .where('window_start', '>=', span.fromSeconds)
      .where('window_start', '<', span.untilSeconds)
      .groupBy('passkey')
      .orderBy('uploaded', 'desc')
      .orderBy('passkey')
      .limit(UPLOADERS)
      .execute()
    return rows.map((row) => ({ passkey: row.passkey as Passkey, uploaded: asBigint(row.uploaded) }))
  }
}

function windowRows(db: Db) {
  return db
    .selectFrom('pt_windows')
    .select(['passkey', 'infohash', 'uploaded', 'downloaded', 'seconds', 'uploaded_no_leechers'])
}

type WindowRow = Awaited<ReturnType<ReturnType<typeof windowRows>['executeTakeFirstOrThrow']>>

function windowFeatures(row: WindowRow): WindowFeatures {
  return {
    passkey: row.passkey as Passkey,
    infohash: row.infohash as Infohash,
    uploaded: asBigint(row.uploaded),
    downloaded: asBigint(row.downloaded),
    seconds: asNumber(row.seconds),
    uploadedNoLeechers: asBigint(row.uploaded_no_leechers),
  }
}

const SIGHTING = [
  's.passkey',
  's.infohash',
  's.peer_id',
  's.ip4',
  's.ip6',
  's.port',
  's.seen_ts',
  't.last_ts',
] as const

function joined(db: Db) {
  return db
    .selectFrom('pt_sightings as s')
    .innerJoin('pt_sessions as t', (join) =>
      join
        .onRef('t.passkey', '=', 's.passkey')
        .onRef('t.infohash', '=', 's.infohash')
        .onRef('t.peer_id', '=', 's.peer_id'),
    )
}

/** Of sessions that had come before the span's end, and have announced since its beginning. */
function liveSightings(db: Db, span: Span) {
  return joined(db).where('s.seen_ts', '<', span.untilSeconds).where('t.last_ts', '>=', span.fromSeconds)
}

async function sightings(
  db: Db,
  same: { readonly peer_id?: string; readonly ip4?: string; readonly ip6?: string; readonly port?: number },
): Promise<SightingFeatures[]> {
  let query = joined(db).select(SIGHTING).orderBy('s.seen_ts', 'desc').limit(SIGHTINGS)
  for (const [column, value] of Object.entries(same))
    query = query.where(`s.${column as 'peer_id' | 'ip4' | 'ip6' | 'port'}`, '=', value)
  return (await query.execute()).map(sighting)
}

interface SightingRow {
  readonly passkey: string
  readonly infohash: string
  readonly peer_id: string
  readonly ip4: string
  readonly ip6: string
  readonly port: bigint | string | number
  readonly seen_ts: bigint | string | number
  readonly last_ts: bigint | string | number
}

function sighting(row: SightingRow): SightingFeatures {
  return {
    passkey: row.passkey as Passkey,
    infohash: row.infohash as Infohash,
    peerId: row.peer_id as PeerId,
    ip4: row.ip4 || undefined,
    ip6: row.ip6 || undefined,
    port: asNumber(row.port),
    firstSeconds: asNumber(row.seen_ts),
    lastSeconds: asNumber(row.last_ts),
  }
}
