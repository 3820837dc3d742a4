import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { expositionFor, type Snapshot } from './exposition.ts'

/** What Prometheus reads: a registry of this process, or the sum of several. */
export interface MetricsSource {
  getMetricsAsJSON(): Promise<Snapshot>
}

export interface MetricsServerOptions {
  readonly listen: { readonly host: string; readonly port: number }
  readonly registry: MetricsSource
  /** Empty when the instance should get traffic, else why not. Never throws. */
  readonly notReady: () => Promise<string>
}

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** `/metrics` for Prometheus, `/healthz` (the process lives) and `/readyz` (it can serve), on an address of their own. */
export async function startMetricsServer({
  listen,
  registry,
  notReady,
}: MetricsServerOptions): Promise<MetricsServer> {
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
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: listen.host || '::', port: listen.port }, () => {
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
