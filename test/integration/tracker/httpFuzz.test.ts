import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BencodeValue, bdecode } from '../../../src/bittorrent/bencode.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { startTracker, type TrackerUnderTest } from '../../support/servers/trackerUnderTest.ts'

const REQUESTS = 10_000
const CONNECTIONS = 8
/** The longest a connection may be silent; far above what any answer takes. */
const SILENCE_MS = 10_000

const VALID = `info_hash=${'%aa'.repeat(20)}&peer_id=-XX0001-abcdefghijkl&port=6881&uploaded=1&downloaded=2&left=3`
const NAMES = [
  'event',
  'numwant',
  'compact',
  'no_peer_id',
  'passkey',
  'ip',
  'left',
  'port',
  'info_hash',
  'peer_id',
]
const PATHS = [
  '/announce',
  '/scrape',
  '/announce/0123abcd',
  '/announce.php',
  '/0123abcd/announce',
  '/scrape/k',
]

let tracker: TrackerUnderTest
beforeAll(async () => {
  const { url, keyPrefix } = testRedis()
  tracker = await startTracker({ redisUrl: url, keyPrefix, isOpen: true })
  await becomes(() => tracker.readiness(), 'ready') // an announce before that is one error in the log
})
afterAll(() => tracker.close())

/** Mulberry32: the same numbers for the same seed. Gives whole numbers from 0 up to a bound. */
function randomNumbers(seed: number): (bound: number) => number {
  let state = seed
  return function below(bound) {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

/** A request target, one character per byte: random through and through, or a good one with something wrong in it. */
function strangeTarget(below: (bound: number) => number): string {
  const pick = (texts: readonly string[]) => texts[below(texts.length)]!
  const byte = () => String.fromCharCode(below(256))
  // Most bytes that a client would have to escape end the request at once, so some targets go without them.
  const tame = () =>
    pick(['%', '&', ';', '=', '+', '%00', '%ff', '%zz', '%2', '-', '9', 'a', '[', '"', '\\', '?', '/'])
  const text = (of: () => string, length: number) => Array.from({ length }, of).join('')
  const any = () => text(below(4) === 0 ? byte : tame, below(40))
  const damaged = (whole: string) => {
    const at = below(whole.length)
    return whole.slice(0, at) + text(below(4) === 0 ? byte : tame, 1) + whole.slice(at + below(3))
  }
  const path = below(10) === 0 ? `${pick(PATHS)}/${any()}` : pick(PATHS)
  const query = [
    () => any(),
    () => damaged(VALID),
    () => `${VALID}&${pick(NAMES)}=${any()}`,
    () => `${VALID}&${any()}`,
    () => `${damaged(VALID)}&${VALID}`,
    () => `${VALID}&${pick(NAMES)}=${tame()}`,
  ][below(6)]!()
  if (below(100) === 0) return `${path}?${text(tame, 12_000)}`
  return below(50) === 0 ? any() : `${path}?${query}`
}

interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly isLast: boolean
}

/** The answer to what was just sent, or undefined when the other end closes without one. */
async function readAnswer(socket: Socket): Promise<Answer | undefined> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    const headEnd = bytes.indexOf('\r\n\r\n')
    if (headEnd < 0) continue
    const head = bytes.toString('latin1', 0, headEnd)
    const bodyEnd = headEnd + 4 + Number(/content-length: (\d+)/i.exec(head)![1])
    if (bytes.length < bodyEnd) continue
    const isLast = /^connection: close$/im.test(head)
    return { status: Number(head.slice(9, 12)), body: bytes.subarray(headEnd + 4, bodyEnd), isLast }
  }
  return undefined
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setTimeout(SILENCE_MS, () => socket.destroy())
  socket.on('error', () => {}) // a reset counts as closed
  await once(socket, 'connect')
  return socket
}

test('whatever bytes a request target has, it gets an answer and does no harm', async () => {
  const seed = randomInt(2 ** 31)
  const statuses = new Map<number, number>()
  let served = 0

  async function ask(below: (bound: number) => number, count: number): Promise<void> {
    let socket = await open(tracker.port)
    for (let i = 0; i < count; i++) {
      const target = strangeTarget(below)
      const about = `seed ${seed}: ${JSON.stringify(target)}`
      socket.write(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: t\r\n\r\n`, 'latin1'))
      const answer = await readAnswer(socket)
      expect(answer, about).toBeDefined()
      const { status, body, isLast } = answer!
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      expect([200, 400, 404, 414, 431], about).toContain(status)
      if (status === 200) {
        const reason = (bdecode(body) as Map<string, BencodeValue>).get('failure reason')?.toString()
        expect(reason, about).not.toBe('internal server error')
        if (reason === undefined) served++
      }
      if (!isLast) continue
      socket.destroy()
      socket = await open(tracker.port)
    }
    socket.destroy()
  }

  await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) => ask(randomNumbers(seed + i), REQUESTS / CONNECTIONS)),
  )
  expect([...statuses.keys()].sort()).toEqual([200, 400, 404, 414])
  expect(served).toBeGreaterThan(REQUESTS / 10) // not all of it ends in the parser
  expect(tracker.log.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
  expect(await tracker.failure()).toBeUndefined()
})
