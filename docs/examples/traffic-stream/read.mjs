/**
 * Reads the traffic stream with a consumer group and adds it up in SQLite, each entry once: its id and its bytes are
 * committed together, and only then is it acknowledged. Ends when nothing is left to read.
 *
 * Environment: REDIS_URL, DATABASE (default traffic.sqlite)
 */
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'

const { REDIS_URL = 'redis://127.0.0.1:6379/0', DATABASE = 'traffic.sqlite' } = process.env
const STREAM = 'tracker:traffic'
const GROUP = 'group-pt'
const CONSUMER = 'consumer-1'

const database = new DatabaseSync(DATABASE)
database.exec(`
  CREATE TABLE IF NOT EXISTS settled (id TEXT PRIMARY KEY);
  CREATE TABLE IF NOT EXISTS totals (passkey TEXT PRIMARY KEY, uploaded INTEGER NOT NULL, downloaded INTEGER NOT NULL);
`)
const settle = database.prepare('INSERT OR IGNORE INTO settled VALUES (?)')
const credit = database.prepare(`
  INSERT INTO totals VALUES (:passkey, :uploaded, :downloaded) ON CONFLICT (passkey) DO UPDATE
  SET uploaded = uploaded + excluded.uploaded, downloaded = downloaded + excluded.downloaded
`)

const redis = new Redis(REDIS_URL)
await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM').catch((error) => {
  if (!error.message.startsWith('BUSYGROUP')) throw error // it is there already
})

/** @param from `0`: what this consumer was given and did not acknowledge; `>`: what nobody was given yet */
async function readFrom(from) {
  for (;;) {
    const reply = await redis.xreadgroup('GROUP', GROUP, CONSUMER, 'COUNT', 100, 'STREAMS', STREAM, from)
    const entries = reply?.[0][1] ?? []
    if (entries.length === 0) return
    database.exec('BEGIN')
    for (const [id, list] of entries) {
      if (settle.run(id).changes === 0 || list === null) continue // seen before, or trimmed away meanwhile
      const fields = Object.fromEntries(list.flatMap((name, i) => (i % 2 ? [] : [[name, list[i + 1]]])))
      credit.run({ passkey: fields.passkey, uploaded: BigInt(fields.du), downloaded: BigInt(fields.dd) })
    }
    database.exec('COMMIT')
    await redis.xack(STREAM, GROUP, ...entries.map(([id]) => id))
  }
}

await readFrom('0')
await readFrom('>')
const totals = database.prepare('SELECT * FROM totals ORDER BY passkey')
totals.setReadBigInts(true) // bytes outgrow a number
for (const { passkey, uploaded, downloaded } of totals.all())
  process.stdout.write(`${passkey} uploaded ${uploaded} downloaded ${downloaded}\n`)
redis.disconnect()
