import { once } from 'node:events'
import { parseInfohash } from '../../bittorrent/bytes20.ts'
import { maskPasskey, parsePasskey } from '../../bittorrent/passkey.ts'
import { timeText } from '../../runtime/timeText.ts'
import { inTotals, type JournalLine } from '../../site/ledger/explain.ts'
import { openLedger } from '../../site/ledger/ledger.ts'
import type { UserTorrent, UserTotals } from '../../site/ledger/reading.ts'
import { bytesInWords, secondsInWords } from '../../site/risk/inWords.ts'

export interface ExplainOptions {
  readonly db: string
  readonly json: boolean
}

/** What of the journal is in the totals. */
interface Explained {
  uploadedBytes: bigint
  downloadedBytes: bigint
  lines: number
}

/**
 * `redswarm traffic explain`: a user's totals, for all torrents or one, and what each entry credited and why. Where nothing
 * was settled, JSON says 0, which is what a program adds; a person may have mistyped: throws Error with one line.
 */
export async function explainTraffic(
  passkeyText: string,
  infohashText: string | undefined,
  { db, json }: ExplainOptions,
): Promise<void> {
  const passkey = parsePasskey(passkeyText)
  if (passkey === undefined) throw new Error('not a passkey: 1 to 128 characters of A-Z a-z 0-9 - _')
  const infohash = infohashText === undefined ? undefined : parseInfohash(infohashText)
  if (infohashText !== undefined && infohash === undefined) throw new Error('not an infohash: 40 hex digits')

  const ledger = await openLedger(db, { mustExist: true })
  try {
    const user = await ledger.userTotals(passkey)
    const torrent = user && infohash && (await ledger.userTorrent(passkey, infohash))
    if (json && (user === undefined || (infohash !== undefined && torrent === undefined)))
      return await out(NOTHING_JSON)
    if (user === undefined) throw new Error(`nothing was settled for the passkey ${maskPasskey(passkey)}`)
    if (infohash !== undefined && torrent === undefined)
      throw new Error(`nothing was settled for the passkey ${maskPasskey(passkey)} and this torrent`)
    const lines = ledger.explain(passkey, { infohash })
    await (json ? writeJson(user, torrent, lines) : writeText(user, torrent, lines))
  } finally {
    await ledger.close()
  }
}

const NOTHING_JSON = '{"totals":{"uploaded":"0","downloaded":"0"},"entries":[]}\n'

type Lines = AsyncIterable<JournalLine>

/** One document, written as it is read: a journal may be long. */
async function writeJson(user: UserTotals, torrent: UserTorrent | undefined, lines: Lines): Promise<void> {
  const { uploadedBytes, downloadedBytes } = torrent ?? user
  const totals = { uploaded: String(uploadedBytes), downloaded: String(downloadedBytes) }
  await out(
    `{"totals":${JSON.stringify(totals)},"more":${JSON.stringify(moreJson(user, torrent))},"entries":[`,
  )
  let separator = ''
  for await (const line of lines) {
    await out(`${separator}\n${JSON.stringify(lineJson(line))}`)
    separator = ','
  }
  await out(separator === '' ? ']}\n' : '\n]}\n')
}

function moreJson(user: UserTotals, torrent: UserTorrent | undefined) {
  const { seedSeconds, leechSeconds, announces, firstSeen, lastSeen } = torrent ?? user
  const common = {
    seed_seconds: String(seedSeconds),
    leech_seconds: String(leechSeconds),
    announces: String(announces),
    first_seen: firstSeen,
    last_seen: lastSeen,
  }
  if (torrent !== undefined) {
    return { ...common, completed_at: torrent.completedAt ?? null, left: String(torrent.leftBytes) }
  }
  return {
    ...common,
    completed: user.completed,
    recovered_uploaded: String(user.recoveredUploadedBytes),
    recovered_downloaded: String(user.recoveredDownloadedBytes),
    held_uploaded: String(user.heldUploadedBytes),
    held_downloaded: String(user.heldDownloadedBytes),
  }
}

function lineJson(line: JournalLine) {
  return {
    id: line.id,
    ts: line.atSeconds,
    infohash: line.infohash,
    peer_id: line.peerId,
    event: line.event,
    claimed_uploaded: String(line.claimedUploadedBytes),
    claimed_downloaded: String(line.claimedDownloadedBytes),
    uploaded: String(line.uploadedBytes),
    downloaded: String(line.downloadedBytes),
    reason: line.reason,
    why: line.why,
    hold: line.hold?.name ?? null,
    hold_state: line.hold?.state ?? null,
  }
}

async function writeText(user: UserTotals, torrent: UserTorrent | undefined, lines: Lines): Promise<void> {
  const explained: Explained = { uploadedBytes: 0n, downloadedBytes: 0n, lines: 0 }
  await out(`${headText(user, torrent)}\n`)
  for await (const line of lines) {
    if (explained.lines++ === 0) await out(row(['time (UTC)', 'torrent', 'up', 'down', 'why']))
    const counted = inTotals(line)
    explained.uploadedBytes += counted.uploadedBytes
    explained.downloadedBytes += counted.downloadedBytes
    const { infohash, uploadedBytes, downloadedBytes } = line
    await out(
      row([
        timeText(line.atSeconds),
        infohash.slice(0, 12),
        bytesInWords(uploadedBytes),
        bytesInWords(downloadedBytes),
        line.why,
      ]),
    )
  }
  await out(restText(torrent ?? user, explained))
}

function headText(user: UserTotals, torrent: UserTorrent | undefined): string {
  const totals = torrent ?? user
  const lines: [string, string][] = [
    ['user', maskPasskey(user.passkey)],
    ['torrent', torrent?.infohash ?? 'all'],
    ['uploaded', bytes(totals.uploadedBytes)],
    ['downloaded', bytes(totals.downloadedBytes)],
    ['seeding', secondsInWords(Number(totals.seedSeconds))],
    ['leeching', secondsInWords(Number(totals.leechSeconds))],
    [
      'announces',
      `${totals.announces}, from ${timeText(totals.firstSeen)} to ${timeText(totals.lastSeen)} UTC`,
    ],
  ]
  if (torrent !== undefined) {
    const { completedAt } = torrent
    lines.push(['finished', completedAt === undefined ? 'no' : `${timeText(completedAt)} UTC`])
  } else {
    lines.push(['finished', `${user.completed} ${user.completed === 1 ? 'torrent' : 'torrents'}`])
    const recovered = user.recoveredUploadedBytes + user.recoveredDownloadedBytes
    if (recovered > 0n)
      lines.push(['recovered', both(user.recoveredUploadedBytes, user.recoveredDownloadedBytes)])
    const held = user.heldUploadedBytes + user.heldDownloadedBytes
    if (held > 0n)
      lines.push(['held', `${both(user.heldUploadedBytes, user.heldDownloadedBytes)}, not in the totals`])
  }
  return lines.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join('')
}

/** What the lines leave unexplained: the journal is kept for a time only. */
function restText(totals: UserTotals | UserTorrent, explained: Explained): string {
  const up = totals.uploadedBytes - explained.uploadedBytes
  const down = totals.downloadedBytes - explained.downloadedBytes
  if (up === 0n && down === 0n)
    return explained.lines === 0 ? 'nothing was moved yet\n' : '\nthat is all of the totals\n'
  if (up >= 0n && down >= 0n) return `\n${both(up, down)} were credited before the journal begins\n`
  return `\nthe totals differ from the journal by ${both(up, down)}: something else than this program changed them\n`
}

const both = (up: bigint, down: bigint) => `${bytes(up)} up, ${bytes(down)} down`
const bytes = (count: bigint) => (count < 1024n ? `${count} B` : `${bytesInWords(count)} (${count} B)`)
const row = ([at, torrent, up, down, why]: readonly string[]) =>
  `${at!.padEnd(20)} ${torrent!.padEnd(13)}${up!.padStart(11)}${down!.padStart(11)}   ${why}\n`
async function out(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
