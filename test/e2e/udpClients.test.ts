import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { startLeech } from '../support/clients/aria2.ts'
import { isLibtorrentMissing, startLibtorrent } from '../support/clients/libtorrent.ts'
import { makeTorrent, sha256OfFile } from '../support/clients/torrent.ts'
import { startSeed } from '../support/clients/transmission.ts'
import { isMissing } from '../support/programs/programs.ts'
import { startTracker } from '../support/programs/tracker.ts'
import { endProcesses, eventually } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { readTraffic, sumSessions, type TrafficEntry } from '../support/servers/trackerTraffic.ts'

/*
Which clients send the path and query of a UDP announce URL (BEP 41), seen from their packets:
  libtorrent (qBittorrent, Deluge)   yes
  Transmission 3.00                  no: 98 bytes, no options
  aria2 1.36.0                       no: 100 bytes, the two bytes of zeros of an older draft behind the port
So the latter two need a tracker without passkey approval, or HTTP.
*/
const SIZE_BYTES = 2 * 1_048_576
const STEP_WITHIN_MS = 30_000
/** Clients keep a new peer waiting for some seconds before they serve it. */
const DOWNLOAD_WITHIN_MS = 60_000
const TEST_WITHIN_MS = 150_000

afterEach(endProcesses)

/** A tracker with UDP beside HTTP, and what it writes. */
async function start(options: { isOpen: boolean }) {
  const { url: redisUrl } = await startRedis()
  const passkey = randomBytes(16).toString('hex')
  const client = new Redis(redisUrl)
  await client.sadd('pt:passkeys', passkey)
  client.disconnect()
  const tracker = await startTracker({
    redisUrl,
    config: {
      udp: { addr: '[::]:0', private_key: 'key of the test' },
      ...(options.isOpen ? { prehooks: [{ name: 'traffic push' }] } : {}),
    },
  })
  const [, port] = /"udp":\{"host":"::","port":(\d+)\}/.exec(tracker.output())!
  const traffic = readTraffic(redisUrl)
  onTestFinished(() => traffic.close())
  return { tracker, traffic, passkey, udpUrl: `udp://127.0.0.1:${port}` }
}

const is = (agent: string, event: string) => (entry: TrafficEntry) =>
  entry.agent!.startsWith(agent) && entry.event === event

describe('over UDP two real clients exchange a file', () => {
  test.skipIf(isMissing('mktorrent', 'transmission-daemon', 'aria2c'))(
    'Transmission and aria2, on an open tracker',
    { timeout: TEST_WITHIN_MS },
    async () => {
      const { tracker, traffic, udpUrl } = await start({ isOpen: true })
      const torrent = makeTorrent(`${udpUrl}/announce`, SIZE_BYTES)
      const seed = await startSeed(torrent)
      await traffic.waitFor('the seed announces', is('-TR', 'started'), STEP_WITHIN_MS)
      const leech = await startLeech(torrent, { enableUdp: true })
      await traffic.waitFor('the download completes', is('A2-', 'completed'), DOWNLOAD_WITHIN_MS)
      expect(await leech.stop()).toEqual({ code: 0, signal: null })
      expect(sha256OfFile(leech.filePath)).toBe(torrent.sha256)
      await seed.leaveSwarm()
      await traffic.waitFor('the seed leaves', is('-TR', 'stopped'), STEP_WITHIN_MS)
      const seedSaysBytes = await seed.uploadedBytes()

      const [seeded, leeched, ...others] = sumSessions(await traffic.entries())
      expect(others).toEqual([])
      expect(seeded).toMatchObject({ uploadedBytes: seedSaysBytes, downloadedBytes: 0 })
      expect(leeched).toMatchObject({ uploadedBytes: 0, downloadedBytes: SIZE_BYTES })
      expect(await tracker.stop()).toEqual({ code: 0, signal: null })
    },
  )

  test.skipIf(isMissing('mktorrent', 'python3') || isLibtorrentMissing())(
    'libtorrent, with the passkey in the path and in the query',
    { timeout: TEST_WITHIN_MS },
    async () => {
      const { tracker, traffic, udpUrl, passkey } = await start({ isOpen: false })
      const torrent = makeTorrent(`${udpUrl}/announce/${passkey}`, SIZE_BYTES)
      const seed = await startLibtorrent(torrent, `${udpUrl}/announce/${passkey}`, 'seed')
      await traffic.waitFor('the seed announces', is('-LT', 'started'), STEP_WITHIN_MS)
      const leech = await startLibtorrent(torrent, `${udpUrl}/announce?passkey=${passkey}`, 'leech')
      await traffic.waitFor('the download completes', is('-LT', 'completed'), DOWNLOAD_WITHIN_MS)
      await leech.leave()
      await seed.leave()
      expect(sha256OfFile(leech.filePath)).toBe(torrent.sha256)

      const entries = await traffic.entries()
      expect(new Set(entries.map((entry) => entry.passkey))).toEqual(new Set([passkey]))
      const [seeded, leeched, ...others] = sumSessions(entries)
      expect(others).toEqual([])
      expect(seeded).toMatchObject({ downloadedBytes: 0 })
      expect(seeded!.uploadedBytes).toBe(seeded!.totals.uploadedBytes)
      expect(leeched).toMatchObject({ uploadedBytes: 0, downloadedBytes: SIZE_BYTES })
      for (const { events } of [seeded!, leeched!]) {
        expect(events[0]).toBe('started')
        expect(events.at(-1)).toBe('stopped')
      }
      expect(tracker.output()).not.toContain(passkey)
    },
  )
})

test.skipIf(isMissing('mktorrent', 'transmission-daemon'))(
  'a client without BEP 41 is told that its passkey is missing',
  { timeout: TEST_WITHIN_MS },
  async () => {
    const { tracker, traffic, udpUrl, passkey } = await start({ isOpen: false })
    await startSeed(makeTorrent(`${udpUrl}/announce/${passkey}`, SIZE_BYTES))
    await eventually('it is refused', STEP_WITHIN_MS, async () => {
      const metrics = await (await fetch(`${tracker.metricsUrl}/metrics`)).text()
      const refused = 'action="announce",address_family="IPv4",error="missing passkey"'
      return metrics.includes(`chihaya_udp_response_duration_milliseconds_count{${refused}}`) || undefined
    })
    expect(await traffic.entries()).toEqual([])
  },
)
