import { type Kysely, type Selectable, sql } from 'kysely'
import { REASONS, type Reason } from './accounting/reasons.ts'
import { streamIdIn } from './rows.ts'
import { asBigint, asNumber, type LedgerTables } from './sql/tables.ts'

/** A line of the journal: what one entry credited, or what was recovered without one. */
export interface JournalLine {
  /** The entry's; of recovered bytes, the low watermark at that time. */
  readonly id: string
  readonly atSeconds: number
  readonly infohash: string
  readonly peerId: string
  readonly event: string
  readonly claimedUploadedBytes: bigint
  readonly claimedDownloadedBytes: bigint
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  readonly reason: Reason | 'recovered' | 'counted'
  /** The same for people. */
  readonly why: string
  /** Who decides about these bytes and how it stands; undefined for bytes that never were in a hold. */
  readonly hold: { readonly name: string; readonly state: string } | undefined
}

const PAGE = 1_000

/** What of a journal is read. */
export interface JournalQuery {
  /** One torrent. Default: all. */
  readonly infohash?: string | undefined
  /** Default: the oldest first. */
  readonly newestFirst?: boolean | undefined
}

/** A user's journal. Pages as it is read: it may be long. */
export async function* readJournal(
  db: Kysely<LedgerTables>,
  passkey: string,
  query: JournalQuery = {},
): AsyncGenerator<JournalLine> {
  const states = await holdStates(db, passkey)
  let rows: EntryRow[] = []
  do {
    rows = await journalPage(db, passkey, query, rows.at(-1))
    for (const row of rows) yield lineOf(row, states)
  } while (rows.length === PAGE)
}

type EntryRow = Selectable<LedgerTables['pt_entries']>

function journalPage(
  db: Kysely<LedgerTables>,
  passkey: string,
  { infohash, newestFirst = false }: JournalQuery,
  after: EntryRow | undefined,
): Promise<EntryRow[]> {
  const [direction, passes] = newestFirst ? (['desc', '<'] as const) : (['asc', '>'] as const)
  let page = db.selectFrom('pt_entries').selectAll().where('passkey', '=', passkey)
  if (after !== undefined) {
    const { ms, seq, history, part } = after
    page = page
      .where('ms', `${passes}=`, ms)
      .where(
        sql<boolean>`(ms, seq, history, part) ${sql.raw(passes)} (${sql.join([ms, seq, history, part])})`,
      )
  }
  if (infohash !== undefined) page = page.where('infohash', '=', infohash)
  return page
    .orderBy('ms', direction)
    .orderBy('seq', direction)
    .orderBy('history', direction)
    .orderBy('part', direction)
    .limit(PAGE)
    .execute()
}

function lineOf(row: EntryRow, states: ReadonlyMap<string, string>): JournalLine {
  const line = {
    id: streamIdIn(row),
    atSeconds: asNumber(row.ts),
    infohash: row.infohash,
    peerId: row.peer_id,
    event: row.event,
    claimedUploadedBytes: asBigint(row.claimed_uploaded),
    claimedDownloadedBytes: asBigint(row.claimed_downloaded),
    uploadedBytes: asBigint(row.uploaded),
    downloadedBytes: asBigint(row.downloaded),
    reason: row.reason as JournalLine['reason'],
    hold: row.hold === '' ? undefined : { name: row.hold, state: states.get(row.hold) ?? 'unknown' },
  }
  return { ...line, why: why(line) }
}

/** What of the line is in the user's totals. A void drops uploads; downloads count all the same. */
export function inTotals({
  hold,
  uploadedBytes,
  downloadedBytes,
}: Pick<JournalLine, 'hold' | 'uploadedBytes' | 'downloadedBytes'>) {
  if (hold === undefined || hold.state === 'released') return { uploadedBytes, downloadedBytes }
  return { uploadedBytes: 0n, downloadedBytes: hold.state === 'voided' ? downloadedBytes : 0n }
}

async function holdStates(db: Kysely<LedgerTables>, passkey: string): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .selectFrom('pt_holds')
    .select(['hold', 'state'])
    .where('passkey', '=', passkey)
    .execute()
  return new Map(rows.map(({ hold, state }) => [hold, state]))
}

function why({ reason, event, hold }: Omit<JournalLine, 'why'>): string {
  const finished = event === 'completed' ? '; the client has finished the torrent' : ''
  if (hold === undefined) return REASONS[reason] + finished
  const states: Readonly<Record<string, string>> = {
    active: 'held until staff decide',
    released: 'was held, and released by staff',
    voided: 'was held, and voided by staff: uploads are dropped, downloads count',
  }
  return `${REASONS[reason]}${finished}; ${states[hold.state] ?? hold.state} (hold ${hold.name})`
}
