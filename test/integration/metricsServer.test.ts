import { once } from 'node:events'
import { connect } from 'node:net'
import { Counter, Gauge, Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { type MetricsServerOptions, startMetricsServer } from '../../src/metrics/server.ts'

async function start(options: Partial<MetricsServerOptions> = {}) {
  const registry = new Registry()
  new Counter({ name: 'eggs_total', help: 'Eggs', registers: [registry] }).inc(3)
  const faults: unknown[] = []
  const server = await startMetricsServer({
    listen: { host: '127.0.0.1', port: 0 },
    registry,
    notReady: async () => '',
    reportFault: (error) => faults.push(error),
    ...options,
  })
  onTestFinished(() => server.close())
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers })
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: await response.text(),
    }
  }
  return { get, registry, faults, port: server.port }
}

test('/metrics is text, or OpenMetrics for who asks for it', async () => {
  const { get } = await start()
  expect(await get('/metrics')).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: '# HELP eggs_total Eggs\n# TYPE eggs_total counter\neggs_total 3\n',
  })
  expect(await get('/metrics', { Accept: 'application/openmetrics-text; version=1.0.0' })).toEqual({
    status: 200,
    type: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
    body: '# HELP eggs Eggs\n# TYPE eggs counter\neggs_total 3\n# EOF\n',
  })
})

test('/readyz says why not, /healthz does not ask', async () => {
  const { get } = await start({ notReady: async () => 'redis is away' })
  expect(await get('/readyz')).toMatchObject({ status: 503, body: 'not ready: redis is away\n' })
  expect(await get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' })
  expect(JSON.parse((await get('/stats')).body)).toMatchObject({ isReady: false, notReady: 'redis is away' })
})

test('what goes wrong with an answer is reported and not shown', async () => {
  const { get, registry, faults } = await start()
  const fault = new Error('secret detail')
  new Gauge({
    name: 'broken',
    help: 'Never read',
    registers: [registry],
    collect() {
      throw fault
    },
  })
  expect(await get('/metrics')).toMatchObject({ status: 500, body: 'internal error\n' })
  expect(faults).toEqual([fault])
  expect((await get('/healthz')).status).toBe(200)
})

test('without profiles there are none', async () => {
  const { get } = await start()
  expect((await get('/debug/pprof/heap')).status).toBe(404)
})

test('a request that is never finished is cut off by the limits of the tracker port', async () => {
  const limits = { readTimeoutMs: 100, idleTimeoutMs: 100, maxHeaderBytes: 1024 }
  const { port } = await start({ limits })
  const socket = connect({ port, host: '127.0.0.1' })
  onTestFinished(() => void socket.destroy())
  socket.write('GET /metrics HTTP/1.1\r\nHost: t\r\n')
  const [answer] = await once(socket, 'data')
  expect(String(answer)).toMatch(/^HTTP\/1.1 408 /)
})

test('a head above the limit is refused', async () => {
  const { get } = await start({ limits: { readTimeoutMs: 5000, idleTimeoutMs: 5000, maxHeaderBytes: 1024 } })
  expect(await get('/healthz', { 'X-Long': 'x'.repeat(2000) })).toMatchObject({ status: 431 })
})
