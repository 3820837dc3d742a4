import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { StoreUnavailable } from '../../../src/runtime/errors.ts'
import type { PasskeyAudit } from '../../../src/site/passkeys/passkeyAudit.ts'
import { createPasskeys } from '../../../src/site/passkeys/passkeys.ts'
import { keysUnder } from '../../support/builders/builders.ts'
import { freePorts } from '../../support/programs/freePorts.ts'
import { startRedis, testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { startTracker } from '../../support/servers/trackerUnderTest.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const audit: PasskeyAudit[] = []
const list = createPasskeys({ redis, keyPrefix, actor: 'test', audit: (entry) => audit.push(entry) })
afterAll(() => redis.disconnect())
beforeEach(async () => {
  await redis.unlink(keys.passkeys)
  audit.length = 0
})

const passkeys = (count: number, first = 0) => Array.from({ length: count }, (_, i) => `user-${first + i}`)
const sorted = (texts: Iterable<string>) => [...texts].sort()

test('during swap after swap nobody who is on every list is ever refused', async () => {
  const tracker = await startTracker({ redisUrl: url, keyPrefix })
  try {
    const always = passkeys(20)
    await list.add(always)
    let isOver = false
    const failures: (string | undefined)[] = []
    const announce = async (who: string) => {
      while (!isOver) failures.push(await tracker.failure({ passkey: who }))
    }
    const load = Promise.all(always.map(announce))
    for (let swap = 1; swap <= 15; swap++)
      await list.replace({ passkeys: [...always, ...passkeys(5_000, swap * 100)] })
    isOver = true
    await load
    expect(failures.length).toBeGreaterThan(100)
    expect(failures.filter((each) => each !== undefined)).toEqual([])
  } finally {
    await tracker.close()
  }
})

test('every change is in the audit: who, what, how it ended, and no passkey', async () => {
  const secret = '0123456789abcdef0123456789abcdef'
  await list.add([secret])
  await list.remove([secret, 'nobody-at-all-1'])
  await list.import({ passkeys: [secret] })
  await list.replace({ passkeys: [secret, 'somebody-else-1'] })
  await list.replace({ passkeys: ['a b'] }).catch(() => undefined)
  await list.replace({ passkeys: [secret] }, { force: true, dryRun: true })
  for await (const _ of list.export());
  expect(audit.map(({ action, subject, result, details }) => ({ action, subject, result, details }))).toEqual(
    [
      { action: 'add', subject: '0123…', result: 'done', details: { added: 1 } },
      { action: 'remove', subject: '0123… nob…', result: 'done', details: { removed: 1 } },
      { action: 'import', subject: 'passkeys', result: 'done', details: { added: 1, alreadyListed: 0 } },
      {
        action: 'replace',
        subject: 'passkeys',
        result: 'done',
        details: expect.objectContaining({ added: 1, kept: 1 }),
      },
      {
        action: 'replace',
        subject: 'passkeys',
        result: 'refused',
        details: { reason: '1 bad line; nothing was changed' },
      },
      { action: 'export', subject: '2 passkeys', result: 'done', details: { exported: 2 } },
    ],
  )
  expect(audit.every(({ actor, time }) => actor === 'test' && !Number.isNaN(Date.parse(time)))).toBe(true)
  expect(JSON.stringify(audit)).not.toContain(secret)
})

test('a whole list goes out and comes in again', async () => {
  await list.add(passkeys(5_000))
  const exported = new Set<string>()
  for await (const batch of list.export()) for (const each of batch) exported.add(each)
  expect(sorted(exported)).toEqual(sorted(passkeys(5_000)))
  expect(await list.import({ passkeys: [...exported, 'one-more'] })).toEqual({
    added: 1,
    alreadyListed: 5_000,
  })
})

test('removing somebody whom the endpoint approved lately locks them out at once, listed or not', async () => {
  await list.add(['listed', 'stays'])
  for (const each of ['listed', 'ABCD', 'other'])
    await redis.set(keys.accepted(each.replace('ABCD', 'abcd')), '1')
  expect(await list.remove(['listed', 'ABCD'])).toBe(1)
  expect(await redis.exists(keys.accepted('listed'), keys.accepted('abcd'))).toBe(0)
  expect(await redis.exists(keys.accepted('other'))).toBe(1)
  await redis.unlink(keys.accepted('other'))
})

test('on a full Redis somebody can still be locked out; nothing can be added, and a swap leaves no remains', async () => {
  const full = connectTo((await startRedis()).url)
  const itsList = createPasskeys({ redis: full })
  try {
    await itsList.add(['one', 'two'])
    await full.set('pt:passkeys:accepted:one', '1')
    await full.config('SET', 'maxmemory', '1mb')
    await expect(itsList.add(['three'])).rejects.toThrow(StoreUnavailable)
    await expect(itsList.replace({ passkeys: ['one', 'two', 'three'] })).rejects.toThrow(StoreUnavailable)
    expect(await itsList.remove(['one'])).toBe(1)
    expect(await full.exists('pt:passkeys:accepted:one')).toBe(0)
    expect(await full.keys('*')).toEqual(['pt:passkeys'])
    expect(await full.smembers('pt:passkeys')).toEqual(['two'])
  } finally {
    full.disconnect()
  }
})

test('a list opened by a URL that leads nowhere prints nothing, and says in error and audit why it fails', async () => {
  const printed = vi.spyOn(console, 'error')
  onTestFinished(() => printed.mockRestore())
  const [port] = await freePorts(1)
  const itsList = createPasskeys({ redis: `redis://127.0.0.1:${port}`, audit: (entry) => audit.push(entry) })
  onTestFinished(() => itsList.close())
  const failure = await itsList.add(['one']).catch((error) => error)
  expect(failure).toBeInstanceOf(StoreUnavailable)
  expect(failure.message).toMatch(/^redis cannot be reached: .*ECONNREFUSED/)
  expect(audit).toMatchObject([
    { result: 'failed', details: { reason: expect.stringContaining('ECONNREFUSED') } },
  ])
  expect(printed).not.toHaveBeenCalled()
})

test('a list opened by a URL with a wrong password says so', async () => {
  const { url: withPassword } = await startRedis({ args: ['--requirepass', 'right'] })
  const itsList = createPasskeys({ redis: withPassword.replace('//', '//:wrong@') })
  onTestFinished(() => itsList.close())
  await expect(itsList.count()).rejects.toThrow(/redis cannot be reached: WRONGPASS/)
})
