import { expect } from 'vitest'
import { sumSessions, type TrafficReader } from '../servers/trackerTraffic.ts'
import { type LeechOptions, startLeech } from './aria2.ts'
import { BLOCK_BYTES, makeTorrent, sha256OfFile, type TestTorrent } from './torrent.ts'
import { startSeed } from './transmission.ts'

export interface ExchangeOptions extends LeechOptions {
  /** With the passkey. */
  readonly announceUrl: string
  readonly sizeBytes: number
  readonly traffic: TrafficReader
  /** Runs while the leech is in the middle of its download. */
  readonly halfWay?: () => Promise<void>
}

const isAria2 = ({ agent }: Readonly<Record<string, string>>) => agent!.startsWith('aria2')
const isTransmission = ({ agent }: Readonly<Record<string, string>>) => agent!.startsWith('Transmission')
/** Transmission lets a new peer wait for up to 10 s before it serves it. */
const FIRST_BYTE_WITHIN_MS = 30_000
const STEP_WITHIN_MS = 30_000

/**
 * Transmission seeds and aria2 downloads, finding each other through the tracker alone; both then leave in an orderly
 * way. Expects the file to arrive and the stream to account for it.
 */
export async function exchangeFile(options: ExchangeOptions): Promise<void> {
  const { announceUrl, sizeBytes, traffic, halfWay } = options
  const torrent = makeTorrent(announceUrl, sizeBytes)
  const seed = await startSeed(torrent)
  await traffic.waitFor('the seed announces', isTransmission, STEP_WITHIN_MS)
  const leech = await startLeech(torrent, options)
  if (halfWay) {
    const isHalfWay = ({ down, left }: Readonly<Record<string, string>>) =>
      Number(down) > 0 && Number(left) > 0
    await traffic.waitFor('the leech has a part', (e) => isAria2(e) && isHalfWay(e), FIRST_BYTE_WITHIN_MS)
    await halfWay()
  }
  await traffic.waitFor(
    'the download completes',
    (entry) => isAria2(entry) && entry.event === 'completed',
    FIRST_BYTE_WITHIN_MS + STEP_WITHIN_MS,
  )
  // A seed announces every half hour, so until it leaves the stream knows less than it has sent: it has to leave. The
  // leech as well, for what it uploads after completing. Both announce `stopped` with their final totals.
  expect(await leech.stop()).toEqual({ code: 0, signal: null })
  expect(sha256OfFile(leech.filePath)).toBe(torrent.sha256)
  await seed.leaveSwarm()
  await traffic.waitFor('the seed leaves', (e) => isTransmission(e) && e.event === 'stopped', STEP_WITHIN_MS)

  await expectExactSums(traffic, torrent, await seed.uploadedBytes())
  await seed.stop()
}

async function expectExactSums(
  traffic: TrafficReader,
  { sizeBytes }: TestTorrent,
  seedSaysBytes: number,
): Promise<void> {
  const sessions = sumSessions(await traffic.entries())
  expect(sessions).toHaveLength(2)
  const [seed, leech] = sessions as [(typeof sessions)[0], (typeof sessions)[0]]
  for (const session of sessions) {
    // Both began at zero while the tracker looked on, so nothing is hidden in a baseline: no tolerance.
    const { uploadedBytes, downloadedBytes } = session
    expect({ uploadedBytes, downloadedBytes }).toEqual(session.totals)
    expect(session.events[0]).toBe('started')
    expect(session.events.at(-1)).toBe('stopped')
    expect(session.events.filter((event) => event !== 'none')).toHaveLength(session === seed ? 2 : 3)
  }
  expect(seed.agent).toMatch(/^Transmission/)
  expect(seed.downloadedBytes).toBe(0)
  expect(seed.uploadedBytes).toBe(seedSaysBytes)
  expect(leech.agent).toMatch(/^aria2/)
  expect(leech.events).toContain('completed')
  expect(leech.uploadedBytes).toBe(0)
  expect(leech.downloadedBytes).toBe(sizeBytes)

  // The two clients do not count alike, which no tracker can mend: Transmission counts the 13 bytes before each block
  // (length, message id, piece, offset) as uploaded, aria2 counts payload only. And a block that the leech asks for
  // twice is sent twice and kept once; that is the only tolerance here.
  const blocks = Math.ceil(sizeBytes / BLOCK_BYTES)
  const perBlock = BLOCK_BYTES + 13
  expect(seed.uploadedBytes).toBeGreaterThanOrEqual(sizeBytes + 13 * blocks)
  expect(seed.uploadedBytes).toBeLessThanOrEqual(sizeBytes + 13 * blocks + 16 * perBlock)
}
