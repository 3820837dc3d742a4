/** What the ledger holds of one user, as their page wants it. */

const ROWS = 50
/** Clients announce twice an hour; what is older says nothing about now. */
const LATELY_SECONDS = 3600

/**
 * @param {import('redswarm').Ledger} ledger
 * @param {string} passkey
 * @returns lists with the newest first; `totals` is undefined for somebody who has not announced yet
 */
export async function booksOf(ledger, passkey) {
  const totals = await ledger.userTotals(passkey)
  const torrents = await ledger.userTorrents(passkey)
  const windows = await ledger.windows(passkey, { limit: ROWS })
  const credits = []
  for await (const line of ledger.explain(passkey, { newestFirst: true }))
    if (credits.push(line) === ROWS) break
  return {
    totals,
    torrents: torrents.toSorted((one, other) => other.lastSeen - one.lastSeen).slice(0, ROWS),
    windows,
    speed: speedOf(windows, Date.now() / 1000),
    credits,
  }
}

/** Bytes a second over the newest window, all torrents together; undefined when it is too old to speak of now. */
function speedOf(windows, nowSeconds) {
  const [newest] = windows
  if (!newest || newest.startSeconds < nowSeconds - LATELY_SECONDS) return undefined
  const speed = { upload: 0, download: 0 }
  for (const { startSeconds, uploadRate = 0, downloadRate = 0 } of windows) {
    if (startSeconds !== newest.startSeconds) break
    speed.upload += uploadRate
    speed.download += downloadRate
  }
  return speed
}
