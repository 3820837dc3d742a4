/**
 * A site's verify endpoint on a SQLite table: GET /api/passkey/verify?passkey=…
 *
 * Environment: VERIFY_API_KEY, VERIFY_SECRET   as http_api_key and http_signature_secret of the tracker; at least one
 *              DATABASE                        a file; default users.sqlite
 *              PORT                            on the loopback; default 8787. Put a proxy with HTTPS in front
 */
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createVerifyApp } from 'redswarm'

const { VERIFY_API_KEY, VERIFY_SECRET, DATABASE = 'users.sqlite', PORT = '8787' } = process.env

const database = new DatabaseSync(DATABASE)
database.exec(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'))
const findUser = database.prepare('SELECT may_announce FROM users WHERE passkey = ?')

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const verify = createVerifyApp({
  apiKey: VERIFY_API_KEY,
  signatureSecret: VERIFY_SECRET,
  ratePerSecond: 200, // above http_rate_per_second times the number of instances
  lookup: (passkey) => findUser.get(passkey)?.may_announce === 1,
  onLookupFailure: (error) => say({ error: String(error) }),
  audit: (line) => say({ time: new Date().toISOString(), ...line }),
})

const site = new Hono()
site.get('/', (c) => c.text('the rest of the site\n'))
site.route('/api/passkey', verify)

serve({ fetch: site.fetch, hostname: '127.0.0.1', port: Number(PORT) }, ({ port }) =>
  say({ listening: port }),
)
