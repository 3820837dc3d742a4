import type { Context, Hono } from 'hono'
import type { ProfileKind, Profiles } from './profiler.ts'

const MAX_SECONDS = 60
/** As in Go, where these paths come from. */
const DEFAULT_SECONDS = { profile: 30, trace: 1 } as const
const PREFIX = '/debug/pprof'

const LISTED = [
  ['cmdline', 'the command line of this process, its words separated by NUL'],
  ['heap', 'what lives on the JavaScript heap by who allocated it, sampled since the start, as a pprof file'],
  ['profile', `CPU of ?seconds= (${DEFAULT_SECONDS.profile}, up to ${MAX_SECONDS}), as a pprof file`],
  ['symbol', 'nothing to look up: the profiles name functions themselves'],
  [
    'trace',
    `?seconds= (${DEFAULT_SECONDS.trace}, up to ${MAX_SECONDS}) of garbage collection, turns of the event loop and CPU samples, as trace events for Perfetto (ui.perfetto.dev) or a browser's developer tools; Go's tools do not read it`,
  ],
] as const

/** The paths under which Go programs offer profiles, so that `go tool pprof http://host/debug/pprof/heap` works. */
export function addPprofRoutes(app: Hono, profiles: Profiles): void {
  app.get(PREFIX, (c) => c.redirect(`${PREFIX}/`))
  app.get(`${PREFIX}/`, (c) => c.html(indexPage(profiles.pids())))
  app.get(`${PREFIX}/cmdline`, (c) => c.text(process.argv.join('\0')))
  app.on(['GET', 'POST'], `${PREFIX}/symbol`, (c) => c.text('num_symbols: 0\n'))
  app.get(`${PREFIX}/heap`, (c) => answer(c, profiles, 'heap', 0))
  for (const kind of ['profile', 'trace'] as const)
    app.get(`${PREFIX}/${kind}`, async (c) => {
      const asked = c.req.query('seconds')
      const seconds = asked === undefined ? DEFAULT_SECONDS[kind] : Number(asked)
      if (!(seconds > 0 && seconds <= MAX_SECONDS))
        return c.text(`seconds: not a number above 0 and up to ${MAX_SECONDS}\n`, 400)
      return answer(c, profiles, kind, seconds)
    })
}

async function answer(c: Context, profiles: Profiles, kind: ProfileKind, seconds: number): Promise<Response> {
  const pids = profiles.pids()
  const worker = c.req.query('worker')
  const pid = worker === undefined ? pids[0] : pids.find((each) => String(each) === worker)
  if (pid === undefined) return c.text(`no such worker, there are: ${pids.join(', ') || 'none'}\n`, 404)
  const result = await profiles.take(pid, kind, seconds)
  switch (result.status) {
    case 'busy':
      return c.text('another profile is being taken\n', 409)
    case 'missing':
      return c.text(`${result.reason}\n`, 501)
    case 'failed':
      return c.text(`${result.reason}\n`, 500)
    case 'taken':
      return c.body(new Uint8Array(result.bytes), 200, {
        'Content-Type': kind === 'trace' ? 'application/json' : 'application/octet-stream',
        'Content-Disposition': `attachment; filename="${kind}${kind === 'trace' ? '.json' : '.pb.gz'}"`,
      })
  }
}

function indexPage(pids: readonly number[]): string {
  const rows = LISTED.map(([path, what]) => `<tr><td><a href="${path}">${path}</a></td><td>${what}</td></tr>`)
  const workers =
    pids.length > 1
      ? `<p>Processes: ${pids.join(', ')}. The first is looked at, or the one of <code>?worker=</code>.</p>`
      : ''
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${PREFIX}/</title></head>
<body><h1>${PREFIX}/</h1>
<p>One profile at a time. Taking one slows the process down a little.</p>
<table>${rows.join('\n')}</table>
${workers}</body></html>
`
}
