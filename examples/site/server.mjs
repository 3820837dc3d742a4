/**
 * A small PT site on the library: it lists its users in Redis, answers the tracker's question about a passkey, credits the
 * traffic stream into a ledger, and shows each user where their ratio comes from. README.md has the commands.
 *
 * Environment: REDIS_URL           default redis://127.0.0.1:6379
 *              SITE_REDIS_URL, CONSUMER_REDIS_URL   the same as two users of Redis, where it has users; default REDIS_URL
 *              VERIFY_API_KEY      as http_api_key of the tracker
 *              DATA                a folder, made where there is none; default data beside this file
 *              PORT                on the loopback; default 8788. Put a proxy with HTTPS in front
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { createPasskeys, createTrafficConsumer, createVerifyApp, maskPasskey, openLedger } from 'redswarm'
import { booksOf } from './books.mjs'
import { missingPage, userPage, usersPage } from './pages.mjs'
import { openUsers } from './users.mjs'

const { REDIS_URL = 'redis://127.0.0.1:6379', VERIFY_API_KEY, PORT = '8788' } = process.env
const { SITE_REDIS_URL = REDIS_URL, CONSUMER_REDIS_URL = REDIS_URL } = process.env
const { DATA = join(import.meta.dirname, 'data') } = process.env

/** So that there is somebody to announce as. On a site that strangers can reach a passkey is random and nobody's but its user's. */
const DEMO_USERS = [
  ['alice', 'a11ce000000000000000000000000000'],
  ['bob', 'b0b00000000000000000000000000000'],
]

/** How long pages under way have to end. */
const LAST_PAGES_MS = 2_000

const say = (line) => process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
const log = {
  debug: () => {},
  info: (fields, msg) => say({ msg, ...fields }),
  warn: (fields, msg) => say({ level: 'warn', msg, ...fields }),
  error: (fields, msg) => say({ level: 'error', msg, ...fields }),
}

/** What is open, in the order of opening; it is closed the other way round. */
const closers = []

async function start() {
  mkdirSync(DATA, { recursive: true })
  const users = openUsers(join(DATA, 'users.sqlite'))
  closers.push(() => users.close())
  for (const [name, passkey] of DEMO_USERS) users.register(name, passkey)

  const ledger = await openLedger(`sqlite://${resolve(DATA, 'ledger.sqlite')}`)
  closers.push(() => ledger.close())

  const list = createPasskeys({ redis: SITE_REDIS_URL, actor: 'site', audit: say })
  closers.push(() => list.close())
  await list.add(users.all().map(({ passkey }) => passkey)) // also those that an empty Redis has lost

  const consumer = createTrafficConsumer({ redis: CONSUMER_REDIS_URL, ledger, log })
  closers.push(() => consumer.stop()) // the batch in hand is settled and acknowledged
  consumer.run()

  await listen(siteOf({ users, ledger, consumer }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop)
}

/** Called again it does nothing: under npm one Ctrl-C arrives twice, from the terminal and from npm. */
async function stop() {
  if (closers.length === 0) return
  for (const close of closers.splice(0).reverse()) await close()
  say({ msg: 'stopped' })
}

function listen(site) {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: site.fetch, hostname: '127.0.0.1', port: Number(PORT) }, ({ port }) => {
      say({ msg: 'listening', url: `http://127.0.0.1:${port}` })
      resolve()
    })
    server.once('error', reject)
    closers.push(() => {
      setTimeout(() => server.closeAllConnections(), LAST_PAGES_MS).unref() // those that are open and ask nothing
      return new Promise((closed) => server.close(closed))
    })
  })
}

function siteOf({ users, ledger, consumer }) {
  const site = new Hono()
  const style = readFileSync(new URL('style.css', import.meta.url), 'utf8')
  site.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], styleSrc: ["'self'"] } }))
  site.get('/style.css', (c) => c.body(style, 200, { 'Content-Type': 'text/css; charset=utf-8' }))

  const masked = ({ name, passkey }) => ({ name, passkey: maskPasskey(passkey) })
  site.get('/', async (c) => {
    const rows = users
      .all()
      .map(async (user) => ({ ...masked(user), totals: await ledger.userTotals(user.passkey) }))
    return c.html(usersPage({ users: await Promise.all(rows), trouble: consumer.trouble }))
  })
  site.get('/users/:name', async (c) => {
    const user = users.byName(c.req.param('name'))
    if (!user) return c.html(missingPage(c.req.param('name')), 404)
    const books = await booksOf(ledger, user.passkey)
    return c.html(userPage({ user: masked(user), ...books, trouble: consumer.trouble }))
  })

  if (VERIFY_API_KEY) {
    const lookup = (passkey) => users.hasPasskey(passkey)
    site.route('/api/passkey', createVerifyApp({ apiKey: VERIFY_API_KEY, lookup, audit: say }))
  }
  site.onError((error, c) => {
    say({ level: 'error', msg: error.message })
    return c.text('Something is wrong at our end; try again later.\n', 503)
  })
  return site
}

start().catch(async (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
  await stop()
})
