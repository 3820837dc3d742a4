import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { type HttpLimits, httpLimitOptions } from '../runtime/httpLimits.ts'
import { expositionFor, type Snapshot } from './exposition.ts'
import { addPprofRoutes } from './pprofRoutes.ts'
import type { Profiles } from './profiler.ts'
import { statsOf } from './stats.ts'

/** What Prometheus reads: a registry of this process, or the sum of several. */
export interface MetricsSource {
  getMetricsAsJSON(): Promise<Snapshot>
}

export interface MetricsServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly registry: MetricsSource
  /** Empty when the instance should get traffic, else why not. Never throws. */
  readonly notReady: () => Promise<string>
  /** Told of what goes wrong with an answer of this server. */
  readonly reportFault?: (error: unknown) => void
  /** Shown with the statistics. */
  readonly version?: string
  /** What `/stats` says; a tracker's unless told. */
  readonly stats?: (snapshot: Snapshot, nowSeconds: number) => object
  /** Those of the tracker's own port; default: those of a tracker without options. */
  readonly limits?: HttpLimits | undefined
  /** Without them there is nothing below `/debug/pprof`. */
  readonly profiles?: Profiles
}

const DEFAULT_LIMITS: HttpLimits = { readTimeoutMs: 5_000, idleTimeoutMs: 30_000, maxHeaderBytes: 8_192 }

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * On an address of their own: `/metrics` for Prometheus, `/healthz` (the process lives), `/readyz` (it can serve), `/stats`
 * for people, profiles below `/debug/pprof`.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { listen, registry, notReady, version, stats = statsOf, profiles, reportFault } = options
  const app = new Hono()
  app.get('/metrics', async (c) => {
    const { contentType, text } = expositionFor(c.req.header('accept'))
    return c.body(text(await registry.getMetricsAsJSON()), 200, { 'Content-Type': contentType })
  })
  app.get('/healthz', (c) => c.text('ok\n'))
  app.get('/readyz', async (c) => {
    const reason = await notReady()
    return reason ? c.text(`not ready: ${reason}\n`, 503) : c.text('ready\n')
  })
  app.get('/stats', async (c) => {
    const [snapshot, reason] = await Promise.all([registry.getMetricsAsJSON(), notReady()])
    const about = {
      version,
      node: process.version,
      pid: process.pid,
      isReady: reason === '',
      notReady: reason,
    }
    const all = { ...about, ...stats(snapshot, Date.now() / 1000) }
    return c.body(`${JSON.stringify(all, undefined, 2)}\n`, 200, { 'Content-Type': 'application/json' })
  })
  if (profiles) addPprofRoutes(app, profiles)
  app.onError((error, c) => {
    reportFault?.(error)
    return c.text('internal error\n', 500)
  })
  return new Promise((resolve, reject) => {
    const serverOptions = httpLimitOptions(options.limits ?? DEFAULT_LIMITS)
    const at = { fetch: app.fetch, hostname: listen.host || '::', port: listen.port, serverOptions }
    const server = serve(at, () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed())
            if ('closeAllConnections' in server) server.closeAllConnections()
          }),
      })
    })
    server.once('error', reject)
  })
}
