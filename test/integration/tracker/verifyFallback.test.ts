import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { createPrivateCa } from '../../support/servers/privateCa.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, everythingUnder } from '../../support/servers/stored.ts'
import {
  startTracker,
  TEMPORARY,
  type TrackerUnderTest,
  UNAPPROVED,
} from '../../support/servers/trackerUnderTest.ts'
import { INVALID, type Respond, says, startVerifyServer, VALID } from '../../support/servers/verifyServer.ts'

const { url } = await startRedis() // of our own: nobody else's script calls are counted
const redis = connectTo(url)
const keys = keysUnder('')
const ca = createPrivateCa()
const site = await startVerifyServer(ca, VALID)
const SERVED = undefined

const trackers: TrackerUnderTest[] = []
/** Another instance of the fleet; its process remembers nothing yet. */
async function anInstance(options: object = {}): Promise<TrackerUnderTest> {
  const passkeys = { http_url: site.url, http_ca_path: ca.path, ...options }
  const tracker = await startTracker({ redisUrl: url, keyPrefix: '', passkeys })
  trackers.push(tracker)
  await becomes(tracker.readiness, 'ready')
  await redis.config('RESETSTAT')
  return tracker
}

/** The site's list as the site itself left it; after each test it must be so still. */
let listed: string[] = []
async function list(...passkeys: string[]): Promise<void> {
  listed = passkeys.sort()
  await redis.del(keys.passkeys)
  if (passkeys.length > 0) await redis.sadd(keys.passkeys, ...passkeys)
}

let before = 0
const asked = () => site.asked.slice(before)
/** Since the last instance started, which asked Redis whether it takes announces. */
const scriptCalls = async () =>
  Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)

beforeEach(async () => {
  await redis.flushall()
  before = site.asked.length
  await list(aPasskey(1))
})
afterEach(async () => {
  expect((await redis.smembers(keys.passkeys)).sort()).toEqual(listed)
  expect(await redis.ttl(keys.passkeys)).toBe(listed.length > 0 ? -1 : -2)
  for (const tracker of trackers.splice(0)) await tracker.close()
})
afterAll(async () => {
  await site.close()
  redis.disconnect()
})

/** Passkeys of which none is another. */
const aStranger = (n = 1) => `stranger-${n}`

test('whom the site approves is served, by exactly one more call of the script; the fleet remembers', async () => {
  site.answer(VALID)
  const tracker = await anInstance()
  expect(await tracker.failure({ passkey: aStranger() })).toBe(SERVED)
  expect(asked()).toEqual([aStranger()])
  expect(await scriptCalls()).toBe(2)
  expect(await eventsOf(redis, keys.traffic)).toHaveLength(1)
  const ttl = await redis.ttl(keys.accepted(aStranger()))
  expect(ttl).toBeGreaterThan(290)
  expect(ttl).toBeLessThanOrEqual(300)

  const other = await anInstance()
  expect(await other.failure({ passkey: aStranger(), uploaded: 5 })).toBe(SERVED)
  expect(asked()).toHaveLength(1)
  expect(await scriptCalls()).toBe(1)
})

test('whom the site rejects is refused, leaves no trace but that, and is not asked about again', async () => {
  site.answer(INVALID)
  const tracker = await anInstance({ negative_cache_ttl_seconds: 77 })
  expect(await tracker.failure({ passkey: aStranger() })).toBe(UNAPPROVED)
  expect(await scriptCalls()).toBe(1)
  const stored = await everythingUnder(redis, '')
  expect([...stored.keys()]).toEqual([keys.passkeys, keys.rejected(aStranger())])
  const ttl = await redis.ttl(keys.rejected(aStranger()))
  expect(ttl).toBeGreaterThan(70)
  expect(ttl).toBeLessThanOrEqual(77)

  expect(await (await anInstance()).failure({ passkey: aStranger() })).toBe(UNAPPROVED)
  expect(asked()).toHaveLength(1)
})

test('the site is never asked about a listed user', async () => {
  site.answer(INVALID)
  expect(await (await anInstance()).failure()).toBe(SERVED)
  expect(asked()).toEqual([])
  expect(await scriptCalls()).toBe(1)
})

test.each([
  ['answers 500', says(500, {})],
  ['answers 1 MB', says(200, `{"valid": true${' '.repeat(1_000_000)}}`)],
  ['answers no JSON', says(200, 'true that')],
  ['breaks off', ((request) => request.socket.destroy()) as Respond],
  ['says nothing', (() => undefined) as Respond],
])(
  'while the site %s an unlisted user is asked to come back, and listed ones are served',
  async (_, respond) => {
    site.answer(respond)
    const tracker = await anInstance({ http_timeout: '200ms' })
    const answer = await tracker.announce({ passkey: aStranger() })
    expect(answer.get('failure reason')?.toString()).toBe(TEMPORARY)
    expect(answer.get('retry in')).toBe(1)
    expect(await tracker.failure()).toBe(SERVED)
    expect(await redis.exists(keys.accepted(aStranger()), keys.rejected(aStranger()))).toBe(0)

    site.answer(VALID)
    expect(await (await anInstance()).failure({ passkey: aStranger() })).toBe(SERVED) // nobody else was told of it
  },
)

test('a redirect is not followed and rejects', async () => {
  site.answer((request, response) => {
    if (request.url!.startsWith('/yes')) VALID(request, response)
    else says(302, '', { Location: '/yes' })(request, response)
  })
  expect(await (await anInstance()).failure({ passkey: aStranger() })).toBe(UNAPPROVED)
  expect(asked()).toHaveLength(1)
})

test('an endpoint whose certificate is not trusted approves nobody', async () => {
  site.answer(VALID)
  const tracker = await anInstance({ http_ca_path: '' })
  expect(await tracker.failure({ passkey: aStranger() })).toBe(TEMPORARY)
  expect(asked()).toEqual([])
})

/** Holds every answer back until it is let go. */
function holding(respond: Respond) {
  const held: (() => void)[] = []
  const hold: Respond = (request, response) => void held.push(() => respond(request, response))
  const release = () => {
    for (const each of held.splice(0)) each()
  }
  return { hold, release }
}

test('500 announces of one unknown passkey at the same time make one call, and all are served', async () => {
  const { hold, release } = holding(VALID)
  site.answer(hold)
  const tracker = await anInstance()
  const all = Array.from({ length: 500 }, (_, n) =>
    tracker.failure({ passkey: aStranger(), peerId: aPeerId(n) }),
  )
  await becomes(scriptCalls, 500) // all of them have read "not on the list"
  release()
  site.answer(VALID)
  expect(await Promise.all(all)).toEqual(Array(500).fill(SERVED))
  expect(asked()).toEqual([aStranger()])
  expect(await scriptCalls()).toBe(1000)
})

test('500 announces of different unknown passkeys stay within the calls at once; the rest come back', async () => {
  const { hold, release } = holding(VALID)
  site.answer(hold)
  const tracker = await anInstance({ http_rate_per_second: 10_000 })
  const answers: (string | undefined)[] = []
  const all = Array.from({ length: 500 }, async (_, n) => {
    answers.push(await tracker.failure({ passkey: aStranger(n), peerId: aPeerId(n) }))
  })
  await becomes(() => answers.length, 484)
  expect(new Set(answers)).toEqual(new Set([TEMPORARY]))
  await becomes(() => asked().length, 16)
  release()
  await Promise.all(all)
  expect(answers.filter((each) => each === SERVED)).toHaveLength(16)
  expect(await redis.keys(keys.rejected('*'))).toEqual([]) // nobody was rejected for it
})

test('and within the calls a second', async () => {
  site.answer(VALID)
  const tracker = await anInstance({ http_rate_per_second: 1, http_max_concurrency: 1000 })
  const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => tracker.failure({ passkey: aStranger(n) })))
  expect(answers.filter((each) => each === TEMPORARY).length).toBeGreaterThanOrEqual(3)
  expect(answers.filter((each) => each === SERVED)).toHaveLength(asked().length)
  expect(asked().length).toBeGreaterThanOrEqual(1)
})

const NO_LIST = { whitelist: false }

test('a site without any list works: the endpoint decides alone, and the fleet remembers both answers', async () => {
  await list()
  const tracker = await anInstance(NO_LIST)
  site.answer(VALID)
  expect(await tracker.failure({ passkey: aStranger(1) })).toBe(SERVED)
  site.answer(INVALID)
  expect(await tracker.failure({ passkey: aStranger(2) })).toBe(UNAPPROVED)

  const other = await anInstance(NO_LIST)
  expect(await other.failure({ passkey: aStranger(1), uploaded: 9 })).toBe(SERVED)
  expect(await other.failure({ passkey: aStranger(2) })).toBe(UNAPPROVED)
  expect(asked()).toEqual([aStranger(1), aStranger(2)])
})

test('a set that is there all the same is not looked for', async () => {
  site.answer(INVALID)
  expect(await (await anInstance(NO_LIST)).failure()).toBe(UNAPPROVED)
  expect(asked()).toEqual([aPasskey(1)])
})

test('once such a site keeps a list, the list outweighs what was remembered', async () => {
  await list()
  site.answer(INVALID)
  expect(await (await anInstance(NO_LIST)).failure({ passkey: aStranger() })).toBe(UNAPPROVED)
  await list(aStranger())
  expect(await (await anInstance()).failure({ passkey: aStranger() })).toBe(SERVED)
})

test('in the middle of a swap by two renames nobody is refused, whatever the endpoint says', async () => {
  site.answer(INVALID)
  const rejectedBefore = aStranger(7)
  expect(await (await anInstance()).failure({ passkey: rejectedBefore })).toBe(UNAPPROVED)
  await redis.sadd(keys.passkeysStaged, aPasskey(1), rejectedBefore)
  await redis.rename(keys.passkeys, keys.replacedPasskeys)

  const tracker = await anInstance()
  expect(await tracker.failure()).toBe(TEMPORARY)
  expect(await tracker.failure({ passkey: rejectedBefore })).toBe(TEMPORARY)
  expect(await (await anInstance()).failure()).toBe(TEMPORARY) // also where the first answer is remembered

  await redis.rename(keys.passkeysStaged, keys.passkeys)
  expect(await tracker.failure({ uploaded: 5 })).toBe(SERVED)
  expect(await tracker.failure({ passkey: rejectedBefore })).toBe(SERVED)
  listed = [aPasskey(1), rejectedBefore].sort()
})

test('when the list is gone nobody is refused, whatever the endpoint says and said', async () => {
  site.answer(INVALID)
  const tracker = await anInstance()
  expect(await tracker.failure({ passkey: aStranger() })).toBe(UNAPPROVED)
  await list() // Redis came back empty, or somebody deleted the set; nothing tells that there was a list
  for (const instance of [tracker, await anInstance()])
    for (const passkey of [aPasskey(1), aStranger()])
      expect(await instance.failure({ passkey })).toBe(TEMPORARY)
  site.answer(VALID)
  expect(await (await anInstance()).failure({ passkey: aStranger(3) })).toBe(SERVED)
})

test('in the middle of a swap whom the site approves is served', async () => {
  site.answer(VALID)
  await redis.rename(keys.passkeys, keys.replacedPasskeys)
  expect(await (await anInstance()).failure()).toBe(SERVED)
  listed = []
})

test('every decision is one log line and one count, and no passkey or secret is in either', async () => {
  site.answer(INVALID)
  const tracker = await anInstance({ http_api_key: 'horse', http_signature_secret: 'staple' })
  await tracker.failure({ passkey: 'c0ffee00c0ffee00c0ffee00c0ffee00' })
  site.answer(says(503, {}))
  await tracker.failure({ passkey: aStranger(2) })
  await tracker.failure({ passkey: aStranger(2) })
  const lines = tracker.log.filter(({ message }) => message === 'the site was asked about a passkey')
  expect(lines.map(({ level, fields }) => [level, { ...fields, ms: 0 }])).toEqual([
    ['info', { action: 'verify passkey', subject: 'c0ff…', result: 'rejected', reason: 'not valid', ms: 0 }],
    ['info', { action: 'verify passkey', subject: 'st…', result: 'unavailable', reason: 'HTTP 503', ms: 0 }],
  ])
  const metrics = await tracker.metrics()
  expect(metrics).toContain('redswarm_passkey_decisions_total{source="site",result="rejected"} 1')
  expect(metrics).toContain('redswarm_passkey_decisions_total{source="site",result="unavailable"} 1')
  expect(metrics).toContain('redswarm_passkey_decisions_total{source="recent",result="unavailable"} 1')
  expect(metrics).toContain('redswarm_verify_duration_seconds_count 2')
  expect(JSON.stringify(tracker.log) + metrics).not.toMatch(/c0ffee|stranger|horse|staple/)
})
