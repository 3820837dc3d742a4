import { asBigint, asNumber } from 'redswarm'

/*
What the pages want to know of the ledger, read from its tables as any other program of the site may. The names of tables and
columns are part of what the library promises.
*/

const ROWS = 50
/** Clients announce twice an hour; what is older says nothing about now. */
const LATELY_SECONDS = 3600

/** In the site's words. The ledger's own are in src/pt/ledger/settlement.ts. */
const WHY = {
  first: 'the first announce of this client: counting begins here',
  growth: 'the client’s totals grew by this much',
  overlap: 'a part of what was reported had been credited before',
  covered: 'had been credited before',
  reset: 'the client began to count anew',
  restart: 'the client began to count anew while the tracker had lost sight of it',
  baseline: 'the tracker had lost sight of this client and found it again',
  recovered: 'the report was lost on its way; the client’s totals show it all the same',
  counted: 'the report was lost on its way; seen, but not credited',
  blind: 'as reported, without the client’s totals',
}

/** @returns undefined for somebody who has not announced yet */
export async function totalsOf(ledger, passkey) {
  const { db } = ledger.database
  const row = await db.selectFrom('pt_users').selectAll().where('passkey', '=', passkey).executeTakeFirst()
  if (!row) return undefined
  return {
    uploaded: asBigint(row.uploaded),
    downloaded: asBigint(row.downloaded),
    seedSeconds: asBigint(row.seed_seconds),
    leechSeconds: asBigint(row.leech_seconds),
    completed: asBigint(row.completed),
    lastSeen: asNumber(row.last_seen),
  }
}

/** Each list the newest first. */
export async function booksOf(ledger, passkey) {
  const { db } = ledger.database
  const of = (table, order) =>
    db
      .selectFrom(table)
      .selectAll()
      .where('passkey', '=', passkey)
      .orderBy(order, 'desc')
      .limit(ROWS)
      .execute()
  const torrents = await of('pt_user_torrents', 'last_seen')
  const windows = await of('pt_windows', 'window_start')
  const credits = await of('pt_entries', 'ms')
  const lately = windows.map(windowOf)
  return {
    totals: await totalsOf(ledger, passkey),
    torrents: torrents.map((row) => ({
      infohash: row.infohash,
      ...movedOf(row),
      seedSeconds: asBigint(row.seed_seconds),
      left: asBigint(row.last_left),
      completedAt: asNumber(row.completed_at),
      lastSeen: asNumber(row.last_seen),
    })),
    windows: lately,
    speed: speedOf(lately, Date.now() / 1000),
    credits: credits.map((row) => ({
      at: asNumber(row.ts),
      infohash: row.infohash,
      event: row.event,
      ...movedOf(row),
      why: `${WHY[row.reason] ?? row.reason}${row.hold ? '; parked until staff have looked at it' : ''}`,
    })),
  }
}

const windowOf = (row) => ({
  start: asNumber(row.window_start),
  infohash: row.infohash,
  ...movedOf(row),
  seconds: asBigint(row.seconds),
})

/** Bytes a second over the newest window, all torrents together; undefined when it is too old to speak of now. */
function speedOf(windows, nowSeconds) {
  const [newest] = windows
  if (!newest || newest.start < nowSeconds - LATELY_SECONDS) return undefined
  const speed = { upload: 0n, download: 0n }
  for (const { start, uploaded, downloaded, seconds } of windows) {
    if (start !== newest.start || seconds === 0n) continue
    speed.upload += uploaded / seconds
    speed.download += downloaded / seconds
  }
  return speed
}

const movedOf = (row) => ({ uploaded: asBigint(row.uploaded), downloaded: asBigint(row.downloaded) })
