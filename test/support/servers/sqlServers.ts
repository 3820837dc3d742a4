import { execFile } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { freePorts } from '../programs/freePorts.ts'
import { programPath } from '../programs/programs.ts'
import {
  endProcesses,
  eventually,
  type StartedProcess,
  startProcess,
  temporaryFolder,
} from '../programs/trackerProcesses.ts'

export const SQL_SERVERS = ['postgres', 'mariadb'] as const
export type SqlServerKind = (typeof SQL_SERVERS)[number]

/** A database server of the test's own, on a free loopback port, with its data in a temporary folder. */
export interface SqlServer {
  readonly kind: SqlServerKind
  readonly port: number
  pid(): number
  /** An empty database. @returns its URL, as a ledger takes it */
  newDatabase(): Promise<string>
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** Starts it again on its data and its port, and waits until it answers. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Ends every server that was started, and removes its data. For afterAll. */
export const stopSqlServers = endProcesses

const READY_WITHIN_MS = 60_000
const run = promisify(execFile)

/** Starts a private server. Throws when its program is not installed: a database that is promised is tested or the test fails. */
export async function startSqlServer(kind: SqlServerKind): Promise<SqlServer> {
  return kind === 'postgres' ? startPostgres() : startMariadb()
}

const DEBIAN_POSTGRES = '/usr/lib/postgresql'

/** Debian keeps the server's programs off the PATH, a folder for each version. */
function postgresProgram(name: string): string {
  const versions = readable(DEBIAN_POSTGRES).sort((a, b) => Number(b) - Number(a))
  const found = versions.flatMap((version) =>
    readable(join(DEBIAN_POSTGRES, version, 'bin')).map((each) =>
      join(DEBIAN_POSTGRES, version, 'bin', each),
    ),
  )
  const path = found.find((each) => each.endsWith(`/${name}`)) ?? programPath(name)
  if (path === undefined) throw new Error(`${name} is not installed (Debian: apt-get install postgresql)`)
  return path
}

function readable(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // not there
  }
}

interface Account {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses root: there its own account runs it, else nobody. */
function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const line = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody')
  if (line === undefined) throw new Error('no account to run PostgreSQL under')
  return { uid: Number(line[2]), gid: Number(line[3]) }
}

function asAccount(account: Account | undefined, command: readonly string[]): readonly string[] {
  if (account === undefined) return command
  return [
    'setpriv',
    '--reuid',
    String(account.uid),
    '--regid',
    String(account.gid),
    '--clear-groups',
    '--pdeathsig',
    'TERM',
    ...command,
  ]
}

async function startPostgres(): Promise<SqlServer> {
  const account = serverAccount()
  const folder = temporaryFolder()
  if (account !== undefined) chownSync(folder, account.uid, account.gid)
  const data = join(folder, 'data')
  const [initdb, ...args] = asAccount(account, [
    postgresProgram('initdb'),
    '-D',
    data,
    '-U',
    'redswarm',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-sync',
  ])
  await run(initdb!, args, { cwd: folder })
  const [port] = await freePorts(1)
  // Without fsync a killed server loses nothing, only a killed machine would.
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: folder,
    fsync: 'off',
    max_connections: 60,
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = asAccount(account, [postgresProgram('postgres'), '-D', data, ...options])
  const url = (database: string) => `postgres://redswarm@127.0.0.1:${port}/${database}`
  const query = async (text: string) => {
    const client = new pg.Client({ connectionString: url('postgres') })
    client.on('error', () => {}) // said by the query as well
    await client.connect()
    await client.query(text).finally(() => client.end())
  }
  return server('postgres', { port: port!, command, folder, url, query })
}

async function startMariadb(): Promise<SqlServer> {
  for (const name of ['mariadbd', 'mariadb-install-db']) {
    if (programPath(name) === undefined)
      throw new Error(`${name} is not installed (Debian: apt-get install mariadb-server)`)
  }
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  mkdirSync(data)
  const isRoot = process.getuid?.() === 0 ? ['--user=root'] : []
  const where = ['--no-defaults', `--datadir=${data}`, ...isRoot]
  await run(programPath('mariadb-install-db')!, [
    ...where,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ])
  const [port] = await freePorts(1)
  const network = [
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    `--socket=${join(folder, 'socket')}`,
    `--pid-file=${join(folder, 'pid')}`,
  ]
  const quick = ['--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=64M', '--skip-name-resolve']
  const command = ['mariadbd', ...where, ...network, ...quick]
  const url = (database: string) => `mysql://root@127.0.0.1:${port}/${database}`
  const query = async (text: string) => {
    const connection = await createConnection({
      host: '127.0.0.1',
      port: port!,
      user: 'root',
      database: 'mysql',
    })
    connection.on('error', () => {}) // said by the query as well
    await connection.query(text).finally(() => connection.end())
  }
  return server('mariadb', { port: port!, command, folder, url, query })
}

interface Made {
  readonly port: number
  readonly command: readonly string[]
  readonly folder: string
  readonly url: (database: string) => string
  readonly query: (text: string) => Promise<void>
}

async function server(kind: SqlServerKind, { port, command, folder, url, query }: Made): Promise<SqlServer> {
  let child: StartedProcess
  let databases = 0
  const launch = async () => {
    const [program, ...args] = command
    child = await startProcess({ name: kind, program: program!, args, cwd: folder })
  }
  const start = () =>
    eventually(`${kind} answers`, READY_WITHIN_MS, async () => {
      // Right after a crash its own remains may keep it from starting.
      if (child === undefined || child.hasExited()) await launch()
      return query('select 1').then(
        () => true,
        () => undefined,
      )
    }).then(() => {})
  await launch!()
  await start()
  return {
    kind,
    port,
    pid: () => child.pid,
    newDatabase: async () => {
      const name = `books_${++databases}`
      await query(`create database ${name}`)
      return url(name)
    },
    kill: async () => void (await child.end('SIGKILL')),
    start,
    stop: async () => void (await child.end(kind === 'postgres' ? 'SIGINT' : 'SIGTERM')),
  }
}
