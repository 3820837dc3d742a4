import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, release } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

export interface Machine {
  readonly date: string
  readonly cores: number
  readonly cpu: string
  readonly kernel: string
  /** By program; empty where it is missing. */
  readonly versions: Readonly<Record<string, string>>
}

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    kernel: release(),
    versions: {
      Redswarm: packageVersion(root),
      Node: process.versions.node,
      Redis: firstMatch('redis-server', ['--version'], /v=(\S+)/),
      opentracker: firstMatch('dpkg-query', ['-W', '-f', `\${Version}`, 'opentracker'], /^\d\S*/),
      'bittorrent-tracker': packageVersion(join(root, 'node_modules/bittorrent-tracker')),
    },
  }
}

function firstMatch(program: string, args: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return pattern.exec(`${stdout ?? ''}${stderr ?? ''}`)?.at(-1) ?? ''
}

function packageVersion(folder: string): string {
  const file = join(folder, 'package.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version : ''
}
