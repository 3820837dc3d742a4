import { expect, test } from 'vitest'
import type { Passkey } from '../../../../src/bittorrent/types.ts'
import {
  createPasskeyVerifier,
  createVerifyLoad,
  type VerifyAudit,
  type VerifyLoad,
} from '../../../../src/tracker/verify/passkeyVerifier.ts'
import type { SiteAnswer } from '../../../../src/tracker/verify/passkeyVerifierHttp.ts'
import { aPasskey } from '../../../support/builders/builders.ts'

const APPROVED: SiteAnswer = { verdict: 'approved', reason: 'valid' }
const REJECTED: SiteAnswer = { verdict: 'rejected', reason: 'not valid' }
const DOWN: SiteAnswer = { verdict: 'unavailable', reason: 'ECONNREFUSED' }

interface Bounds {
  readonly maxConcurrency?: number
  readonly ratePerSecond?: number
  readonly load?: VerifyLoad
  readonly isCacheDown?: boolean
}

/** A verifier whose site answers when it is told to. */
function aVerifier(bounds: Bounds = {}) {
  const clock = { ms: 0 }
  const asked: string[] = []
  const answers: ((answer: SiteAnswer) => void)[] = []
  const written: string[] = []
  const lines: VerifyAudit[] = []
  const observed: string[] = []
  const failures: Error[] = []
  const write = async (text: string) => {
    if (bounds.isCacheDown) throw new Error('redis is away')
    written.push(text)
  }
  const verifier = createPasskeyVerifier({
    site: {
      ask: (passkey) => {
        asked.push(passkey)
        return new Promise((resolve) => answers.push(resolve))
      },
    },
    cache: {
      accept: (passkey) => write(`accepted ${passkey}`),
      reject: (passkey) => write(`rejected ${passkey}`),
    },
    maxConcurrency: bounds.maxConcurrency ?? 16,
    ratePerSecond: bounds.ratePerSecond ?? 50,
    audit: (line) => lines.push(line),
    observe: (source, result, seconds) => observed.push(`${source} ${result} ${seconds ?? '-'}`),
    onCacheFailure: (error) => failures.push(error),
    nowMs: () => clock.ms,
    ...(bounds.load && { load: bounds.load }),
  })
  const say = (answer: SiteAnswer) => {
    for (const each of answers.splice(0)) each(answer)
  }
  const settled = async (passkey: Passkey, answer: SiteAnswer) => {
    const verdict = verifier.verify(passkey)
    say(answer)
    return verdict
  }
  return { verify: verifier.verify, say, settled, clock, asked, written, lines, observed, failures }
}

test("the site's yes and no are remembered for the fleet, and what is neither is not", async () => {
  const { settled, written } = aVerifier()
  expect(await settled(aPasskey(1), APPROVED)).toBe('approved')
  expect(await settled(aPasskey(2), REJECTED)).toBe('rejected')
  expect(await settled(aPasskey(3), DOWN)).toBe('unavailable')
  expect(written).toEqual([`accepted ${aPasskey(1)}`, `rejected ${aPasskey(2)}`])
})

test('500 who ask for one passkey at a time make one call, and all read its answer', async () => {
  const { verify, say, asked, lines } = aVerifier()
  const all = Array.from({ length: 500 }, () => verify(aPasskey()))
  say(APPROVED)
  expect(new Set(await Promise.all(all))).toEqual(new Set(['approved']))
  expect(asked).toEqual([aPasskey()])
  expect(lines).toHaveLength(1)
})

test('an announce that comes a moment after the answer makes no second call; a later one does', async () => {
  const { settled, verify, clock, asked } = aVerifier()
  await settled(aPasskey(), APPROVED)
  clock.ms += 999
  expect(await verify(aPasskey())).toBe('approved')
  expect(asked).toHaveLength(1)
  clock.ms += 1
  expect(await settled(aPasskey(), REJECTED)).toBe('rejected')
  expect(asked).toHaveLength(2)
})

test('an endpoint that is down is not asked for the same passkey again for five seconds', async () => {
  const { settled, verify, clock, asked } = aVerifier()
  await settled(aPasskey(), DOWN)
  clock.ms += 4_999
  expect(await verify(aPasskey())).toBe('unavailable')
  expect(asked).toHaveLength(1)
  clock.ms += 1
  expect(await settled(aPasskey(), APPROVED)).toBe('approved')
})

test('past the calls at once it is unavailable, never rejected, and the site does not hear of it', async () => {
  const { verify, say, asked, observed } = aVerifier({ maxConcurrency: 16, ratePerSecond: 1000 })
  const all = Array.from({ length: 500 }, (_, n) => verify(`user-${n}` as Passkey))
  expect(asked).toHaveLength(16)
  say(APPROVED)
  const verdicts = await Promise.all(all)
  expect(verdicts.filter((each) => each === 'approved')).toHaveLength(16)
  expect(verdicts.filter((each) => each === 'unavailable')).toHaveLength(484)
  expect(observed.filter((each) => each === 'bounds unavailable -')).toHaveLength(484)
})

test('past the calls a second it is unavailable, until the second is over', async () => {
  const { settled, verify, clock, asked } = aVerifier({ ratePerSecond: 3 })
  for (let n = 0; n < 3; n++) await settled(aPasskey(n), APPROVED)
  expect(await verify(aPasskey(3))).toBe('unavailable')
  expect(asked).toHaveLength(3)
  clock.ms += 1000
  expect(await settled(aPasskey(3), APPROVED)).toBe('approved') // being refused by bounds is not remembered
})

test('a call that ended makes room for the next', async () => {
  const { settled, asked } = aVerifier({ maxConcurrency: 1 })
  for (const answer of [APPROVED, REJECTED, DOWN]) await settled(aPasskey(asked.length), answer)
  expect(asked).toHaveLength(3)
})

test('when the fleet cannot be told, the verdict counts all the same', async () => {
  const { settled, failures } = aVerifier({ isCacheDown: true })
  expect(await settled(aPasskey(1), APPROVED)).toBe('approved')
  expect(await settled(aPasskey(2), REJECTED)).toBe('rejected')
  expect(failures.map(({ message }) => message)).toEqual(['redis is away', 'redis is away'])
})

test('each call is one audit line with its duration, and the passkey cannot be read from it', async () => {
  const { verify, say, clock, lines, observed } = aVerifier()
  const verdict = verify('c0ffee00c0ffee00c0ffee00c0ffee00' as Passkey)
  clock.ms += 125
  say(REJECTED)
  await verdict
  expect(lines).toEqual([
    { action: 'verify passkey', subject: 'c0ff…', result: 'rejected', reason: 'not valid', ms: 125 },
  ])
  expect(observed).toEqual(['site rejected 0.125'])
})

test('a verifier that follows another after a reload does not ask anew what is being asked, nor past the bounds', async () => {
  const load = createVerifyLoad()
  const before = aVerifier({ load, maxConcurrency: 2 })
  const waiting = before.verify(aPasskey(1))
  const after = aVerifier({ load, maxConcurrency: 2 })
  const same = after.verify(aPasskey(1))
  const other = after.verify(aPasskey(2))
  expect(await after.verify(aPasskey(3))).toBe('unavailable') // two are under way
  expect(after.asked).toEqual([aPasskey(2)])
  before.say(APPROVED)
  after.say(REJECTED)
  expect(await Promise.all([waiting, same, other])).toEqual(['approved', 'approved', 'rejected'])
  expect(await after.settled(aPasskey(4), APPROVED)).toBe('approved')
})

test('nor does a reload fill the calls a second up again, but a lower rate counts at once', async () => {
  const load = createVerifyLoad()
  const before = aVerifier({ load, ratePerSecond: 3 })
  for (let n = 0; n < 2; n++) await before.settled(aPasskey(n), APPROVED)
  const after = aVerifier({ load, ratePerSecond: 3 })
  expect(await after.settled(aPasskey(2), APPROVED)).toBe('approved')
  expect(await after.verify(aPasskey(3))).toBe('unavailable')
  before.clock.ms += 1000
  const lower = aVerifier({ load, ratePerSecond: 1 })
  expect(await lower.settled(aPasskey(4), APPROVED)).toBe('approved')
  expect(await lower.verify(aPasskey(5))).toBe('unavailable')
})
