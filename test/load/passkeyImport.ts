import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { findRedisServer, startPrivateRedis } from '../../src/runtime/redisServer.ts'

/**
 * `node test/load/passkeyImport.ts [COUNT]`: time and peak memory of `redswarm passkeys` with a million passkeys (or so
 * many) against a private Redis, and the longest that another client of Redis had to wait meanwhile. A Markdown table.
 */

const root = fileURLToPath(new URL('../../', import.meta.url))
const count = Number(process.argv[2] ?? 1_000_000)
const PEAK = /^peak (\d+)$/m
/** Makes any program of Node say at its end how much memory it had at most, in KiB. */
const SAY_PEAK = `data:text/javascript,process.on('exit',()=>console.error('peak '+process.resourceUsage().maxRSS))`

const print = (line: string) => void process.stdout.write(`${line}\n`)
const row = (cells: readonly string[]) => print(`| ${cells.join(' | ')} |`)
const mebibytes = (kibibytes: number) => `${Math.round(kibibytes / 1024)} MiB`

async function main(): Promise<void> {
  const program = await findRedisServer(process.env, print)
  const server = await startPrivateRedis({ program })
  const redis = new Redis(server.url, { protocol: 2 })
  const folder = await mkdtemp(join(tmpdir(), 'redswarm-load-'))
  const [lines, csv, exported] = ['users.txt', 'users.csv', 'export.txt'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  const date = new Date().toISOString().slice(0, 10)
  print(
    `${count.toLocaleString('en')} passkeys; Redis ${program.version}, Node ${process.versions.node}, ${date}\n`,
  )
  try {
    await write(lines, linesFrom(0))
    await write(csv, csvFrom(count / 100)) // one in a hundred leaves, and another one comes
    row(['`redswarm passkeys`', 'time', 'peak memory', 'longest wait of another client of Redis'])
    row(['---', '---:', '---:', '---:'])
    const runs = [
      ['import', lines],
      ['import', '--replace', lines],
      ['import', '--replace', '--column', 'passkey', csv],
      ['export', '--output', exported],
    ]
    for (const args of runs) {
      const { seconds, peakKib, waitMs } = await measured(args, server.url, redis)
      const shown = args.map((each) => each.replace(`${folder}/`, ''))
      row([
        `\`${shown.join(' ')}\``,
        `${seconds.toFixed(1)} s`,
        mebibytes(peakKib),
        `${Math.ceil(waitMs)} ms`,
      ])
    }
  } finally {
    redis.disconnect()
    await server.stop()
    await rm(folder, { recursive: true })
  }
}

const passkey = (n: number) => (0x5eed_0000_0000 + n).toString(16).padStart(32, '0')

async function write(path: string, texts: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(texts), createWriteStream(path))
}

function* linesFrom(first: number): Generator<string> {
  for (let n = first; n < first + count; n++) yield `${passkey(n)}\n`
}

function* csvFrom(first: number): Generator<string> {
  yield 'id,name,passkey\r\n'
  for (let n = first; n < first + count; n++) yield `${n},"user, number ""${n}""",${passkey(n)}\r\n`
}

async function measured(args: readonly string[], redisUrl: string, redis: Redis) {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [`${root}src/cli/main.ts`, 'passkeys', ...args], {
    env: { ...process.env, REDIS_URL: redisUrl, NODE_OPTIONS: `--import "${SAY_PEAK}"` },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  let waitMs = 0
  while (!isOver) {
    const askedMs = performance.now()
    await redis.ping()
    waitMs = Math.max(waitMs, performance.now() - askedMs)
  }
  if ((await ended) !== 0) throw new Error(`passkeys ${args.join(' ')} failed:\n${errors}`)
  const seconds = (performance.now() - startedMs) / 1_000
  return { seconds, peakKib: Number(PEAK.exec(errors)?.[1]), waitMs }
}

await main()
