import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { addPprofRoutes } from '../../../src/metrics/pprofRoutes.ts'
import { type ProfileResult, startProfiler } from '../../../src/metrics/profiler.ts'

const TAKEN: ProfileResult = { status: 'taken', bytes: Uint8Array.of(1, 2) }

/** @returns what GET answers, and what was asked for */
function routes(result: ProfileResult = TAKEN, pids: readonly number[] = [11, 12]) {
  const app = new Hono()
  const asked: unknown[][] = []
  addPprofRoutes(app, {
    pids: () => pids,
    async take(...question) {
      asked.push(question)
      return result
    },
  })
  const get = async (path: string) => {
    const response = await app.request(`/debug/pprof${path}`)
    return { status: response.status, body: await response.text(), headers: response.headers }
  }
  return { get, asked }
}

test.each([
  ['/profile', [11, 'profile', 30]],
  ['/profile?seconds=2.5', [11, 'profile', 2.5]],
  ['/profile?seconds=60&worker=12', [12, 'profile', 60]],
  ['/trace', [11, 'trace', 1]],
  ['/heap', [11, 'heap', 0]],
])('%s', async (path, question) => {
  const { get, asked } = routes()
  const { status, headers } = await get(path)
  expect(status).toBe(200)
  expect(headers.get('content-type')).toMatch(/octet-stream|json/)
  expect(asked).toEqual([question])
})

test.each([
  ['/profile?seconds=0', 400, 'seconds: '],
  ['/profile?seconds=-1', 400, 'seconds: '],
  ['/profile?seconds=61', 400, 'seconds: '],
  ['/trace?seconds=long', 400, 'seconds: '],
  ['/trace?seconds=', 400, 'seconds: '],
  ['/heap?worker=13', 404, 'no such worker, there are: 11, 12'],
  ['/heap?worker=', 404, 'no such worker'],
  ['/goroutine', 404, ''],
])('%s is answered %i and asks for nothing', async (path, status, text) => {
  const { get, asked } = routes()
  const answer = await get(path)
  expect(answer.status).toBe(status)
  expect(answer.body).toContain(text)
  expect(asked).toEqual([])
})

test.each([
  [{ status: 'busy' }, 409, 'another profile is being taken'],
  [{ status: 'missing', reason: 'no package' }, 501, 'no package'],
  [{ status: 'failed', reason: 'no luck' }, 500, 'no luck'],
] as const)('%o', async (result, status, text) => {
  expect(await routes(result).get('/heap')).toMatchObject({ status, body: `${text}\n` })
})

test('while no process serves there is nobody to look at', async () => {
  expect((await routes(TAKEN, []).get('/heap')).status).toBe(404)
})

test('the index names what there is, and the processes where there are several', async () => {
  const { body } = await routes().get('/')
  for (const path of ['cmdline', 'heap', 'profile', 'symbol', 'trace'])
    expect(body).toContain(`href="${path}"`)
  expect(body).toContain('11, 12')
  expect((await routes(TAKEN, [11]).get('/')).body).not.toContain('worker')
  expect((await routes().get('')).headers.get('location')).toBe('/debug/pprof/')
})

test('cmdline and symbol answer as Go tools expect', async () => {
  const { get } = routes()
  expect((await get('/cmdline')).body.split('\0')).toEqual(process.argv)
  expect((await get('/symbol')).body).toBe('num_symbols: 0\n')
})

test('without the optional package the reason is the answer, and traces are there all the same', async () => {
  const profiler = await startProfiler(() =>
    Promise.reject(new Error("Cannot find package '@datadog/pprof'\nby x")),
  )
  expect(await profiler.take('heap', 0)).toEqual({
    status: 'missing',
    reason:
      "profiles need the optional package @datadog/pprof, which cannot be loaded: Cannot find package '@datadog/pprof'",
  })
  expect(await profiler.take('profile', 1)).toMatchObject({ status: 'missing' })
  const trace = await profiler.take('trace', 0.05)
  expect(trace.status === 'taken' && JSON.parse(Buffer.from(trace.bytes).toString()).traceEvents).not.toEqual(
    [],
  )
})

test('one profile at a time', async () => {
  const profiler = await startProfiler(() => Promise.reject(new Error('not needed')))
  const first = profiler.take('trace', 0.05)
  expect(await profiler.take('trace', 0.05)).toEqual({ status: 'busy' })
  expect(await first).toMatchObject({ status: 'taken' })
  expect(await profiler.take('trace', 0.01)).toMatchObject({ status: 'taken' })
})

test('what goes wrong is said and does not keep the next one out', async () => {
  const fault = () => {
    throw new Error('no luck')
  }
  const profiler = await startProfiler(async () => ({
    heap: { start: () => {}, profile: fault },
    time: { start: fault, stop: fault },
    encode: fault,
  }))
  expect(await profiler.take('heap', 0)).toEqual({ status: 'failed', reason: 'no luck' })
  expect(await profiler.take('heap', 0)).toEqual({ status: 'failed', reason: 'no luck' })
})
