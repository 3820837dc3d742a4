import { Hono } from 'hono'
import { expect, test, vi } from 'vitest'
import {
  SIGNATURE_HEADER,
  signVerifyRequest,
  TIMESTAMP_HEADER,
} from '../../../../src/contract/verifySignature.ts'
import {
  createVerifyApp,
  type VerifyAppOptions,
  type VerifyRequestAudit,
} from '../../../../src/site/verify/verifyApp.ts'
import { aPasskey } from '../../../support/builders/builders.ts'

const API_KEY = 'correct horse'
const SECRET = 'battery staple'
const NOW_MS = 1_800_000_000_000
const LISTED = aPasskey(1)

function anApp(options: Partial<VerifyAppOptions> = { apiKey: API_KEY }) {
  const clock = { ms: NOW_MS }
  const lines: VerifyRequestAudit[] = []
  const looked: string[] = []
  const app = createVerifyApp({
    lookup: (passkey) => {
      looked.push(passkey)
      return passkey === LISTED
    },
    audit: (line) => lines.push(line),
    nowMs: () => clock.ms,
    ...options,
  })
  const site = new Hono().route('/api/passkey', app)
  const ask = async (query: string, headers: Record<string, string> = {}, method = 'GET') => {
    const answer = await site.request(`/api/passkey/verify${query}`, { method, headers })
    return { status: answer.status, body: await answer.json(), headers: answer.headers }
  }
  return { ask, clock, lines, looked }
}

function diskFull(): never {
  throw new Error('disk full')
}

const WITH_KEY = { 'X-API-Key': API_KEY }

function signed(passkey: string, nowMs = NOW_MS, secret = SECRET): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000))
  return { [TIMESTAMP_HEADER]: timestamp, [SIGNATURE_HEADER]: signVerifyRequest(secret, passkey, timestamp) }
}

test('a listed passkey is valid and any other is not, below wherever the site mounts it', async () => {
  const { ask } = anApp()
  const listed = await ask(`?passkey=${LISTED}`, WITH_KEY)
  expect([listed.status, listed.body]).toEqual([200, { valid: true }])
  expect(listed.headers.get('Cache-Control')).toBe('no-store')
  expect(await ask(`?passkey=${aPasskey(2)}`, WITH_KEY)).toMatchObject({
    status: 200,
    body: { valid: false },
  })
})

test('hex reaches the lookup in lowercase, anything else as it came', async () => {
  const { ask, looked } = anApp()
  await ask('?passkey=DEADBEEF', WITH_KEY)
  await ask('?passkey=MixedCase', WITH_KEY)
  expect(looked).toEqual(['deadbeef', 'MixedCase'])
})

test('an endpoint open to everybody cannot be made', () => {
  expect(() => createVerifyApp({ lookup: () => true })).toThrow(RangeError)
  expect(() => createVerifyApp({ lookup: () => true, apiKey: '', signatureSecret: '' })).toThrow(RangeError)
})

test.each([
  ['no key', {}],
  ['an empty key', { 'X-API-Key': '' }],
  ['a wrong key', { 'X-API-Key': 'wrong' }],
  ['the beginning of the key', { 'X-API-Key': API_KEY.slice(0, -1) }],
])('%s is 401, and nothing is looked up', async (_, headers) => {
  const { ask, looked } = anApp()
  expect(await ask(`?passkey=${LISTED}`, headers)).toMatchObject({
    status: 401,
    body: { error: 'wrong API key' },
  })
  expect(looked).toEqual([])
})

test('the key may come in a header of another name', async () => {
  const { ask } = anApp({ apiKey: API_KEY, apiKeyHeader: 'X-Tracker' })
  expect((await ask(`?passkey=${LISTED}`, { 'X-Tracker': API_KEY })).status).toBe(200)
  expect((await ask(`?passkey=${LISTED}`, WITH_KEY)).status).toBe(401)
})

test.each([
  ['', 'passkey is missing'],
  ['?passkey=', 'passkey is missing'],
  ['?passkey=a%20b', 'passkey is malformed or given twice'],
  ['?passkey=a%2Fb', 'passkey is malformed or given twice'],
  [`?passkey=${'a'.repeat(129)}`, 'passkey is malformed or given twice'],
  [`?passkey=${LISTED}&passkey=x`, 'passkey is malformed or given twice'],
])('%s is 400: %s', async (query, error) => {
  const { ask, looked } = anApp()
  expect(await ask(query, WITH_KEY)).toMatchObject({ status: 400, body: { error } })
  expect(looked).toEqual([])
})

test.each(['POST', 'PUT', 'DELETE'])('%s is 405', async (method) => {
  const answer = await anApp().ask(`?passkey=${LISTED}`, WITH_KEY, method)
  expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'GET'])
})

test('a signature is good for its passkey and its time, within the window either way', async () => {
  const { ask, clock } = anApp({ signatureSecret: SECRET, replayWindowSeconds: 300 })
  const headers = signed(LISTED)
  const status = async (passkey = LISTED, others = headers) =>
    (await ask(`?passkey=${passkey}`, others)).status
  expect(await status()).toBe(200)
  expect(await status(aPasskey(2))).toBe(401)
  for (const [minutes, expected] of [
    [5, 200],
    [-5, 200],
    [5.1, 401],
    [-5.1, 401],
  ] as const) {
    clock.ms = NOW_MS + minutes * 60_000
    expect(await status()).toBe(expected)
  }
})

test.each([
  ['none', {}],
  ['one by another secret', signed(LISTED, NOW_MS, 'guess')],
  ['one without its time', { [SIGNATURE_HEADER]: signed(LISTED)[SIGNATURE_HEADER]! }],
  [
    'one over a time that is no number',
    {
      [TIMESTAMP_HEADER]: 'now',
      [SIGNATURE_HEADER]: signVerifyRequest(SECRET, LISTED, 'now'),
    },
  ],
])('signature: %s is 401', async (_, headers) => {
  const { ask, looked } = anApp({ signatureSecret: SECRET })
  expect(await ask(`?passkey=${LISTED}`, headers)).toMatchObject({ status: 401 })
  expect(looked).toEqual([])
})

test('with both secrets both must be right', async () => {
  const { ask } = anApp({ apiKey: API_KEY, signatureSecret: SECRET })
  const status = async (headers: Record<string, string>) => (await ask(`?passkey=${LISTED}`, headers)).status
  expect(await status(WITH_KEY)).toBe(401)
  expect(await status(signed(LISTED))).toBe(401)
  expect(await status({ ...WITH_KEY, ...signed(LISTED) })).toBe(200)
})

test('past the rate it is 429 and says when to come back', async () => {
  const { ask, clock } = anApp({ apiKey: API_KEY, ratePerSecond: 2 })
  const statuses = async (count: number) => {
    const answers = await Promise.all(
      Array.from({ length: count }, () => ask(`?passkey=${LISTED}`, WITH_KEY)),
    )
    return answers.map(({ status }) => status)
  }
  expect(await statuses(3)).toEqual([200, 200, 429])
  expect((await ask(`?passkey=${LISTED}`, WITH_KEY)).headers.get('Retry-After')).toBe('1')
  clock.ms += 1000
  expect(await statuses(3)).toEqual([200, 200, 429])
})

test('strangers who guess keys run into a limit of their own, and the tracker does not', async () => {
  const { ask } = anApp({ apiKey: API_KEY, ratePerSecond: 5 })
  const statuses: number[] = []
  for (let i = 0; i < 8; i++) statuses.push((await ask(`?passkey=${LISTED}`, { 'X-API-Key': `${i}` })).status)
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429])
  expect((await ask(`?passkey=${LISTED}`, WITH_KEY)).status).toBe(200)
})

test('a lookup that throws is 500 without its words, and the site is told', async () => {
  const thrown: unknown[] = []
  const broken = new Error('no such table: users')
  const { ask, lines } = anApp({
    apiKey: API_KEY,
    lookup: () => Promise.reject(broken),
    onLookupFailure: (error) => thrown.push(error),
  })
  const { status, body } = await ask(`?passkey=${LISTED}`, WITH_KEY)
  expect([status, body]).toEqual([500, { error: 'lookup failed' }])
  expect(thrown).toEqual([broken])
  expect(lines).toMatchObject([{ result: 'failed', status: 500 }])
})

test('only true is valid: a lookup that answers with a row says so itself', async () => {
  const { ask } = anApp({ apiKey: API_KEY, lookup: (() => 1) as unknown as VerifyAppOptions['lookup'] })
  expect((await ask(`?passkey=${LISTED}`, WITH_KEY)).body).toEqual({ valid: false })
})

test('every request is one audit line, and no passkey or key can be read from it', async () => {
  const { ask, lines } = anApp({ apiKey: API_KEY, ratePerSecond: 2 })
  await ask(`?passkey=${LISTED}`, WITH_KEY)
  await ask(`?passkey=${aPasskey(2)}`, WITH_KEY)
  await ask(`?passkey=${LISTED}`, WITH_KEY)
  await ask(`?passkey=${LISTED}`, { 'X-API-Key': 'guess' })
  await ask('', WITH_KEY)
  const short = lines.map(({ action, subject, result, reason, status }) => [
    action,
    subject,
    result,
    reason,
    status,
  ])
  expect(short).toEqual([
    ['verify passkey', 'aaaa…', 'valid', '', 200],
    ['verify passkey', 'aaaa…', 'invalid', '', 200],
    ['verify passkey', 'aaaa…', 'refused', 'too many requests', 429],
    ['verify passkey', 'aaaa…', 'refused', 'wrong API key', 401],
    ['verify passkey', '', 'refused', 'passkey is missing', 400],
  ])
  expect(JSON.stringify(lines)).not.toMatch(new RegExp(`${LISTED}|${API_KEY}|guess`))
})

test('a flood is one audit line a second, not one for each request', async () => {
  const { ask, lines, clock } = anApp({ apiKey: API_KEY, ratePerSecond: 1 })
  const flood = async () => {
    for (let i = 0; i < 20; i++) await ask(`?passkey=${LISTED}`, WITH_KEY)
    return lines.splice(0).map(({ status }) => status)
  }
  expect(await flood()).toEqual([200, 429])
  clock.ms += 1000
  expect(await flood()).toEqual([200, 429])
})

test.each([
  ['throws', () => diskFull()],
  ['rejects', async () => diskFull()],
])('an audit that %s changes no answer, and is a warning', async (_, audit) => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  try {
    const { ask } = anApp({ apiKey: API_KEY, audit })
    expect(await ask(`?passkey=${LISTED}`, WITH_KEY)).toMatchObject({ status: 200, body: { valid: true } })
    expect(warn.mock.calls).toEqual([[new Error('disk full')]])
  } finally {
    warn.mockRestore()
  }
})

test.each([0, 0.5, -1, Number.NaN, '100' as unknown as number])(
  'a rate of %j is refused',
  (ratePerSecond) => {
    expect(() => createVerifyApp({ lookup: () => true, apiKey: API_KEY, ratePerSecond })).toThrow(RangeError)
  },
)
